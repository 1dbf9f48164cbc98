"""A row of the table of `make bench`: what was measured, in one run, against a named peer or limit.

A benchmark offers `rows(quick: bool) -> list[Row]` and makes them with `versus`, `within` and `not_run`. Ratios are
taken round by round and above 1 where ours is the better one, whether more of the unit is better or less.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Row:
    """What was measured.

    Attributes:
        name: of what was measured, short: `training step`.
        against: the peer or the limit, in words: `hand-written loop`, `at most 60 ms`.
        unit: of `ours` and `peer`: `ms`, `trials/min`.
        device: in words, such as `cpu (Intel Xeon, 1 thread)`; why it was not run, if it was not.
        command: what gives this row again.
        ours: median over the rounds; None if it was not run.
        peer: the peer's median, or the limit.
        ratio: median, lowest and highest of the rounds' ratios; above 1: ours is better, or within the limit.
        bar: the ratio that is asked for; None: none is.
    """

    name: str
    against: str
    unit: str
    device: str
    command: str
    ours: float | None = None
    peer: float | None = None
    ratio: tuple[float, float, float] | None = None
    bar: float | None = 1.0


def versus(
    name: str,
    against: str,
    ours: Sequence[float],
    peer: Sequence[float],
    unit: str,
    device: str,
    command: str,
    *,
    less: bool = True,
    bar: float | None = 1.0,
) -> Row:
    """A row against a peer measured in the same rounds; with `less`, less of the unit is better."""
    ratios = [b / a if less else a / b for a, b in zip(ours, peer, strict=True)]
    spread = (median(ratios), min(ratios), max(ratios))
    return Row(name, against, unit, device, command, median(ours), median(peer), spread, bar)


def within(
    name: str, ours: Sequence[float], limit: float, unit: str, device: str, command: str, *, less: bool = True
) -> Row:
    """A row against a limit: with `less` at most `limit`, else at least."""
    against = f"at {'most' if less else 'least'} {limit:g} {unit}".rstrip()
    return versus(name, against, ours, [limit] * len(ours), unit, device, command, less=less)


def not_run(name: str, against: str, unit: str, command: str, why: str = "no GPU", *, bar: float | None = 1.0) -> Row:
    """A row that this machine cannot give."""
    return Row(name, against, unit, f"not run: {why}", command, bar=bar)


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| what | ours | against | peer or limit | ratio (lowest to highest) | asked | device | command |"]
    lines.append("|---|---:|---|---:|---:|---:|---|---|")
    for row in rows:
        ratio = "-"
        if row.ratio is not None:
            ratio = "{} ({} to {})".format(*map(_rounded, row.ratio))
            ratio += " **below**" if row.bar is not None and row.ratio[0] < row.bar else ""
        cells = [row.name, _with_unit(row.ours, row.unit), row.against, _with_unit(row.peer, row.unit), ratio]
        cells += ["-" if row.bar is None else f"{row.bar:g}", row.device, f"`{row.command}`"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def print_rows(rows: Callable[[bool], Sequence[Row]], about: str | None) -> None:
    """The command of a module that has no other option than --quick: its rows as a table."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round")
    print(table(rows(parser.parse_args().quick)))


def _with_unit(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{_rounded(value)} {unit}".rstrip()


def _rounded(value: float) -> str:
    """Three digits that count, never an exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
