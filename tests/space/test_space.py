"""Spaces: parsing, conditions, counting, limits, anchors, and every space that ships."""

from itertools import islice
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.arch import cost
from explorer.cli.config import load_space, space_files
from explorer.space import SpaceError, UnionSpace, parse
from explorer.space.family import FamilySpace

DIGITS = (1, 8, 8)
CONDITIONAL: dict[str, Any] = {
    "family": "fire",
    "search": {
        "bypass": {"type": "categorical", "choices": ["none", "simple"]},
        "freq": {"type": "int", "low": 1, "high": 3},
        "pct_3x3": {"type": "float", "low": 0.25, "high": 0.75, "step": 0.25, "when": {"bypass": "simple"}},
        "stem": {"type": "categorical", "choices": [16, 32], "when": {"pct_3x3": [0.25, 0.5]}},
    },
    "fixed": {"modules": 3},
}


def space_with(**changes: Any) -> Any:
    return {"family": "fire", "search": {"base_e": {"type": "int", "low": 16, "high": 32, "step": 16}}} | changes


def base_e(**changes: Any) -> Any:
    return space_with(search={"base_e": {"type": "int", "low": 16, "high": 32} | changes})


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(space_files()))
def test_every_space_samples_builds_and_holds_canonical_squeezenet(name: str) -> None:
    space = load_space(name)
    space.check(DIGITS, 10)
    rng = Random(0)
    for _ in range(50):
        params = space.sample(rng)
        for parameter in space.parameters:
            assert parameter.name not in params or parameter.contains(params[parameter.name])
        assert cost(space.architecture(params, DIGITS, 10)).params > 0
    assert "squeezenet_v1_0" in space.anchors
    canonical = space.anchor("squeezenet_v1_0", DIGITS, 10)
    point = space.point_of("squeezenet_v1_0")
    if point is not None:
        assert space.architecture(point, DIGITS, 10).identity == canonical.identity
    # Figure 3b is drawn at another squeeze_ratio; the tables' grids are smaller; other families hold no SqueezeNet.
    held = space.parts if isinstance(space, UnionSpace) else {space.as_dict()["family"]}
    assert (point is None) == (name in ("paper_pct_3x3", "fire_grid", "fire_small_grid") or "fire" not in held)
    assert cost(canonical).params == 727_306
    assert parse(name, space.as_dict()) == space


def test_fire_is_micro_and_macro_together() -> None:
    names = {name: {p.name for p in load_space(name).parameters} for name in ("fire", "fire_micro", "fire_macro")}
    assert names["fire"] == names["fire_micro"] | names["fire_macro"]
    assert not names["fire_micro"] & names["fire_macro"]


def test_size_counts_conditions_as_enumeration_does() -> None:
    space = parse("conditional", CONDITIONAL)
    points = list(space.points())
    # none: 3 values of freq; simple: 3 times (0.25 and 0.5 with two stems, 0.75 without)
    assert space.size == len(points) == 3 + 3 * (2 * 2 + 1)
    assert len({tuple(sorted(point.items())) for point in points}) == len(points)
    assert all("pct_3x3" not in point for point in points if point["bypass"] == "none")
    assert all(("stem" in point) == (point.get("pct_3x3") in (0.25, 0.5)) for point in points)


def test_draws_lie_among_the_points() -> None:
    space = parse("conditional", CONDITIONAL)
    points = list(space.points())
    rng = Random(1)
    drawn = [space.sample(rng) for _ in range(400)]
    assert all(point in points for point in drawn)
    assert all(point in drawn for point in points)


@given(low=st.integers(1, 50), width=st.integers(0, 50), step=st.integers(1, 20))
def test_values_of_a_stepped_range(low: int, width: int, step: int) -> None:
    (parameter,) = parse("x", base_e(low=low, high=low + width, step=step)).parameters
    assert parameter.values == tuple(range(low, low + width + 1, step))
    assert all(parameter.contains(value) for value in parameter.values)


def test_optuna_draws_the_same_values() -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = parse("conditional", CONDITIONAL)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    points = list(space.points())
    assert all(space.suggest(study.ask()) in points for _ in range(100))


def test_a_null_takes_an_inherited_key_away() -> None:
    data = space_with(fixed={"freq": None, "modules": 4}, limits={"params": None})
    space = parse("x", data)
    assert isinstance(space, FamilySpace)
    assert dict(space.fixed) == {"modules": 4}
    assert dict(space.limits) == {}


def test_options_reach_anchors_and_candidates() -> None:
    space = parse("x", space_with(options={"final_relu": False}, anchors=["squeezenet_v1_1"]))
    for network in (space.anchor("squeezenet_v1_1", DIGITS, 10), space.architecture({"base_e": 16}, DIGITS, 10)):
        assert "relu10" not in {row.name for row in cost(network).layers}


def test_an_anchor_outside_the_space_has_no_point() -> None:
    assert load_space("fire_micro").point_of("squeezenet_v1_0_simple_bypass") is None
    assert load_space("fire_macro").point_of("squeezenet_v1_0_simple_bypass") is not None


def test_hash_knows_the_content_and_not_the_name() -> None:
    assert parse("a", space_with()).hash == parse("b", space_with()).hash
    assert parse("a", space_with()).hash != parse("a", base_e(high=48)).hash


BAD = {
    "no such family": (space_with(family="fier"), "family: is 'fier', expected one of"),
    "unknown key": (space_with(serch={}), "serch: no such key, expected one of family, search"),
    "unknown metaparameter": (
        space_with(search={"base": {"type": "int", "low": 1, "high": 2}}),
        "search.base: family fire",
    ),
    "nothing searched": (space_with(search={}), "search: is empty"),
    "upside down": (base_e(low=64), "search.base_e: the range is upside down, low 64 is above high 32"),
    "no number": (base_e(high="many"), "search.base_e.high: is 'many', expected a whole number"),
    "missing": (space_with(search={"base_e": {"type": "int", "low": 1}}), "search.base_e.high: is None"),
    "fraction": (base_e(low=1.5), "search.base_e.low: is 1.5, expected a whole number"),
    "type": (base_e(type="integer"), "search.base_e.type: is 'integer', expected one of int, float, categorical"),
    "no choice": (
        space_with(search={"bypass": {"type": "categorical", "choices": []}}),
        "search.bypass.choices: is []",
    ),
    "choice twice": (
        space_with(search={"bypass": {"type": "categorical", "choices": ["none", "none"]}}),
        "search.bypass.choices: is ['none', 'none']",
    ),
    "stray key": (base_e(steps=4), "search.base_e.steps: no such key for int"),
    "step": (base_e(step=0), "search.base_e.step: is 0"),
    "log from zero": (base_e(low=0, log=True), "search.base_e.low: is 0, expected a positive number with log"),
    "condition": (base_e(when={"bypas": "none"}), "search.base_e.when: 'bypas' is not settled before base_e"),
    "fixed and searched": (space_with(fixed={"base_e": 16}), "search.base_e: is also fixed"),
    "limit": (space_with(limits={"weights": 5}), "limits.weights: is 5, expected a positive number for one of params"),
    "anchor": (space_with(anchors=["squeezenet"]), "anchors: has 'squeezenet', expected a list of one of"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_space_is_refused_in_one_line(case: str) -> None:
    data, message = BAD[case]
    with pytest.raises(SpaceError) as refused:
        parse("mine", data)
    assert str(refused.value).startswith(f"space mine: {message}")
    assert "\n" not in str(refused.value)


def test_limits_that_no_point_meets_name_the_smallest() -> None:
    with pytest.raises(SpaceError, match=r"limits: no point meets them: params: 10 \(smallest found [\d,]+\)"):
        parse("tight", space_with(limits={"params": 10})).check(DIGITS, 10)


def test_an_impossible_network_is_found_and_named() -> None:
    data = space_with(search={"squeeze_ratio": {"type": "float", "low": 0.5, "high": 1.5, "step": 0.25}})
    with pytest.raises(
        SpaceError, match=r"squeeze_ratio=1.25 on \(1, 8, 8\) builds an impossible network: squeeze_ratio"
    ):
        parse("wild", data).check(DIGITS, 10)


def test_batch_normalisation_of_one_number_is_found_before_it_is_trained() -> None:
    space = load_space("regnet")
    space.check((3, 1, 1), 10, batch=2)
    line = r"space regnet: search: depth=2, .* has batch normalisation on a 1x1 map \(stem.1\), which a batch of one "
    with pytest.raises(SpaceError, match=line + "image cannot train; give recipe.batch_size=2 or more"):
        space.check((3, 1, 1), 10, batch=1)
    space.check((3, 32, 32), 10, batch=1)


def test_a_continuous_space_has_no_grid() -> None:
    space = parse("x", space_with(search={"pct_3x3": {"type": "float", "low": 0.1, "high": 0.9}}))
    assert space.size == float("inf")
    with pytest.raises(SpaceError, match=r"search.pct_3x3: is continuous and has no grid; give it a step"):
        list(islice(space.points(), 1))
