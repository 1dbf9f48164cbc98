"""A space's file is data: every way from it to code, to the environment, or to memory without end is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer import load_space
from explorer.cli.config import space_files
from explorer.space import SpaceError, parse
from explorer.space.file import MOST_BYTES, MOST_NODES, inherited, read_space_file

GOOD = "family: fire\nsearch: {base_e: {type: int, low: 16, high: 32, step: 16}}\n"
DEEP = 60


def written(folder: Path, text: str | bytes, name: str = "mine.yaml") -> Path:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def search(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "explorer.search", "--config-dir", str(folder), *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_every_space_that_comes_with_the_program_is_data() -> None:
    for path in space_files().values():
        assert read_space_file(path)
    assert "fire" in inherited(read_space_file(space_files()["all"]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "defaults: [{override /hydra/launcher: basic}]\n",
            r"defaults has \{'override /hydra/launcher': 'basic'\}",
        ),
        ("defaults: ['/data@_global_: digits']\n", r"defaults has '/data@_global_: digits', expected spaces"),
        ("defaults: [fire@_global_]\n", r"defaults has 'fire@_global_', expected spaces"),
        ("defaults: [fire@hydra.callbacks]\n", r"defaults has 'fire@hydra.callbacks', expected spaces"),
        ("defaults: [../data/digits]\n", r"defaults has '\.\./data/digits', expected spaces"),
        ("defaults: fire\n", r"defaults is 'fire', expected a list of spaces"),
        (
            "anchors: ['${oc.env:HOME}']\n",
            r"anchors is '\$\{oc\.env:HOME\}'; a space is data, so nothing",
        ),
        ("fixed: {stem: '${storage}'}\n", r"fixed\.stem is '\$\{storage\}'; a space is data"),
        ("fixed: {'${oc.env:HOME}': 1}\n", r"a key of fixed is '\$\{oc\.env:HOME\}'; a space is data"),
        ("fixed: &f {stem: *f}\n", r"an alias in it stands for what holds it"),
        ("fixed: " + "[" * DEEP + "]" * DEEP, r"more than 20 levels deep"),
        ("fixed: [" + "1, " * MOST_NODES + "]", rf"more than {MOST_NODES:,} values"),
        ("#" * MOST_BYTES + "\n", rf"expected a space of at most {MOST_BYTES:,}"),
        ("- fire\n", r"no space: expected a mapping with family, search"),
        ("1: fire\n", r"no space: expected a mapping with family, search"),
        ("", r"no space: expected a mapping"),
        ("{{{", r"no YAML"),
        (b"family: f\xfcr\n", r"no YAML: it is not UTF-8"),
        ("family: !!python/name:os.system\n", r"no YAML: could not determine a constructor"),
    ],
)
def test_what_is_more_than_data_is_refused(text: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match=rf"mine\.yaml: .*{message}|mine\.yaml: {message}") as caught:
        read_space_file(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_aliases_count_as_what_they_stand_for(tmp_path: Path) -> None:
    rows = "".join(f"k{i}: &k{i} [{', '.join([f'*k{i - 1}' if i else '1'] * 8)}]\n" for i in range(5))
    with pytest.raises(SpaceError, match="values, its aliases written out"):
        read_space_file(written(tmp_path, rows))


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
KEYS = st.sampled_from(["family", "search", "fixed", "options", "limits", "anchors", "families"])
ENTRY = st.dictionaries(st.sampled_from(["type", "low", "high", "step", "log", "choices", "when"]), ANYTHING | SCALARS)


@pytest.mark.slow
@given(st.dictionaries(KEYS, ANYTHING), st.dictionaries(st.sampled_from(["base_e", "bypass"]), ENTRY | ANYTHING))
def test_anything_else_is_a_space_or_one_line(data: dict[str, object], search: dict[str, object]) -> None:
    for each in (data, {"family": "fire", "search": search, **data}, {"family": "fire", "search": search}):
        try:
            parse("any", each)
        except SpaceError as error:
            if not str(error).startswith("space any"):
                raise


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (
            {"base_e": {"type": "int", "low": 1, "high": 10**10}},
            "base_e: has more than 100,000 values; give",
        ),
        ({"pct_3x3": {"type": "float", "low": 0, "high": 1, "step": 1e-9}}, "pct_3x3: has more than 100,000 values"),
        ({"base_e": {"type": "int", "low": 1, "high": 10**400}}, "base_e.high: is a number of many digits, expected"),
        ({"bypass": {"type": "categorical", "choices": [["none"]]}}, r"bypass.choices: has \['none'\], expected text"),
        ({"bypass": {"type": ["int"]}}, r"bypass.type: is \['int'\], expected one of"),
        (
            {"stem": {"type": "int", "low": 1, "high": 2, "when": "bypass"}},
            r"stem\.when: is 'bypass', expected a",
        ),
    ],
)
def test_entries_that_are_refused(search: dict[str, object], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        parse("any", {"family": "fire", "search": search})


@pytest.mark.parametrize("limit", [float("nan"), float("inf"), -float("inf"), 0])
def test_a_limit_is_a_number(limit: float) -> None:
    with pytest.raises(SpaceError, match=r"limits\.params: is .*, expected a positive number"):
        parse(
            "any",
            {"family": "fire", "search": {"base_e": {"type": "int", "low": 1, "high": 2}}, "limits": {"params": limit}},
        )


def conditional(value: object) -> dict[str, object]:
    return {
        "pct_3x3": {"type": "float", "low": 0.1, "high": 0.5, "step": 0.1},
        "stem": {"type": "int", "low": 16, "high": 17, "when": {"pct_3x3": value}},
    }


def test_a_condition_on_a_float_holds_but_for_rounding() -> None:
    space = parse("any", {"family": "fire", "search": conditional(0.3)})
    points = list(space.points())
    assert 0.3 not in [point["pct_3x3"] for point in points]  # it is 0.30000000000000004
    assert sum("stem" in point for point in points) == 2


def test_a_condition_that_never_holds_is_refused() -> None:
    with pytest.raises(SpaceError, match=r"search\.stem\.when\.pct_3x3: pct_3x3 is never 0\.35, so stem would"):
        parse("any", {"family": "fire", "search": conditional(0.35)})


def test_a_slip_of_the_pen_builds_no_endless_network() -> None:
    search = {"modules": {"type": "int", "low": 1, "high": 10**8, "step": 5 * 10**7}}
    with pytest.raises(SpaceError, match="modules is 50000001, expected at most 1,000"):
        parse("any", {"family": "fire", "search": search}).check((1, 8, 8), 10)


@pytest.mark.slow
def test_a_folders_other_files_stop_no_search(tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    written(tmp_path, "{{{", "broken.yaml")
    written(tmp_path, "lr: 1\n", "notes.yaml")
    assert search(tmp_path, "+space=mine", "--cfg", "job").returncode == 0
    refused = search(tmp_path, "+space=broken")
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"explorer.search: {tmp_path / 'broken.yaml'}: no YAML: ")
    unknown = search(tmp_path, "+space=notes")
    assert "space=notes is not known, expected one of all, " in unknown.stderr
    assert "notes," not in unknown.stderr


PROBE = "_target_: pathlib.Path.touch\nself: {_target_: pathlib.Path, _args_: [called]}\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mine.yaml", f"defaults: ['override /hydra/launcher: mine', fire]\n{GOOD}"),
        ("mine.yaml", f"hydra: {{callbacks: {{x: {{_target_: pathlib.Path}}}}}}\n{GOOD}"),
        ("mine.yaml", f"# @package hydra.callbacks.x\n{PROBE}{GOOD}"),
        ("mine.yaml", f"# @package _global_\nhydra: {{callbacks: {{x: {{_target_: pathlib.Path}}}}}}\n{GOOD}"),
        ("space/fire.yaml", f"# @package _global_\nhydra: {{callbacks: {{x: {{_target_: pathlib.Path}}}}}}\n{GOOD}"),
        ("data/digits.yaml", f"# @package hydra.callbacks.x\n{PROBE}"),
        ("data/mine.yaml", "# @package _global_\nhydra: {callbacks: {x: {_target_: pathlib.Path}}}\n"),
        ("recipe/mine.yaml", "defaults: [{override /hydra/callbacks: x}]\n"),
        ("recipe/deep/mine.yaml", "callbacks: [{a: {_target_: pathlib.Path}}]\n"),
    ],
)
def test_no_shared_file_reaches_code(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
    written(tmp_path, text, name)
    group, _, choice = name.removesuffix(".yaml").rpartition("/")
    words = ["+space=mine"] if not group else ["+space=fire"] + [f"{group}={choice}"] * (not group.startswith("space"))
    done = search(tmp_path, *words, "n_trials=1")
    assert done.returncode == 2, done.stdout
    assert len(done.stderr.splitlines()) == 1
    assert {path.name for path in tmp_path.iterdir()} == {name.partition("/")[0]}


def test_loading_a_space_leaves_the_callers_hydra_alone(tmp_path: Path) -> None:
    import hydra
    from hydra.core.global_hydra import GlobalHydra
    from hydra.version import VersionBase

    (tmp_path / "app.yaml").write_text("lr: 0.1\n")
    with hydra.initialize_config_dir(str(tmp_path), version_base="1.2"):
        theirs, base = GlobalHydra.instance().hydra, VersionBase.instance().getbase()
        assert load_space("fire_micro").name == "fire_micro"
        assert GlobalHydra.instance().hydra is theirs
        assert VersionBase.instance().getbase() == base
        assert hydra.compose("app").lr == 0.1
