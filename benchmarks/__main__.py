"""python -m benchmarks (make bench): every ratio that is promised, measured here and now, as one table.

python -m benchmarks                                # a quarter of an hour on two cores that nobody else uses
python -m benchmarks --output docs/performance.md   # and put it into the document
python -m benchmarks --only step overhead
python -m benchmarks --quick                        # whether every row can be measured; its numbers mean nothing
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from datetime import date
from pathlib import Path

from benchmarks.row import Row, table

MODULES = ("step", "roofline", "overhead", "precision", "throughput", "startup", "scale", "pictures", "latency")
BEGIN, END = "<!-- make bench: begin -->", "<!-- make bench: end -->"


def main() -> int:
    """Measures and prints; the exit code is 1 if a row is below what is asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the least of every row")
    parser.add_argument("--only", nargs="+", choices=MODULES, default=MODULES, help="these rows alone")
    parser.add_argument("--output", type=Path, help="a document whose table is replaced")
    options = parser.parse_args()
    rows: list[Row] = []
    for name in options.only:
        begun = time.monotonic()
        own = importlib.import_module(f"benchmarks.{name}").rows(options.quick)
        print(f"benchmarks.{name}: {time.monotonic() - begun:.0f} s\n{table(own)}", file=sys.stderr, flush=True)
        rows += own
        if options.output:  # after each, so that what was measured stays if the next is cut off
            put(options.output, f"Measured on {date.today()}.\n\n{table(rows)}")  # noqa: DTZ011 - the day here
    print(table(rows))
    below = [row for row in rows if row.bar is not None and row.ratio is not None and row.ratio[0] < row.bar]
    print(f"\n{len(rows)} rows, {sum(row.ratio is None for row in rows)} not run, {len(below)} below what is asked")
    return 0 if options.quick else min(1, len(below))


def put(document: Path, text: str) -> None:
    """Replaces what stands between the marks of a document.

    Raises:
        SystemExit: if it has no marks.
    """
    whole = document.read_text(encoding="utf-8")
    if BEGIN not in whole or END not in whole:
        raise SystemExit(f"{document} has no lines {BEGIN} and {END} to put the table between")
    before, after = whole.split(BEGIN)[0], whole.split(END)[1]
    document.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
