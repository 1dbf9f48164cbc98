"""A family from outside: the package of docs/families.md, really installed with pip and used by the commands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from explorer.arch import Architecture, cost
from tests.support import warm

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "families.md").read_text()


def block(language: str) -> str:
    """The one fenced block of a language on the page."""
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(text)


def install(folder: Path, module: str, code: str, pyproject: str) -> Path:
    """Builds and installs a package of one module with pip, without network; where it lies."""
    source, site = folder / "source", folder / "site"
    source.mkdir(parents=True)
    (source / f"{module}.py").write_text(code)
    (source / "pyproject.toml").write_text(pyproject)
    words = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *words, "--target", str(site), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return site


def run(folder: Path, site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(site), str(ROOT)])
    if words[0] == "-m":
        return warm.command(*words[1:], cwd=folder, PYTHONPATH=path)
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("dense"), "explorer_dense", block("python"), block("toml"))


def test_the_function_has_twenty_lines() -> None:
    body = block("python").split("NAMED", 1)[1].splitlines()
    assert len([line for line in body if line.strip()]) <= 20


@pytest.mark.slow
def test_describe_knows_its_networks(site: Path, tmp_path: Path) -> None:
    words = ("-m", "explorer.describe", "dense_24", "format=json")
    done = run(tmp_path, site, *words, "input=[3,32,32]", "classes=10")
    assert (done.returncode, done.stderr) == (0, "")
    assert "layer24.conv" in done.stdout
    unknown = run(tmp_path, tmp_path, *words)
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "network is 'dense_24', expected one of" in unknown.stderr


@pytest.mark.slow
def test_the_page_builds_what_it_says(site: Path, tmp_path: Path) -> None:
    code = """
from explorer.arch import architecture, cost
from explorer.arch.families import metaparameters
from explorer.training.network import build
print(metaparameters("dense"))
for side in (8, 32, 224):
    network = architecture("dense_12", (3, side, side), 10)
    assert cost(network).params == sum(p.numel() for p in build(network).parameters())
    print(side, min(row.output_shape[1] for row in cost(network).layers if row.type == "Conv2d"))
"""
    done = run(tmp_path, site, "-c", code)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["{'growth': 12, 'depth': 12, 'pools': 2}", "8 2", "32 8", "224 28"]


@pytest.mark.long
@pytest.mark.slow
def test_search_and_all_that_follows(site: Path, tmp_path: Path) -> None:
    spaces = tmp_path / "spaces"
    spaces.mkdir()
    (spaces / "dense.yaml").write_text(block("yaml"))
    words = ("-m", "explorer.search", "--config-dir", "spaces", "+space=dense", "n_trials=3", "epochs=1")
    done = run(tmp_path, site, *words)
    assert done.returncode == 0, done.stderr
    assert "study dense: 3 trials, n_trials=3 are done" in done.stdout
    assert "dense 12" in done.stdout
    # What is stored are layers: the package is not needed any more.
    described = run(tmp_path, tmp_path, "-m", "explorer.describe", "1", "format=json")
    assert (described.returncode, described.stderr) == (0, "")
    assert "layer12.conv" in described.stdout
    retrained = run(tmp_path, site, "-m", "explorer.retrain", "1", "seeds=1")
    assert retrained.returncode == 0, retrained.stderr
    folder = tmp_path / "retrained" / "dense-1"
    network = Architecture.from_json((folder / "architecture.json").read_text())
    assert "layer12.conv" in {row.name for row in cost(network).layers}
    assert (folder / "model.onnx").stat().st_size > 0
    smallest = ("smallest", "within=0.99")
    words = ("ratio=4", "seeds=1", "epochs=2", "rounds=1", "output=small")
    compressed = run(tmp_path, site, "-m", "explorer.compress", *smallest, *words)
    assert compressed.returncode == 0, compressed.stderr
    (file,) = (tmp_path / "small").glob("*.sqz")
    decoded = run(tmp_path, tmp_path, "-m", "explorer.decompress", str(file))
    assert decoded.returncode == 0, decoded.stderr
    timed = run(tmp_path, tmp_path, "-m", "explorer.latency", *smallest, "rounds=2")
    assert timed.returncode == 0, timed.stderr
    reported = run(tmp_path, site, "-m", "explorer.report")
    assert reported.returncode == 0, reported.stderr
    page = (tmp_path / "report.html").read_text()
    assert "dense 12" in page
    assert "pools=" in page


WRONG = {
    "no module": (None, "explorer_missing", "ModuleNotFoundError: No module named 'explorer_missing'"),
    "broken": ("raise OSError('no licence')", "odd", "OSError: no licence"),
    "no function": ("NAMED = {}", "odd", "expected a module with a function odd"),
    "no default": ("def odd(input_shape, classes, *, width): ...", "odd", "its metaparameter width has no default"),
    "a network twice": (
        "NAMED = {'vgg16': {}}\ndef odd(input_shape, classes): ...",
        "odd",
        "there is a network vgg16 already",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_family_is_refused_in_one_line(case: str, tmp_path: Path) -> None:
    code, module, message = WRONG[case]
    info = tmp_path / "odd-1.0.dist-info"  # what pip leaves of a package
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[explorer.families]\nodd = {module}\n")
    if code is not None:
        (tmp_path / "odd.py").write_text(code)
    done = run(tmp_path, tmp_path, "-m", "explorer.describe", "squeezenet_v1_0")
    assert done.returncode == 2
    line = f"explorer.describe: entry point explorer.families: odd = '{module}': {message}"
    assert done.stderr.splitlines() == [line]


def test_our_names_are_taken(tmp_path: Path) -> None:
    info = tmp_path / "odd-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[explorer.families]\nfire = odd\n")
    done = run(tmp_path, tmp_path, "-m", "explorer.describe", "squeezenet_v1_0")
    assert done.stderr.endswith("fire = 'odd': there is a family fire already\n")


def test_help_does_not_look_for_families(tmp_path: Path) -> None:
    """It answers although a package is broken, so nothing of others was imported."""
    info = tmp_path / "odd-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[explorer.families]\nodd = odd\n")
    (tmp_path / "odd.py").write_text("raise OSError('imported')")
    done = run(tmp_path, tmp_path, "-m", "explorer.search", "--help")
    assert (done.returncode, done.stderr) == (0, "")
