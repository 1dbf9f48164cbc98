"""What a study says of its space as a whole, and how that compares with another space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from explorer.analysis.distribution import (
    Difference,
    Edf,
    Sample,
    bins,
    difference,
    edf,
    places,
    shared,
    uniform_sample,
)
from explorer.analysis.equal_size import Importances
from explorer.analysis.importance import importances
from explorer.analysis.traits import Trait, draws, traits
from explorer.results.pareto import front_trials
from explorer.results.record import StudyRecord
from explorer.space import parse

TRAINING = ("data", "recipe", "epochs", "seeds")
"""Keys of a study's config by which errors of two studies are the same measurement, or are not."""


@dataclass(frozen=True)
class Curve:
    """One distribution function.

    Attributes:
        name: of the study.
        networks: that it counts.
        edf: the function.
    """

    name: str
    networks: int
    edf: Edf


@dataclass(frozen=True)
class Distribution:
    """The distribution functions of one sample or of two.

    Attributes:
        metric: whose shortfall from 1 is the error.
        size: whose logarithm is cut into bins.
        normalised: whether sizes weigh so that they are uniform over bins of log size.
        curves: one a study, two at most.
    """

    metric: str
    size: str
    normalised: bool
    curves: tuple[Curve, ...]


@dataclass(frozen=True)
class SpaceStatistics:
    """What a study says of its space, and how it compares with another's.

    Attributes:
        samples: uniform draws of the study, and of the other.
        as_drawn, at_equal_size: distribution functions of their errors.
        differences: of the mean errors as drawn and at equal size; None where there is nothing to compare.
        unlike: what the two studies train by, where they differ, in words.
        importances: of the metaparameters.
        front: number of networks on the front.
        traits: what they have in common.
    """

    samples: tuple[Sample, ...]
    as_drawn: Distribution
    at_equal_size: Distribution
    differences: tuple[Difference | None, Difference | None]
    unlike: tuple[str, ...]
    importances: Importances
    front: int
    traits: tuple[Trait, ...]


def space_statistics(record: StudyRecord, other: StudyRecord | None = None) -> SpaceStatistics:
    """Everything that a study says of its space.

    Args:
        record: the study.
        other: a study of another space to compare the errors with.

    Raises:
        SpaceError: if a study's space is not one.
    """
    space = parse(record.name, record.config["space"])
    sample = uniform_sample(record, space)
    samples = [sample]
    if other is not None:
        second = uniform_sample(other, parse(other.name, other.config["space"]))
        samples.append(replace(second, study=f"{other.name} (2)") if other.name == record.name else second)
    front = front_trials(record)
    shape = record.facts["input_shape"]
    points = draws(space, (shape[0], shape[1], shape[2]), record.facts["classes"])
    return SpaceStatistics(
        samples=tuple(samples),
        as_drawn=_distribution(record, samples, normalised=False),
        at_equal_size=_distribution(record, samples, normalised=True),
        differences=_differences(samples),
        unlike=_unlike(record.config, other.config) if other else (),
        importances=importances(record, space, sample),
        front=len(front),
        traits=traits(space, front, points),
    )


def _distribution(record: StudyRecord, samples: Sequence[Sample], normalised: bool) -> Distribution:
    """The functions of one sample or of two; a sample that is too small, or without a size in common, has none."""
    held = [sample for sample in samples if sample.enough]
    if not normalised:
        return Distribution(
            record.metric,
            record.size.name,
            False,
            tuple(Curve(own.study, len(own.trials), edf(own.errors)) for own in held),
        )
    if len(held) == 2:
        found = [*shared(held[0].sizes, held[1].sizes)]
    else:
        found = [places(own.sizes, bins(own.sizes)) for own in held]
    return Distribution(
        record.metric,
        record.size.name,
        True,
        tuple(
            Curve(own.study, int((bin_of >= 0).sum()), edf(own.errors, bin_of))
            for own, bin_of in zip(held, found, strict=True)
            if (bin_of >= 0).any()
        ),
    )


def _differences(samples: list[Sample]) -> tuple[Difference | None, Difference | None]:
    if len(samples) < 2 or not all(sample.enough for sample in samples):
        return None, None
    one, other = samples
    bins_of = shared(one.sizes, other.sizes)
    common = all((own >= 0).any() for own in bins_of)
    return difference(one.errors, other.errors), difference(one.errors, other.errors, bins_of) if common else None


def _unlike(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, ...]:
    left, right = (
        {name: value for key in TRAINING for name, value in _leaves(key, own.get(key))} for own in (one, other)
    )
    names = [name for name in dict.fromkeys([*left, *right]) if left.get(name) != right.get(name)]
    return tuple(f"{name} {left.get(name)} and {right.get(name)}" for name in names)


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(f"{name}.{key}", inner)
    else:
        yield name, value
