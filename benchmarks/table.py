"""Trains the learning-curve table of a grid with this program itself; the same command goes on.

    python -m benchmarks.table                                 # fire_digits.parquet: an hour on two cores
    python -m benchmarks.table +space=fire_small_grid --whole  # fire_small_digits.parquet: two and a half hours
    python -m benchmarks.table data=cifar10                    # fire_cifar10.parquet; wants a GPU

Every network of the grid (`fire_grid` unless another is named) once with seed 0, then a hundred of them with seeds 1
and 2, to know the noise; or with --whole all of them. Writes the table into explorer/tables/ and its datasheet into
docs/. A table that is there already keeps its trainings, and what it has of a seed is not trained again; to make it
anew, remove it.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from statistics import mean, median, stdev

from explorer import tables
from explorer.storage.stored import load

FOLDER = Path("table")
"""Takes the studies; may be removed when the table is made."""
DOCS = Path(__file__).parents[1] / "docs"

SHEET = """\
# Datasheet of the table {name}

Learning curves of every network of the grid `{grid}` (search_spaces/{grid}.yaml, inside the space `fire`:
SqueezeNet's metaparameters of arXiv:1602.07360), so that methods of architecture search can be judged in seconds, with
the size of each network, which the published tables of curves do not carry. Made by
`python -m benchmarks.table +space={grid}{whole}`; read by `explorer.tables.load("{name}")`.

| | |
|---|---|
{rows}

Columns: identity (of the architecture), params, macs, anchor (name of a published network, or null), points (JSON list
of the grid's points that build the network), seed, and the four curves as lists. Space, data, recipe and versions are
JSON in the file's metadata under `explorer`.

**Fit for** comparing samplers and stopping rules over accuracy and size, studying learning curves and rank correlation
between epochs. **Not fit for** claims about images larger than 8x8, or about accuracies near the top: they saturate,
and most differences there are below the noise. Accuracies are of the validation split; the test split was not touched.
The recipe was chosen for all of the networks; with one of its own each might do better. Seconds come from a machine
that did other things at the same time.
"""
WHOLE = "--whole"
"""Every network with three seeds."""


def main(arguments: list[str]) -> int:
    """Searches, then writes the table and its datasheet."""
    words = [word for word in arguments if word != WHOLE]
    if not any(word.startswith("+space=") for word in words):
        words = ["+space=fire_grid", *words]
    chosen = dict(word.split("=", 1) for word in words if "=" in word)
    grid = chosen["+space"]
    name = f"{grid.removesuffix('_grid')}_{chosen.get('data', 'digits')}"
    path = Path(tables.__file__).parent / f"{name}.parquet"
    FOLDER.mkdir(exist_ok=True)
    storage = f"sqlite:///{FOLDER}/study.db"
    common = ["sampler=random", "stopping=none", "uniform=0", f"storage={storage}"]
    common += [f"tracking=sqlite:///{FOLDER}/mlflow.db", f"runs={FOLDER}/runs", *words]
    studies = missing(path, name, WHOLE in arguments)
    for study, own in studies.items():
        command = [sys.executable, "-m", "explorer.search", f"study={study}", *own, *common]
        if code := subprocess.run(command, check=False).returncode:
            return code
    rows = tables.save(path, [load(storage, study) for study in studies]) if studies else 0
    sheet = datasheet(tables.load(path), grid, path)
    (DOCS / f"{name}.md").write_text(sheet)
    print(sheet)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB" + (f", {rows} trainings now" if rows else ", nothing to train"))
    return 0


def missing(path: Path, name: str, whole: bool) -> dict[str, list[str]]:
    """The studies that a table lacks, with what sets them apart."""
    held = Counter(own.seed for own in tables.load(path).trainings) if path.exists() else Counter[int]()
    every = "n_trials=10_000"
    studies = {} if held[0] else {name: [every]}
    if whole:
        return studies | {f"{name}_{seed}": [every, f"seed={seed}"] for seed in (1, 2) if held[seed] < (held[0] or 1)}
    return studies if held[1] else studies | {f"{name}_seeds": ["n_trials=101", "seed=1", "seeds=2"]}


def datasheet(table: tables.Table, grid: str, path: Path) -> str:
    """What there is to know of a table, its numbers counted."""
    first = [own for own in table.trainings if own.seed == 0 and own.points]
    ends: dict[str, list[float]] = {}
    for own in table.trainings:
        ends.setdefault(own.identity, []).append(own.val_acc[-1])
    repeated = [values for values in ends.values() if len(values) > 2]
    whole = len(repeated) == len(ends)
    seeds = "seeds 0, 1 and 2 for all" if whole else f"seed 0 for all, seeds 1 and 2 for {len(repeated)} of them"
    accuracies = sorted(own.val_acc[-1] for own in first)
    images = int(table.facts["images"]["val"])
    middle = median(accuracies)
    noise = mean(stdev(values) ** 2 for values in repeated) ** 0.5 if repeated else float("nan")
    binomial = (middle * (1 - middle) / images) ** 0.5
    rows = {
        "networks": f"{len(first):,} distinct ones, built by {sum(len(own.points) for own in first):,} points",
        "trainings": f"{len(table.trainings):,}: {seeds}",
        "epochs": f"{table.epochs}; val_acc, val_loss, train_loss and seconds after each",
        "params": f"{min(own.params for own in first):,} to {max(own.params for own in first):,}",
        "macs": f"{min(own.macs for own in first):,} to {max(own.macs for own in first):,}",
        "val_acc at the end": f"{accuracies[0]:.4f} to {accuracies[-1]:.4f}, median {middle:.4f}",
        "at chance": f"{sum(accuracy < 0.2 for accuracy in accuracies)} networks below 0.2 (chance is 0.1)",
        "noise": f"standard deviation over seeds {noise:.4f} (root mean square of {len(repeated)} networks); "
        f"binomial of {images} images at the median {binomial:.4f}",
        "data": f"{table.facts['data']['name']}, split "
        + ", ".join(f"{key} {count}" for key, count in table.facts["images"].items()),
        "recipe": ", ".join(f"{key} {value}" for key, value in table.facts["recipe"].items()),
        "seconds a training": f"median {median(sum(own.seconds) for own in first):.1f} on {table.facts['device']}",
        "file": f"{path.stat().st_size / 1e6:.2f} MB, Parquet with zstd",
    }
    return SHEET.format(
        name=table.name,
        grid=grid,
        whole=f" {WHOLE}" if whole else "",
        rows="\n".join(f"| {key} | {value} |" for key, value in rows.items()),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
