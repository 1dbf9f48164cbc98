"""Trains the learning-curve table of the Fire space's grid with this program itself; the same command goes on.

    python -m benchmarks.table                # makes explorer/tables/fire_digits.parquet in about an hour on two cores
    python -m benchmarks.table data=cifar10   # fire_cifar10.parquet; wants a GPU

Every network of `fire_grid` once with seed 0, then a hundred of them with seeds 1 and 2, to know the noise.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from explorer import tables
from explorer.store import load

FOLDER = Path("table")
"""Takes the studies; may be removed when the table is made."""
STORAGE = f"sqlite:///{FOLDER}/study.db"


def main(arguments: list[str]) -> int:
    """Searches, then writes the table."""
    data = next((word.removeprefix("data=") for word in arguments if word.startswith("data=")), "digits")
    name = f"fire_{data}"
    FOLDER.mkdir(exist_ok=True)
    common = ["+space=fire_grid", "sampler=random", "stopping=none", "uniform=0", f"storage={STORAGE}"]
    common += [f"tracking=sqlite:///{FOLDER}/mlflow.db", f"runs={FOLDER}/runs", *arguments]
    for study, own in ((name, ["n_trials=10_000"]), (f"{name}_seeds", ["n_trials=101", "seed=1", "seeds=2"])):
        command = [sys.executable, "-m", "explorer.search", f"study={study}", *own, *common]
        if code := subprocess.run(command, check=False).returncode:
            return code
    path = Path(tables.__file__).parent / f"{name}.parquet"
    rows = tables.save(path, [load(STORAGE, study) for study in (name, f"{name}_seeds")])
    print(f"{path}: {rows} trainings, {path.stat().st_size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
