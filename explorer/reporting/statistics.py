"""What a study says of its space, as sections of words, tables and figures: for the terminal, a page, and as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from explorer.analysis.distribution import ENOUGH, Difference, Sample, difference, shared, uniform_sample
from explorer.analysis.importance import LARGE, LEAST, importances
from explorer.analysis.traits import FEWEST, Trait
from explorer.analysis.traits import draws as uniform_draws
from explorer.analysis.traits import traits as traits_of
from explorer.plots import distribution, importance, traits
from explorer.reporting.document import Section
from explorer.results.pareto import front_trials
from explorer.results.record import StudyRecord
from explorer.space import parse

TRAINING = ("data", "recipe", "epochs", "seeds")
"""Keys of a study's config by which errors of two studies are the same measurement, or are not."""

ERRORS_NOTE = (
    "Error: 1 - val_acc of networks drawn uniformly from the space and trained to the end. Bands and intervals: 95 % "
    "by bootstrap over the networks. At equal size: log params is cut into up to 10 bins, and each that holds "
    "networks (of both studies, where there are two) weighs the same (arXiv:1905.13214)."
)
IMPORTANCE_NOTE = (
    "Importance: how differently a metaparameter's values are spread among the tenth of the networks that is farthest"
    " above the others of about the same params (PED-ANOVA, arXiv:2304.10255); by chance: what results dealt out anew"
    " reach in 95 of 100 cases (the upright tick). What a value adds is a mean over all networks that have it, so it "
    "may be large where the importance is small. Bars: one standard error."
)
FRONT_NOTE = (
    "For each metaparameter the narrowest values that at least 85 % of the front's members have, and the share of "
    "1,000 uniform draws (within the limits) that have them. By chance: how often as many draws look as much alike. "
    "Blue bars: the front; grey: uniform draws. Published networks outside the space do not count."
)


@dataclass(frozen=True)
class Findings:
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
    as_drawn: distribution.DistributionInfo
    at_equal_size: distribution.DistributionInfo
    differences: tuple[Difference | None, Difference | None]
    unlike: tuple[str, ...]
    importances: importance.ImportanceInfo
    front: int
    traits: tuple[Trait, ...]


def find(record: StudyRecord, other: StudyRecord | None = None) -> Findings:
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
    points = uniform_draws(space, (shape[0], shape[1], shape[2]), record.facts["classes"])
    return Findings(
        samples=tuple(samples),
        as_drawn=distribution.info(samples, normalised=False),
        at_equal_size=distribution.info(samples, normalised=True),
        differences=_differences(samples),
        unlike=_unlike(record.config, other.config) if other else (),
        importances=importance.info(importances(record, space, sample)),
        front=len(front),
        traits=traits_of(space, front, points),
    )


def sections(found: Findings) -> tuple[Section, ...]:
    """The findings to read and to look at."""
    return _errors(found), _importance(found), _front(found)


def _differences(samples: list[Sample]) -> tuple[Difference | None, Difference | None]:
    if len(samples) < 2 or not all(sample.enough for sample in samples):
        return None, None
    one, other = samples
    bins_of = shared(one.sizes, other.sizes)
    common = all((own >= 0).any() for own in bins_of)
    return difference(one.errors, other.errors), difference(one.errors, other.errors, bins_of) if common else None


def _errors(found: Findings) -> Section:
    lines = [line for sample in found.samples for line in _size_of(sample)]
    if len(found.samples) == 2:
        lines += _comparison(found)
    curves = {(info.normalised, curve.name): curve for info in _infos(found) for curve in info.curves}
    rows = []
    for sample in found.samples:
        plain, equal = curves.get((False, sample.study)), curves.get((True, sample.study))
        if plain:
            e = plain.edf
            median = e.errors[(e.shares >= 0.5 - 1e-9).argmax()]
            rows.append(
                (sample.study, f"{plain.networks:,}", _percent(e.errors[0]), _percent(median), _interval(plain))
                + ((f"{equal.networks:,}", _interval(equal)) if equal else ("0", ""))
            )
    return Section(
        key="errors",
        title="How errors are spread in the space",
        lines=tuple(lines),
        heads=(
            "study",
            "networks",
            "least error",
            "median",
            "mean (95 %)",
            "of common size",
            "mean at equal size (95 %)",
        )
        if rows
        else (),
        rows=tuple(rows),
        figures=tuple(distribution.figure(info) for info in _infos(found) if info.curves),
        width=420,
        note=ERRORS_NOTE,
    )


def _size_of(sample: Sample) -> Iterator[str]:
    count = len(sample.trials)
    if not sample.enough:
        what = f"study {sample.study} has {count} uniform draw{'s' * (count != 1)} trained to the end"
        more = "search with sampler=random, or with a larger share of them such as uniform=0.2"
        yield f"{what}, {ENOUGH} at least would say how errors are spread; for more {more}"
    if sample.lost:
        yield f"study {sample.study}: {sample.lost} uniform draws failed in training and are left out"


def _comparison(found: Findings) -> Iterator[str]:
    if found.unlike:
        yield f"the studies were trained differently, which may be all of a difference: {', '.join(found.unlike)}"
    one, other = found.samples
    if not (one.enough and other.enough):
        return
    for value, how in zip(found.differences, ("as drawn", "at equal size"), strict=True):
        if value is None:
            yield f"{how}: the two have no size in common"
            continue
        interval = f"(95 % interval {100 * value.low:+.2f} to {100 * value.high:+.2f})"
        verdict = f"{(one if value.value < 0 else other).study} is the better space" if value.told else "cannot tell"
        what = f"{how}: mean error of {one.study} less that of {other.study} {100 * value.value:+.2f} points"
        yield f"{what} {interval}: {verdict}"


def _importance(found: Findings) -> Section:
    info, drawn = found.importances, len(found.samples[0].trials)
    if not info.bars:
        line = f"{info.networks} finished networks of the space are too few to rank metaparameters by, {LEAST} at least"
        return Section("importance", "What counts for accuracy at equal size", (line,))
    which = f"looked at: {info.networks:,} uniform draws"
    if not info.uniform:
        which = (
            f"looked at: all {info.networks:,} finished networks of the space, as {drawn} uniform draws are too few "
        )
        which += f"({LARGE} at least), so where the search went has its part in this"
    rows = tuple(
        (
            one.name + ("" if one.told else " (may be chance)"),
            f"{100 * one.share:.0f} %",
            f"{100 * one.chance:.0f} %",
            ",  ".join(f"{effect.values}: {100 * effect.gain:+.2f}" for effect in one.effects),
        )
        for one in info.bars
    )
    return Section(
        key="importance",
        title="What counts for accuracy at equal size",
        lines=(which,),
        heads=(
            "metaparameter",
            "importance",
            "by chance up to",
            "mean val_acc above what is usual at the size, points",
        ),
        rows=rows,
        words=(0, 3),
        figures=(importance.figure(info), importance.effects_figure(info)),
        width=420,
        note=IMPORTANCE_NOTE,
    )


def _front(found: Findings) -> Section:
    title = "What the front has in common"
    if not found.traits:
        line = f"the front has {found.front} networks, fewer than {FEWEST} of them points of the space: too few to say"
        return Section("front", title, (line,))
    told = [trait.text for trait in found.traits if trait.told]
    rows = tuple(
        (trait.name, trait.words, f"{trait.members} of {trait.of}", f"{100 * trait.share:.0f} %", _chance(trait.chance))
        for trait in found.traits
    )
    return Section(
        key="front",
        title=title,
        lines=tuple(told) or ("nothing that as many uniform draws would not have in common by chance",),
        heads=("metaparameter", "most of the front", "members", "of uniform draws", "by chance"),
        rows=rows,
        words=(0, 1),
        figures=tuple(traits.figure(traits.info(trait)) for trait in found.traits),
        width=260,
        note=FRONT_NOTE,
    )


def _infos(found: Findings) -> tuple[distribution.DistributionInfo, distribution.DistributionInfo]:
    return found.as_drawn, found.at_equal_size


def _percent(value: float) -> str:
    return f"{100 * value:.2f} %"


def _interval(curve: distribution.Curve) -> str:
    edf = curve.edf
    return f"{100 * edf.mean:.2f} % ({100 * edf.mean_low:.2f} to {100 * edf.mean_high:.2f})"


def _chance(value: float) -> str:
    return "below 0.1 %" if value < 0.001 else f"{100 * value:.1f} %" if value < 0.995 else "100 %"


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
