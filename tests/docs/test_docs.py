"""docs/: the site builds strictly and opens offline, its links lead somewhere, its code runs, its commands parse."""

from __future__ import annotations

import contextlib
import io
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml

import explorer
from tests.support import warm
from tests.support.browser_pages import DOCS, PAGES, ROOT, Command, blocks, commands, consoles, headings, unlike

README = ROOT / "README.md"
OUTSIDE = re.compile(r"https?://(127\.0\.0\.1(:\d+)?|localhost(:\d+)?|([a-z0-9-]+\.)+[a-z]{2,})(/[^\s]*)?$")
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


class Links(HTMLParser):
    """What a page links to, what it loads, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attributes}
        self.anchors |= {values[key] for key in ("id", "name") if key in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if "src" in values:
            self.loaded.append(values["src"])
        if tag == "link" and values.get("rel") not in ("canonical", "next", "prev"):
            self.loaded.append(values["href"])


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[Path, Links]:
    return {path: Links(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


@pytest.mark.slow
def test_every_page_is_in_the_navigation(site: Path) -> None:
    settings = tomllib.loads((DOCS / "zensical.toml").read_text(encoding="utf-8"))
    listed = set(re.findall(r"'([\w/]+\.md)'", str(settings["project"]["nav"])))
    made = {"reference/commands.md", "reference/groups.md", "reference/spaces.md", "reference/python.md"}
    assert listed == made | {str(page.relative_to(DOCS)) for page in PAGES}
    assert all((site / name).with_suffix(".html").is_file() for name in listed)


@pytest.mark.slow
def test_links_of_the_site_lead_somewhere(pages: dict[Path, Links], site: Path) -> None:
    wrong, seen = [], 0
    for path, page in pages.items():
        if path.name == "404.html":  # its links are from the root of a server
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                if not OUTSIDE.fullmatch(link):
                    wrong.append(f"{path.name}: {link}")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            found = target.is_file() and site in target.parents
            if not found or (parts.fragment and unquote(parts.fragment) not in pages[target].anchors | {"__skip"}):
                wrong.append(f"{path.name}: {link}")
            seen += 1
    assert not wrong
    assert seen > 1000


@pytest.mark.slow
def test_the_site_needs_no_network(pages: dict[Path, Links], site: Path) -> None:
    for path, page in pages.items():
        for address in page.loaded:
            assert not urlsplit(address).netloc, f"{path.name} loads {address}"
            if path.name != "404.html":
                assert (path.parent / unquote(urlsplit(address).path)).exists(), f"{path.name}: {address}"
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert "url(http" not in styles
    assert "url(//" not in styles


@pytest.mark.slow
def test_a_link_that_leads_nowhere_is_an_error(tmp_path: Path) -> None:
    """The build is strict: of a page alone, what is wrong in it stops it."""
    (tmp_path / "docs").mkdir()
    for line in ("[a](index.md#nothing)", "[b](nothing.md)", "::: explorer.nothing"):
        (tmp_path / "docs" / "index.md").write_text(f"# Title\n\n{line}\n")
        settings = '[project]\nsite_name = "x"\n[project.plugins.mkdocstrings]\n'
        (tmp_path / "zensical.toml").write_text(settings)
        command = [sys.executable, "-m", "zensical", "build", "--strict"]
        assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode != 0, line


def keys(config: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in config.items():
        if prefix or key not in ("hydra", "defaults"):
            yield f"{prefix}{key}"
            if isinstance(value, dict) and "{" not in str(key):
                yield from keys(value, f"{prefix}{key}.")


@pytest.mark.slow
def test_the_reference_has_every_command_key_and_option(site: Path) -> None:
    written = (site / "reference" / "commands.html").read_text(encoding="utf-8")
    for path in (ROOT / "conf").glob("*.yaml"):
        assert f"explorer.{path.stem}</h2>" in re.sub(r"<a .*?</a>", "", written)
        for key in keys(yaml.safe_load(path.read_text())):
            assert f"<code>{key}</code>" in written, f"{path.name}: {key}"
    written = (site / "reference" / "groups.html").read_text(encoding="utf-8")
    for path in (ROOT / "conf").glob("*/*.yaml"):
        name = f"+experiment={path.stem}" if path.parent.name == "experiment" else f"{path.parent.name}={path.stem}"
        assert name in written
        for key in yaml.safe_load(path.read_text()):
            assert key == "defaults" or f"<code>{key}" in written, f"{path}: {key}"
    written = (site / "reference" / "python.html").read_text(encoding="utf-8")
    for name in explorer.__all__:
        assert f".{name}</code>" in written or f".{name}<" in written or f'.{name}"' in written, name


@pytest.mark.parametrize("name", ["README.md", *NAMES])
def test_links_lead_somewhere_on_a_repository_host_too(name: str) -> None:
    page = ROOT / name
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)|<(https?://[^>]+)>", text):
        address = link[0] or link[1]
        if urlsplit(address).scheme:
            assert OUTSIDE.fullmatch(address), address
            continue
        path, _, anchor = address.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), address
        assert not anchor or anchor in headings(target), address


@pytest.mark.parametrize("name", NAMES)
def test_spaces_parse(name: str, tmp_path: Path) -> None:
    for index, text in enumerate(blocks(ROOT / name, "yaml")):
        data = yaml.safe_load(text)
        if data.get("family") == "dense":  # of a package that another test installs
            continue
        if "search" in data or "family" in data:
            path = tmp_path / f"space_{index}.yaml"
            path.write_text(text)
            assert explorer.load_space(path).parameters
        else:
            assert data["defaults"] == ["image_folder", "_self_"]  # it is composed below


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith(("docs/howto/", "docs/explanation/"))])
def test_python_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "page"}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for text in blocks(ROOT / name, "python"):
            if "sqlite:///" not in text:  # tests/docs/test_tutorial.py runs it on a study
                exec(compile(text, name, "exec"), names)  # noqa: S102
    if name.endswith("howto/data.md"):
        module = names["load"](images=200, val=40, test=40)
        assert (module.input_shape, module.images) == ((1, 12, 12), {"train": 120, "val": 40, "test": 40})
    if name.endswith("howto/objective.md"):
        lines = printed.getvalue().splitlines()
        assert "'width'" in lines[0]
        assert lines[-3:-1] == ["40 trials", "60 trials"]
        assert int(lines[-4].split()[1]) > 0  # some were stopped
    if name.endswith("explanation/front.md"):
        assert printed.getvalue().splitlines()[0] == "[0, 1]"


@pytest.fixture(scope="session")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the configs that pages tell a person to write."""
    folder = tmp_path_factory.mktemp("configs")
    for name in ("my_spaces", "spaces", "my/data"):
        (folder / name).mkdir(parents=True)
    tiny, *_ = blocks(DOCS / "howto" / "space.md", "yaml")
    for path in ("my_spaces/tiny.yaml", "my_spaces/mine.yaml"):
        (folder / path).write_text(tiny)
    (folder / "spaces" / "dense.yaml").write_text(blocks(DOCS / "families.md", "yaml")[0])
    (folder / "my" / "data" / "photos.yaml").write_text(blocks(DOCS / "howto" / "data.md", "yaml")[0])
    return folder


EVERY = sorted({command.line: command for page in [README, *PAGES] for command in commands(page)}.items())


@pytest.mark.slow
@pytest.mark.parametrize("line", [line for line, _ in EVERY])
def test_commands_parse(line: str, configured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hydra composes what each command says; modules, make's targets and pip's extras are there."""
    first, *rest = shlex.split(line)
    if first.endswith("python") and rest[0] == "-m" and rest[1].startswith("explorer."):
        monkeypatch.chdir(configured)
        monkeypatch.setattr(sys, "argv", [rest[1], *rest[2:], "--cfg=job"])
        monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
        printed, complaint = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(complaint), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # that the module is imported already
            with pytest.raises(SystemExit) as left:
                runpy.run_module(rest[1], run_name="__main__")
        assert not left.value.code, complaint.getvalue()
        assert printed.getvalue()
    elif first.endswith("python"):
        path = rest[1].replace(".", "/") + ".py" if rest[0] == "-m" else rest[0]
        ours = ROOT / "explorer/int8/sources" / Path(path).name  # what firmware writes
        assert (ROOT / path).is_file() or ours.is_file()
    elif first == "make":
        assert re.search(rf"^{rest[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    else:
        assert first in ("mlflow", "optuna-dashboard", "pip", "mkdir", ".")


def test_extras_are_there() -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {name for page in [README, *PAGES] for name in re.findall(r"explorer\[(\w+)\]'", page.read_text())}
    assert named
    assert named <= set(known)


REFUSED = [command for command in consoles(DOCS / "howto" / "space.md") if command.output]


@pytest.mark.slow
@pytest.mark.parametrize("command", REFUSED, ids=lambda command: command.line)
def test_refusals_are_as_printed(command: Command, configured: Path) -> None:
    program, option, *words = shlex.split(command.line)
    assert (Path(program).name, option) == ("python", "-m")
    done = warm.command(*words, cwd=configured)
    assert done.returncode == 2
    assert unlike(command.output, done.stderr) is None
