"""NAS-Bench-Graph (Qin 2022, arXiv:2206.09166): 26,206 graph networks on each of eight data sets, with their params.

Other people's tables, of other networks and other data: nothing of ours was chosen on them. `pip install
nas-bench-graph` (a few megabytes) brings them; val_acc is the mean of its three trainings at full length.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DATA_SETS = ("cora", "citeseer", "pubmed", "cs", "physics", "photo", "computers", "arxiv")
"""Those of the same space; `proteins` has a smaller one."""
TITLE = "NAS-Bench-Graph's networks"
ABOUT = """\
Other people's tables: NAS-Bench-Graph (Qin 2022, arXiv:2206.09166), 26,206 graph networks with their params on each of
eight data sets, accuracy at full length alone. Nothing of ours was chosen on them. Made by `pip install
nas-bench-graph` and `python -m benchmarks.search_quality --table graph --seeds {seeds}`."""


@dataclass(frozen=True)
class Entry:
    """A network. Two points that build the same one share it.

    Attributes:
        params: in millions, as the table has them.
        val_acc: at full length, which counts as one epoch: the light tables have no curves.
    """

    params: float
    val_acc: tuple[float]


@dataclass(frozen=True)
class Table:
    """Eight data sets' networks by point: how four operations are linked, and which they are."""

    entries: Mapping[int, Entry]
    epochs: int = 1
    _seen: dict[tuple[str, ...], Entry] = field(default_factory=dict)

    def at(self, params: Mapping[str, Any]) -> Entry:
        """The network at a point. A few in ten thousand could not be trained: they count as the worst there is."""
        point = tuple(params[name] for name in ("links", "op_1", "op_2", "op_3", "op_4"))
        if point not in self._seen:
            from nas_bench_graph import Arch

            number = Arch([int(digit) for digit in point[0]], list(point[1:])).valid_hash()
            self._seen[point] = self.entries.get(number) or self.worst
        return self._seen[point]

    def ends(self) -> list[tuple[float, float]]:
        """(params, accuracy) of every network."""
        return [(one.params, one.val_acc[-1]) for one in self.entries.values()]

    @property
    def worst(self) -> Entry:
        every = self.entries.values()
        return Entry(max(one.params for one in every), min(one.val_acc for one in every))


def load(data_set: str) -> Table:
    """A data set's table, by its package's own reader."""
    from nas_bench_graph import light_read

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # written by an older NumPy
        found = light_read(data_set)
    return Table({key: Entry(float(one["para"]), (float(one["valid_perf"]),)) for key, one in found.items()})


def distributions() -> dict[str, Any]:
    """What is searched: 9 ways of linking, 9 operations at each of 4 places."""
    from nas_bench_graph import gnn_list, link_list
    from optuna.distributions import CategoricalDistribution

    links = ["".join(map(str, one)) for one in link_list]
    return {"links": CategoricalDistribution(links)} | {
        f"op_{place}": CategoricalDistribution(gnn_list) for place in range(1, 5)
    }
