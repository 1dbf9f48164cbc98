"""Times networks of a space on this machine, for a search on another one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from explorer.arch.size import shown
from explorer.cli.config import plain
from explorer.cli.options import ConfigError, Options, choice, whole
from explorer.study import latencies
from explorer.timing.conditions import INT8, PRECISIONS, RUNTIMES, TORCH, here

if TYPE_CHECKING:
    from explorer.arch import Shape
    from explorer.space import DesignSpace


def fill(space: DesignSpace, config: Options) -> None:
    """Adds the networks that a table lacks, then says how well it predicts others."""
    from explorer.cli.progress import counting
    from explorer.timing.predictor import error
    from explorer.timing.table import Table

    shape = _shape(config)
    conditions = here(_runtime(config), choice(config, "precision", *PRECISIONS), whole(config, "threads", 1))
    classes = 1000 if config["classes"] is None else whole(config, "classes", 1)
    networks = latencies.drawn(space, shape, classes, whole(config, "networks", latencies.LEAST))
    table = Table(Path(str(config["table"])))
    with counting("", latencies.TIMED) as counted:
        latencies.measure_missing(table, conditions, networks, counted)
    measured = table.of(networks, conditions)
    times = sorted(each.took for each in measured)
    print(f"{table.path}: {len(measured)} networks of {space.name}, {conditions.words}")
    print(f"{shown(round(times[0]))} to {shown(round(times[-1]))} microseconds; others are predicted from them,")
    print(error(measured, conditions.runtime).words)


def _runtime(config: Options) -> str:
    runtime: str = choice(config, "runtime", *RUNTIMES)
    if runtime == TORCH and config["precision"] == INT8:
        raise ConfigError("precision is 'int8', expected fp32 with runtime=torch")
    return runtime


def _shape(config: Options) -> Shape:
    shape = plain(config["input"])
    if shape is None:
        return 3, 227, 227
    if not isinstance(shape, list) or len(shape) != 3 or not all(isinstance(n, int) and n > 0 for n in shape):
        raise ConfigError(f"input is {shape}, expected [channels,height,width] of the pictures")
    return (shape[0], shape[1], shape[2])
