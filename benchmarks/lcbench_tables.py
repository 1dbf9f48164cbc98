"""LCBench (Zimmer 2021, arXiv:2006.13799): curves of 52 epochs of small MLPs, by YAHPO Gym's surrogate of them.

Other people's curves, on other data, longer than ours (Pfisterer 2022, arXiv:2109.03670): a network fitted to 2,000
trainings on each data set predicts any other, without noise. It is read from `lcbench/` in the folder that YAHPO_DATA
names; `git clone --depth 1 https://github.com/slds-lmu/yahpo_data` makes the default one.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from explorer.samplers.distributions import from_distributions

DATA_SETS = (
    *("3945", "7593", "34539", "126025", "126029", "146212"),
    *("167104", "167149", "167152", "167161", "167168", "167181"),
)
"""Tasks of OpenML: its first dozen of 34, without those on which the stopping rule was chosen (see search_quality)."""
TITLE = "LCBench's learning curves"
ABOUT = """\
Other people's curves: LCBench (Zimmer 2021, arXiv:2006.13799), MLPs trained for 52 epochs on tabular data, as YAHPO
Gym's surrogate (Pfisterer 2022, arXiv:2109.03670) predicts them, without noise: the first dozen of its data sets but
for the four on which the stopping rule's slack and the start-up draws were chosen. What is searched is a grid of its
space, 231,000 points a data set, so that the best is known. LCBench's networks are funnels, their widths falling evenly
from the first to the last; how large they are it does not say, so size is counted with 50 inputs and 10 classes. Made
by `git clone --depth 1 https://github.com/slds-lmu/yahpo_data` and `python -m benchmarks.search_quality --table lcbench
--seeds {seeds}`."""
EPOCHS, INPUTS, CLASSES = 52, 50, 10
VAL_ACCURACY = 1
"""Which of the surrogate's outputs, in percent."""


@dataclass(frozen=True)
class Entry:
    """A network and how it is trained.

    Attributes:
        params: weights and biases.
    """

    table: Table
    point: tuple[Any, ...]

    @property
    def params(self) -> int:
        own = dict(zip(distributions(), self.point, strict=True))
        return funnel(own["num_layers"], own["max_units"])

    @cached_property
    def val_acc(self) -> list[float]:
        """After every epoch."""
        return self.table.predict([self.point] * EPOCHS, range(1, EPOCHS + 1)).tolist()


class Table:
    """A data set.

    Args:
        data_set: one of the surrogate's.
    """

    epochs = EPOCHS

    def __init__(self, data_set: str) -> None:
        self.session, codes = surrogate()
        self.code = codes[data_set]
        self._seen: dict[tuple[Any, ...], Entry] = {}

    def at(self, params: Mapping[str, Any]) -> Entry:
        """The network at a point of the grid."""
        point = tuple(params[name] for name in distributions())
        return self._seen.setdefault(point, Entry(self, point))

    def ends(self) -> list[tuple[float, float]]:
        """(params, accuracy at full length) of the whole grid."""
        grid = (parameter.values or () for parameter in from_distributions(distributions()).parameters)
        points = list(itertools.product(*grid))
        accuracies = self.predict(points, EPOCHS)
        return [(Entry(self, point).params, own) for point, own in zip(points, accuracies.tolist(), strict=True)]

    def predict(self, points: list[tuple[Any, ...]], epochs: int | range) -> np.ndarray:
        """Accuracies of points after so many epochs: as many for all, or one for each."""
        columns = np.array(points, dtype=np.float64)
        columns[:, 0], columns[:, 1] = 2 ** columns[:, 0], 10 ** columns[:, 1]
        rows = np.column_stack([np.broadcast_to(epochs, len(points)), columns]).astype(np.float32)
        task = np.full((len(rows), 1), self.code, dtype=np.int32)
        found = [
            self.session.run(None, {"x_cat": task[at : at + 8192], "x_cont": rows[at : at + 8192]})[0][:, VAL_ACCURACY]
            for at in range(0, len(rows), 8192)
        ]
        return np.concatenate(found).astype(np.float64) / 100


def funnel(layers: int, units: int, inputs: int = INPUTS, classes: int = CLASSES) -> int:
    """Weights and biases of an MLP whose widths fall evenly from units, after the first layer, to classes."""
    hidden = [round(units + (classes - units) * layer / layers) for layer in range(layers)]
    return sum((before + 1) * after for before, after in itertools.pairwise([inputs, *hidden, classes]))


@cache
def surrogate() -> tuple[Any, dict[str, int]]:
    """The network that predicts, and its numbers of the data sets.

    Raises:
        SystemExit: in one line, if it is not there.
    """
    folder = Path(os.environ.get("YAHPO_DATA", "yahpo_data")) / "lcbench"
    if not (folder / "model.onnx").is_file():
        raise SystemExit(f"error: {folder}/model.onnx is not there; see benchmarks/lcbench_tables.py")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "model.onnx", options)
    return session, json.loads((folder / "encoding.json").read_text(encoding="utf-8"))["OpenML_task_id"]


@cache
def distributions() -> dict[str, Any]:
    """What is searched."""
    from optuna.distributions import FloatDistribution, IntDistribution

    return {
        "log2_batch_size": IntDistribution(4, 9),
        "log10_learning_rate": FloatDistribution(-4, -1, step=0.5),
        "momentum": FloatDistribution(0.1, 0.9, step=0.2),
        "weight_decay": FloatDistribution(1e-5, 0.09001, step=0.03),
        "num_layers": IntDistribution(1, 5),
        "max_units": IntDistribution(64, 1024, step=96),
        "max_dropout": FloatDistribution(0, 1, step=0.25),
    }


load = Table
