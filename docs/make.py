"""Builds the site of docs/: its pages, with a reference made of the configs, the spaces and the docstrings.

    python docs/make.py [FOLDER]        # build/site

The pages are copied beside the generated ones, and Zensical makes HTML of both. A warning of Zensical, such as a link
that leads nowhere, is an error. The site opens without a network, from a server or as files.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

import explorer

DOCS = Path(__file__).parent
ROOT = DOCS.parent
SHIM = "https://unpkg.com/iframe-worker/shim"
"""What Zensical's search loads from the network where the site is opened as files."""

GROUPS = {
    "data": "Data sets",
    "recipe": "Recipes",
    "sampler": "Samplers",
    "stopping": "Stopping rules",
    "launcher": "Launchers",
    "board": "Boards",
    "experiment": "Experiments",
}

API = {
    "Search": ("study.optimize.optimize", "study.optimize.Study", "study.optimize.Trial", "tables"),
    "Spaces": (
        "cli.config.load_space",
        "space.parse",
        "space.DesignSpace",
        "space.family.FamilySpace",
        "space.union.UnionSpace",
        "space.parameter.Parameter",
    ),
    "Networks as data": (
        "arch.families.architecture",
        "arch.architecture.Architecture",
        "arch.cost",
        "arch.layers",
        "arch.blocks",
        "arch.small",
    ),
    "Networks that compute": ("training.network.build", "training.recipe.Recipe"),
    "Samplers": (
        "samplers.Proposer",
        "samplers.Proposal",
        "samplers.TrialResult",
        "samplers.Sampler",
        "samplers.front",
        "samplers.surrogate",
        "samplers.improvement",
    ),
    "Stopping rules": ("study.stopping",),
    "The front": ("results.pareto",),
    "Where jobs run": ("launchers.Launcher",),
    "What a study holds": ("storage.stored.load", "results.record"),
}
"""Headings of the Python reference, and what stands below each."""


def main(site: Path) -> int:
    """Builds the site into a folder; returns Zensical's exit code."""
    source = site.parent / f"{site.name}-source"
    for folder in (source, site):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DOCS, source / "docs", ignore=shutil.ignore_patterns("*.py", "*.toml", "__pycache__"))
    reference = source / "docs" / "reference"
    reference.mkdir()
    pages = {"commands": commands(), "groups": groups(), "spaces": spaces(), "python": python()}
    for name, text in pages.items():
        (reference / f"{name}.md").write_text(text, encoding="utf-8")
    settings = (DOCS / "zensical.toml").read_text(encoding="utf-8")
    (source / "zensical.toml").write_text(settings.replace("@ROOT@", os.path.relpath(ROOT, source)), encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "zensical", "build", "--strict"], cwd=source, check=False)
    if done.returncode == 0:
        shutil.move(source / "site", site)
        _without_network(site)
        print(f"{site / 'index.html'}")
    return done.returncode


def commands() -> str:
    """Every command: its help and its keys."""
    text = [
        "# Commands",
        "Made of `conf/*.yaml`. Values are given as `KEY=VALUE`; `--help` prints the same.",
    ]
    for path in sorted((ROOT / "conf").glob("*.yaml")):
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        text += [f"## explorer.{path.stem}", f"`{_heading(path)[0]}`", *_help(config)]
        chosen = [f"`{name}={option}`" for name, option in _defaults(config) if (ROOT / "conf" / name).is_dir()]
        if chosen:
            text.append(f"[Groups](groups.md): {', '.join(chosen)}.")
        text.append(_table(path))
    return _page(text)


def groups() -> str:
    """Every option of every group."""
    text = ["# Groups", "Made of `conf/*/*.yaml`. `GROUP=OPTION` chooses, `GROUP.KEY=VALUE` sets a key."]
    for group, title in GROUPS.items():
        text.append(f"## {title}")
        for path in sorted((ROOT / "conf" / group).glob("*.yaml")):
            config = yaml.safe_load(path.read_text(encoding="utf-8"))
            lines = [line for line in _heading(path) if not line.startswith("@package")]
            setting = f"+experiment={path.stem}" if group == "experiment" else f"{group}={path.stem}"
            text += [f"### {setting}", "\n".join(lines)]
            inherited = [f"`{name}={option}`" for name, option in _defaults(config)]
            if inherited:
                text.append(f"Takes {', '.join(inherited)}.")
            text.append(_table(path))
    return _page(text)


def spaces() -> str:
    """Every space that comes with the package, as it is."""
    text = ["# Spaces", "Made of `search_spaces/*.yaml`; searched with `+space=NAME`."]
    for path in sorted((ROOT / "search_spaces").glob("*.yaml")):
        text += [f"## {path.stem}", _fenced("yaml", path.read_text(encoding="utf-8"))]
    return _page(text)


def python() -> str:
    """What can be imported; the docstrings are put in by mkdocstrings."""
    short = ", ".join(f"`explorer.{name}`" for name in explorer.__all__)
    text = ["# Python", f"Made of the docstrings. After `import explorer` the most used have short names: {short}."]
    for title, names in API.items():
        text += [f"## {title}", *(f"::: explorer.{name}" for name in names)]
    return _page(text)


def _page(parts: list[str]) -> str:
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _fenced(language: str, text: str) -> str:
    return f"```{language}\n{text.strip()}\n```"


def _heading(path: Path) -> list[str]:
    """The comment that a file begins with."""
    lines: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    return lines


def _help(config: dict[str, Any]) -> Iterator[str]:
    """The text of --help without the lists that Hydra puts into it: they follow as tables."""
    left_out = ("$", "Groups (", "Values (")
    lines = [line for line in config["hydra"]["help"]["template"].splitlines() if not line.startswith(left_out)]
    for part in re.split(r"\n{2,}", "\n".join(lines).strip("\n").replace("$$", "$")):
        yield _fenced("sh", textwrap.dedent(part)) if part.startswith("  ") else part


def _defaults(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(group, option) of a defaults list; `_self_` and Hydra's own groups are left out."""
    for entry in config.get("defaults", ()):
        for group, option in entry.items() if isinstance(entry, dict) else [("recipe", entry)]:
            name = group.removeprefix("override ").removeprefix("/")
            if option != "_self_" and not name.startswith("hydra/"):
                yield name, option


def _table(path: Path) -> str:
    """The keys of a config with their values and their comments."""
    text = path.read_text(encoding="utf-8")
    rows = list(_rows(yaml.compose(text), text))
    if not rows:
        return ""
    lines = ["| key | value | meaning |", "|---|---|---|"]
    for key, value, comment in rows:
        lines.append(f"| `{key}` | `{value}` | {comment} |".replace("{|", "{\\|"))
    return "\n".join(lines)


def _rows(node: yaml.Node, text: str, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """(key, value, comment) of every value of a mapping; a nested key is written with dots."""
    lines = text.splitlines()
    for name, value in node.value:
        key = f"{prefix}{name.value}"
        if key in ("hydra", "defaults"):
            continue
        first, last = value.start_mark, value.end_mark
        comment = _comment(lines[name.start_mark.line :])
        if isinstance(value, yaml.MappingNode) and not value.flow_style:
            if comment:
                yield key, "", comment
            yield from _rows(value, text, f"{key}.")
        else:
            content = " ".join(line.partition(" #")[0].strip() for line in text[first.index : last.index].splitlines())
            yield key, content.strip(), comment


def _comment(lines: list[str]) -> str:
    """The comment at the end of the first line, and what continues it below, in the same column."""
    column = lines[0].find(" # ") + 1
    if not column:
        return ""
    words = [lines[0][column + 1 :].strip()]
    for line in lines[1:]:
        if not line.startswith(" " * column + "#"):
            break
        words.append(line[column + 1 :].strip())
    return " ".join(words)


def _without_network(site: Path) -> None:
    """Lets the pages load the copy of the search's helper that lies in the site."""
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        here = os.path.relpath(site / "assets" / "iframe-worker.js", page.parent)
        page.write_text(text.replace(SHIM, here), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "site").absolute()))
