"""What a study says of its space, as sections of words, tables and figures: for the terminal, a page, and as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from explorer.analysis.distribution import ENOUGH, Sample
from explorer.analysis.importance import LARGE, LEAST
from explorer.analysis.statistics import Curve, Distribution, SpaceStatistics
from explorer.analysis.traits import FEWEST
from explorer.plots import distribution, importance, traits
from explorer.reporting.document import Section
from explorer.results.record import StudyRecord

TOLD = {"significant": "told"}
"""Names in the data where they differ from those in the code."""

ERRORS_NOTE = (
    "Error: 1 - {metric} of networks drawn uniformly from the space and trained to the end. Bands and intervals: 95 % "
    "by bootstrap over the networks. At equal size: log {size} is cut into up to 10 bins, and each that holds "
    "networks (of both studies, where there are two) weighs the same (arXiv:1905.13214)."
)
IMPORTANCE_NOTE = (
    "Importance: how differently a metaparameter's values are spread among the tenth of the networks that is farthest"
    " above the others of about the same {size} (PED-ANOVA, arXiv:2304.10255); by chance: what results dealt out anew"
    " reach in 95 of 100 cases (the upright tick). What a value adds is a mean over all networks that have it, so it "
    "may be large where the importance is small. Bars: one standard error."
)
NOTHING = "no metaparameter counts for more than chance alone would explain with so few networks"
FRONT_NOTE = (
    "For each metaparameter the narrowest values that at least 85 % of the front's members have, and the share of "
    "1,000 uniform draws (within the limits) that have them. By chance: how often as many draws look as much alike. "
    "Blue bars: the front; grey: uniform draws. Published networks outside the space do not count."
)


def sections(found: SpaceStatistics) -> tuple[Section, ...]:
    """The statistics to read and to look at."""
    return _errors(found), _importance(found), _front(found)


def as_data(record: StudyRecord, other: StudyRecord | None, found: SpaceStatistics) -> dict[str, Any]:
    """The statistics as plain data, for other programs; errors and gains as shares of 1."""
    distributions = [
        {
            "study": curve.name,
            "at_equal_size": info.normalised,
            "networks": curve.networks,
            **{name: _plain(value) for name, value in vars(curve.edf).items()},
        }
        for info in (found.as_drawn, found.at_equal_size)
        for curve in info.curves
    ]
    differences = {
        name: value and {**asdict(value), "told": value.significant}
        for name, value in zip(("as_drawn", "at_equal_size"), found.differences, strict=True)
    }
    ranked = [{**asdict(one), "told": one.significant} for one in found.importances.ranked]
    for one in ranked:
        for effect in one["effects"]:
            effect["error"] = effect["error"] if effect["networks"] > 1 else None  # JSON has no infinity
    traits = [
        {TOLD.get(key, key): value for key, value in asdict(trait).items() if key not in ("on_front", "drawn")}
        for trait in found.traits
    ]
    return {
        "study": record.name,
        "against": other.name if other else None,
        "uniform_draws": {sample.study: len(sample.trials) for sample in found.samples},
        "distributions": distributions,
        "differences": differences,
        "trained_differently": list(found.unlike),
        "importance": {
            "networks": found.importances.networks,
            "uniform": found.importances.uniform,
            "metaparameters": ranked,
        },
        "front": {"members": found.front, "traits": traits},
    }


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def _errors(found: SpaceStatistics) -> Section:
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
        note=ERRORS_NOTE.format(metric=found.as_drawn.metric, size=found.as_drawn.size) if rows else "",
    )


def _size_of(sample: Sample) -> Iterator[str]:
    count = len(sample.trials)
    if not sample.enough:
        what = f"study {sample.study} has {count} uniform draw{'s' * (count != 1)} trained to the end"
        more = "search with sampler=random, or with a larger share of them such as uniform=0.2"
        yield f"{what}, {ENOUGH} at least would say how errors are spread; for more {more}"
    if sample.lost:
        yield f"study {sample.study}: {sample.lost} uniform draws failed in training and are left out"


def _comparison(found: SpaceStatistics) -> Iterator[str]:
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
        verdict = (
            f"{(one if value.value < 0 else other).study} is the better space" if value.significant else "cannot tell"
        )
        what = f"{how}: mean error of {one.study} less that of {other.study} {100 * value.value:+.2f} points"
        yield f"{what} {interval}: {verdict}"


def _importance(found: SpaceStatistics) -> Section:
    info, drawn = found.importances, len(found.samples[0].trials)
    if not info.ranked:
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
            one.name + ("" if one.significant else " (may be chance)"),
            f"{100 * one.share:.0f} %",
            importance.by_chance(one),
            ",  ".join(f"{effect.values}: {100 * effect.gain:+.2f}" for effect in one.effects),
        )
        for one in info.ranked
    )
    return Section(
        key="importance",
        title="What counts for accuracy at equal size",
        lines=(which,) if any(one.significant for one in info.ranked) else (which, NOTHING),
        heads=(
            "metaparameter",
            "importance",
            "by chance up to",
            f"mean {info.metric} above what is usual at the size, points",
        ),
        rows=rows,
        words=(0, 3),
        figures=(importance.figure(info), importance.effects_figure(info)),
        width=420,
        note=IMPORTANCE_NOTE.format(size=found.as_drawn.size),
    )


def _front(found: SpaceStatistics) -> Section:
    title = "What the front has in common"
    if not found.traits:
        line = f"the front has {found.front} networks, fewer than {FEWEST} of them points of the space: too few to say"
        return Section("front", title, (line,))
    told = [trait.text for trait in found.traits if trait.significant]
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


def _infos(found: SpaceStatistics) -> tuple[Distribution, Distribution]:
    return found.as_drawn, found.at_equal_size


def _percent(value: float) -> str:
    return f"{100 * value:.2f} %"


def _interval(curve: Curve) -> str:
    edf = curve.edf
    return f"{100 * edf.mean:.2f} % ({100 * edf.mean_low:.2f} to {100 * edf.mean_high:.2f})"


def _chance(value: float) -> str:
    return "below 0.1 %" if value < 0.001 else f"{100 * value:.1f} %" if value < 0.995 else "100 %"
