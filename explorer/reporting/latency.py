"""The latency of a study's networks, as a section of its report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from explorer.plots import latency
from explorer.plots.scatter import on_page
from explorer.reporting.document import Section
from explorer.results.latency import Timed
from explorer.results.record import StudyRecord


def section(record: StudyRecord, found: Sequence[Timed]) -> Section:
    """Accuracy over latency, and a table of medians and 90th percentiles.

    Args:
        record: the study.
        found: measured networks, one at least, all under the same conditions.
    """
    info = latency.info(record, found)
    heads = (
        "network",
        "macs",
        *(f"{name}, ms" for runtime in found[0].runtimes for name in (runtime, "90th percentile")),
    )
    shown = sorted(found, key=lambda one: one.latencies[one.runtimes[-1]].median)
    rows = tuple((one.network, f"{one.macs:,}", *_milliseconds(one)) for one in shown)
    where = f"Measured on {found[0].conditions}; load average {max(one.load for one in found):.1f} at most."
    note = f"Bars: 10th to 90th percentile of the calls; ± 1 standard error of {record.metric}."
    figures = (on_page(latency.figure(info)),)
    lines = (where, *latency.verdict(info))
    return Section("latency", "Accuracy over latency", lines, heads, rows, figures=figures, width=900, note=note)


def _milliseconds(timed: Timed) -> Iterator[str]:
    """Median and 90th percentile of each runtime."""
    for each in timed.latencies.values():
        yield from (f"{each.median:.3g}", f"{each.p90:.3g}")
