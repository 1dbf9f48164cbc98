"""A built wheel, installed elsewhere and used from an empty folder."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built without network: hatchling is in the lock."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Runs a module of the installed wheel in an empty folder: (arguments, folder) -> CompletedProcess."""
    site = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:  # what pip does with a wheel of pure Python
        archive.extractall(site)

    def run(folder, *arguments):
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {
            "PYTHONPATH": str(site)
        }
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    return run


def files(folder):
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.slow
def test_holds_the_package_and_its_configs_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    package = {f"explorer/{name}" for name in files(ROOT / "explorer")}
    configs = {f"explorer/{folder}/{name}" for folder in ("conf", "search_spaces") for name in files(ROOT / folder)}
    assert configs
    assert held == package | configs


@pytest.mark.slow
def test_finds_its_own_configs(installed, tmp_path):
    code = """
import explorer
from explorer.cli import config
print(explorer.__file__, config.folder("conf"))
print(*config.space_files())
"""
    done = installed(tmp_path, "-c", code)
    assert done.stderr == ""
    places, spaces = done.stdout.splitlines()
    module, conf = map(Path, places.split())
    assert not module.is_relative_to(ROOT)
    assert conf == module.parent / "conf"
    assert set(spaces.split()) == {path.stem for path in (ROOT / "search_spaces").glob("*.yaml")}


@pytest.mark.slow
def test_describes_from_an_empty_folder(installed, tmp_path):
    done = installed(tmp_path, "-m", "explorer.describe", "squeezenet_v1_0", "input=[1,8,8]", "classes=10")
    assert (done.returncode, done.stderr) == (0, "")
    assert "727,306" in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_searches_from_an_empty_folder(installed, tmp_path):
    done = installed(tmp_path, "-m", "explorer.search", "+space=fire_micro", "n_trials=2", "epochs=1")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "study.db").is_file()
    assert (tmp_path / "mlflow.db").is_file()
    # Trial 0 is the first anchor.
    done = installed(tmp_path, "-m", "explorer.describe", "0")
    assert (done.returncode, done.stderr) == (0, "")
    assert "727,306" in done.stdout


@pytest.mark.slow
def test_the_source_archive_runs_its_own_tests(tmp_path):
    """Every test can be collected from what is in it, and some are run."""
    command = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = (entry for entry in tmp_path.iterdir() if entry.is_dir())
    assert {"LICENSE", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks", "docs"} <= {
        each.name for each in unpacked.iterdir()
    }
    where = "import explorer; print(explorer.__file__)"
    found = subprocess.run([sys.executable, "-c", where], cwd=unpacked, capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()).is_relative_to(unpacked)
    for words in (["--collect-only"], ["tests/space", "tests/cli/test_experiments.py", "-k", "not train"]):
        run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
        done = subprocess.run(run, cwd=unpacked, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr
