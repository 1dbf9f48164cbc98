"""Several families as one space: points, conditions, anchors, errors, the command line."""

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from explorer.arch.families import named
from explorer.cli.config import load_space
from explorer.space import SpaceError, UnionSpace, parse
from tests.support import warm

DIGITS = (1, 8, 8)
FIRE: dict[str, Any] = {
    "search": {
        "bypass": {"type": "categorical", "choices": ["none", "simple"]},
        "pct_3x3": {"type": "float", "low": 0.25, "high": 0.75, "step": 0.25, "when": {"bypass": "simple"}},
        "stem": {"type": "int", "low": 8, "high": 16, "step": 8, "when": {"modules": 2}},
    },
    "fixed": {"modules": 2},
    "options": {"final_relu": False},
}
SHUFFLE: dict[str, Any] = {"search": {"stem": {"type": "int", "low": 8, "high": 24, "step": 8}}, "fixed": {"depth": 1}}


def union(**changes: Any) -> Any:
    return {"families": {"fire": FIRE, "shuffle": SHUFFLE}, "anchors": ["squeezenet_v1_0"]} | changes


def test_points_are_those_of_the_parts() -> None:
    space = parse("two", union())
    points = list(space.points())
    assert space.size == len(points) == 2 * (1 + 3) + 3
    assert Counter(point["family"] for point in points) == {"fire": 8, "shuffle": 3}
    # Both have a `stem`, each over its own range.
    assert {point["shuffle.stem"] for point in points if point["family"] == "shuffle"} == {8, 16, 24}
    assert {point["fire.stem"] for point in points if point["family"] == "fire"} == {8, 16}
    assert all(name == "family" or name.startswith(f"{point['family']}.") for point in points for name in point)
    assert all(
        ("fire.pct_3x3" in point) == (point["fire.bypass"] == "simple") for point in points if "fire.stem" in point
    )


@pytest.mark.parametrize("family", ["fire", "inverted_residual", "regnet", "residual", "shuffle", "squeezenext"])
def test_networks_are_those_of_the_parts(family: str) -> None:
    whole, part = load_space("all"), load_space(family)
    rng = Random(0)
    for _ in range(5):
        point = part.sample(rng)
        prefixed = {"family": family} | {f"{family}.{name}": value for name, value in point.items()}
        assert whole.architecture(prefixed, DIGITS, 10) == part.architecture(point, DIGITS, 10)


def test_draws_neighbours_and_crosses_are_points() -> None:
    space = load_space("all")
    rng = Random(0)
    drawn = [space.sample(rng) for _ in range(60)]
    assert {point["family"] for point in drawn} == set(space.parts) if isinstance(space, UnionSpace) else None
    moved = [space.mutate(point, 2, rng) for point in drawn]
    crossed = [space.cross(mother, father, rng) for mother, father in (rng.sample(drawn, 2) for _ in drawn)]
    for point in [*drawn, *moved, *crossed]:
        names = [each.name for each in space.parameters if space.active(each, point)]
        assert list(point) == names
        assert all(each.contains(point[each.name]) for each in space.parameters if each.name in point)
        assert space.architecture(point, DIGITS, 10).layers


def test_anchors_are_points_where_a_part_holds_them() -> None:
    space = load_space("all")
    assert isinstance(space, UnionSpace)
    assert {named()[anchor][0] for anchor in space.anchors} == set(space.parts)
    for anchor in space.anchors:
        point = space.point_of(anchor)
        assert point is not None
        assert point["family"] == named()[anchor][0]
        network = space.anchor(anchor, DIGITS, 10)
        assert space.architecture(point, DIGITS, 10).identity == network.identity
    assert space.point_of("alexnet_caffe") is None
    assert space.point_of("squeezenet_v1_1") is None  # stem_kernel is not searched


def test_options_of_a_part_reach_its_familys_anchors() -> None:
    names = {layer.name for layer in parse("two", union()).anchor("squeezenet_v1_0", DIGITS, 10).layers}
    assert "relu10" not in names
    without = union(families={"shuffle": SHUFFLE})
    assert "relu10" in {layer.name for layer in parse("one", without).anchor("squeezenet_v1_0", DIGITS, 10).layers}
    told = union(families={"shuffle": SHUFFLE | {"options": {"final_relu": False}}})
    assert "relu10" not in {layer.name for layer in parse("one", told).anchor("squeezenet_v1_0", DIGITS, 10).layers}
    # What one family calls `freq` is nothing to another.
    stemmed = parse("two", union(families={"fire": {**FIRE, "options": {"freq": 3}}, "shuffle": SHUFFLE}))
    assert stemmed.anchor("resnet18", DIGITS, 10) == parse("two", union()).anchor("resnet18", DIGITS, 10)


def test_there_and_back_as_plain_data() -> None:
    space = parse("two", union(limits={"params": 5_000}))
    again = parse("two", space.as_dict())
    assert again == space
    assert again.hash == space.hash != parse("two", union()).hash
    parts = union(
        families={"fire": FIRE | {"limits": {"params": 7}, "anchors": ["vgg16"], "family": "fire"}, "shuffle": SHUFFLE}
    )
    assert parse("two", parts | {"limits": {"params": 5_000}}) == space  # limits and anchors of parts do not count


def test_null_leaves_a_family_out() -> None:
    space = parse("one", union(families={"fire": None, "shuffle": SHUFFLE}))
    assert [point["family"] for point in space.points()] == ["shuffle"] * 3


def test_limits_are_the_whole_spaces() -> None:
    with pytest.raises(
        SpaceError, match=r"space two: limits: no point meets them: params: 10 \(smallest found [\d,]+\)"
    ):
        parse("two", union(limits={"params": 10})).check(DIGITS, 10)


BAD = {
    "search beside it": (union(search={}), "space two: search: no such key, expected one of families, limits, anchors"),
    "nothing": (union(families={}), "space two: families: is empty, expected spaces by their families: alexnet"),
    "no mapping": (union(families=["fire"]), "space two: families: is ['fire'], expected a mapping"),
    "no space": (union(families={"fire": 3}), "space two: families.fire: is 3, expected a space of the family fire"),
    "another family": (
        union(families={"fire": SHUFFLE | {"family": "shuffle"}}),
        "space two: families.fire: is 'shuffle', expected a space of the family fire",
    ),
    "no such family": (union(families={"fier": FIRE}), "space two.families.fier: family: is 'fier', expected one of"),
    "metaparameter": (
        union(families={"shuffle": {"search": {"freq": {"type": "int", "low": 1, "high": 2}}}}),
        "space two.families.shuffle: search.freq: family shuffle has no such metaparameter, expected one of width",
    ),
    "anchor": (union(anchors=["resnet"]), "space two: anchors: has 'resnet', expected a list of one of"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_union_is_refused_in_one_line(case: str) -> None:
    data, message = BAD[case]
    with pytest.raises(SpaceError) as refused:
        parse("two", data)
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


@pytest.mark.slow
def test_the_command_line_reaches_into_a_part(tmp_path: Path) -> None:
    low = "space.families.residual.search.base_width.low=256"
    done = warm.command("explorer.search", "+space=all", low, cwd=tmp_path)
    assert done.returncode == 2
    place = "space all.families.residual: search.base_width"
    wrong = "the range is upside down, low 256 is above high 64"
    assert done.stderr.splitlines() == [f"explorer.search: {place}: {wrong}"]
