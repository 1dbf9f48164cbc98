"""The paper's sweeps: Figure 3, Table 3 and the third strategy, printed, counted, and measured if there is a study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from explorer.arch import Cost
from explorer.plots.sweep import Elsewhere, SweepInfo, SweepPoint
from explorer.reproduction import counted, printed, trends
from explorer.reproduction.sheet import Part, Row, Sheet

PARAMETERS = ("squeeze_ratio", "pct_3x3", "bypass", "downsampling")
"""Each swept by the experiment paper_NAME."""
MEASURED = Part("measured", ("params", "val_acc", "± s.e.", "lowest", "highest"))
SIZES = ("params", "bytes", "MiB", "as printed", "")
CHECKED = "exact"


def sheets(studies: Mapping[str, SweepInfo | None]) -> list[Sheet]:
    """All four.

    Args:
        studies: by metaparameter.
    """
    return [
        _figure_3a(studies.get("squeeze_ratio")),
        _figure_3b(studies.get("pct_3x3")),
        _table_3(studies.get("bypass")),
        _strategy_3(studies.get("downsampling")),
    ]


def _figure_3a(info: SweepInfo | None) -> Sheet:
    points = printed.FIGURE_3A
    return Sheet(
        key="squeeze_ratio",
        title="Figure 3a: squeeze_ratio",
        about="Squeeze filters over expand filters, everything else as in SqueezeNet.",
        label="squeeze_ratio",
        parts=(Part("printed", ("MB", "top-5")), Part("counted", SIZES), MEASURED),
        rows=tuple(
            _row(point.value, (point.megabytes, point.top5), counted.squeeze_ratio(point.value), info)
            for point in points
        ),
        notes=(
            (
                "Accuracies are read from the figure's drawing. At 0.5 the curve stands at 85.4 while its label "
                "says 85.3; at 1.0 it stands at 86.1, though the text says nothing is gained beyond 86.0 at 0.75."
            ),
        ),
        trends=trends.squeeze_ratio(info) if info else (),
        measured=_measured(info, "squeeze_ratio"),
        sweep=info,
        elsewhere=_elsewhere(points),
    )


def _figure_3b(info: SweepInfo | None) -> Sheet:
    points = printed.FIGURE_3B
    return Sheet(
        key="pct_3x3",
        title="Figure 3b: pct_3x3",
        about="Share of the expand filters that are 3x3, at squeeze_ratio 0.5.",
        label="pct_3x3",
        parts=(Part("printed", ("MB", "top-5")), Part("counted", SIZES), MEASURED),
        rows=tuple(
            _row(point.value, (point.megabytes, point.top5), counted.pct_3x3(point.value), info) for point in points
        ),
        notes=(
            "0.375: 11.112 MiB is 12 by the reading that fits the others, 11 is printed.",
            (
                "0.01 and 0.99 give no whole numbers of filters; counted with rounding half up. Rounding down or "
                "up changes no printed size, so the paper does not tell which it used."
            ),
            (
                "The text says accuracy plateaus at 85.6 with 50 % 3x3 filters; the drawing has 85.3 there and "
                "85.6 at 62.5 %."
            ),
        ),
        trends=trends.pct_3x3(info) if info else (),
        measured=_measured(info, "pct_3x3"),
        sweep=info,
        elsewhere=_elsewhere(points),
    )


def _table_3(info: SweepInfo | None) -> Sheet:
    complex_bypass = counted.bypass("complex")
    values = tuple(variant.bypass for variant in printed.TABLE_3)
    top1 = tuple(float(variant.top1) for variant in printed.TABLE_3)
    return Sheet(
        key="bypass",
        title="Table 3: bypass",
        about="Simple: an identity around fire3, 5, 7, 9. Complex: also a 1x1 convolution around fire2, 4, 6, 8.",
        label="bypass",
        parts=(Part("printed", ("MB", "top-1", "top-5")), Part("counted", SIZES), MEASURED),
        rows=tuple(
            _row(
                variant.bypass,
                (variant.megabytes, variant.top1, variant.top5),
                counted.bypass(variant.bypass),
                info,
            )
            for variant in printed.TABLE_3
        ),
        notes=(
            (
                "Complex bypass: 7.7 MB is printed; the four 1x1 convolutions of the paper's Figure 2 give "
                f"{complex_bypass.params:,} parameters, {complex_bypass.bytes / 2**20:.2f} MiB "
                f"({complex_bypass.bytes / 1e6:.2f} million bytes). No reading of MB closes the gap: 7.7 would take "
                "about three quarters of a million parameters more than vanilla, and the four convolutions have "
                "341,248."
            ),
        ),
        trends=trends.bypass(info) if info else (),
        measured=_measured(info, "bypass"),
        sweep=info,
        elsewhere=Elsewhere("printed: top-1, ImageNet", values, top1),
    )


def _strategy_3(info: SweepInfo | None) -> Sheet:
    values = (0.0, 0.125, 0.1875, 0.25, 0.3125, 0.375, 0.4375, 0.5)
    shown = [value for point in info.points for value in point.values] if info else []
    known = {0.25: "0.25 (v1.1's)", 0.4375: "0.4375 (v1.0's)"}
    rows = []
    for value in sorted({*values, *shown}):
        cost = counted.downsampling(value)
        cells = (
            f"{cost.params:,}",
            f"{cost.macs / 1e6:,.0f}",
            f"{cost.activation_bytes / 2**20:.2f}",
            f"{cost.peak_activation_bytes / 2**20:.2f}",
        )
        point = info.at(value) if info else None
        own = (
            (
                f"{point.macs / 1e6:.2f}",
                f"{point.activation_bytes / 1024:.1f}",
                f"{point.peak_activation_bytes / 1024:.1f}",
            )
            if point
            else ("", "", "")
        )
        rows.append(Row(known.get(value, f"{value:g}"), (*cells, *own, *_accuracy(point))))
    merged = [point for point in info.points if len(point.values) > 1] if info else []
    same = "; ".join(point.name for point in merged)
    return Sheet(
        key="downsampling",
        title="Strategy 3: downsample late",
        about="Pooling late keeps maps large; the paper gives no table for it. Three pools move from directly after "
        "conv1 (0) to the second half (0.5) at equal parameters (after He and Sun, arXiv:1412.1710).",
        label="downsampling",
        parts=(
            Part("counted", ("params", "M macs", "act. MiB", "peak MiB")),
            Part("measured", ("M macs", "act. KiB", "peak KiB", *MEASURED.heads[1:])),
        ),
        rows=tuple(rows),
        notes=(
            (
                "Counted: SqueezeNet v1.0's filters at 227 px with 1,000 classes. The macs and memory under "
                "measured are those of the networks trained, for that data's images."
            ),
            "Activations are 32-bit outputs of all layers for one image; the peak is the most in memory at once.",
            "The peak stays: it is conv1's map and the first pool's, which stands after conv1 in all of these.",
            *((f"On {info.data} these build the same network: {same}.",) if info and same else ()),
        ),
        trends=trends.downsampling(info) if info else (),
        measured=_measured(info, "downsampling"),
        sweep=info,
        tradeoff=True,
    )


def _row(value: Any, theirs: tuple[str, ...], cost: Cost, info: SweepInfo | None) -> Row:
    ours = counted.megabytes(cost.bytes)
    good = ours == theirs[0]
    sizes = (f"{cost.params:,}", f"{cost.bytes:,}", f"{cost.bytes / 2**20:.3f}", ours, CHECKED if good else "differs")
    point = info.at(value) if info else None
    params = f"{point.params:,}" if point else ""
    label = value if isinstance(value, str) else f"{value:g}"
    differs = () if good else (len(theirs) + 3, len(theirs) + 4)
    return Row(label, (*theirs, *sizes, params, *_accuracy(point)), differs)


def _accuracy(point: SweepPoint | None) -> tuple[str, str, str, str]:
    if point is None:
        return ("", "", "", "")
    seeds = point.by_seed.values()
    return (f"{point.accuracy:.2%}", f"{100 * point.error:.2f}", f"{min(seeds):.2%}", f"{max(seeds):.2%}")


def _measured(info: SweepInfo | None, name: str) -> str:
    make = f"python -m explorer.search +experiment=paper_{name}"
    if info is None:
        return f"Not measured yet: {make}"
    seeds = len(info.seeds)
    text = (
        f"Study {info.study}: {info.data}, {info.images:,} validation images, {seeds} seed{'s' * (seeds != 1)}, "
        f"{info.epochs} epoch{'s' * (info.epochs != 1)}"
    )
    if info.commit:
        text += f", trained at commit {info.commit}"
    if info.missing:
        text += f"; not trained yet: {', '.join(map(str, info.missing))} ({make})"
    return text


def _elsewhere(points: tuple[printed.Figure3Point, ...]) -> Elsewhere:
    values = tuple(point.value for point in points)
    return Elsewhere("printed: top-5, ImageNet", values, tuple(float(point.top5) for point in points))
