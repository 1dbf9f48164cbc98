"""The options `latency.*`: under which conditions a network's latency is predicted, and from which table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from explorer.arch.tflite.board import Board
from explorer.cli.config import plain
from explorer.cli.options import ConfigError, Options, choice, whole
from explorer.int8.vela import NPUS
from explorer.study import latencies
from explorer.timing.conditions import INT8, PRECISIONS, RUNTIMES, TORCH, VELA


@dataclass(frozen=True)
class LatencyOptions:
    """Options of latencies.

    Attributes:
        conditions: runtime, precision, threads, and device, None for this machine; a study keeps them.
        table: the file of networks that were timed.
        networks: how many of a space are timed where the table lacks them.
    """

    conditions: dict[str, Any]
    table: Path
    networks: int


def latency_options(config: Options, cost: str | None, board: Board | None) -> LatencyOptions:
    """Reads the options.

    Args:
        config: of the command.
        cost: what is predicted, latency or cycles; None: nothing.
        board: whose NPU runs the network where `latency.device` names none.

    Raises:
        ConfigError: naming the one that cannot be right.
    """
    values = plain(config["latency"])
    keys = {f"latency.{key}": value for key, value in values.items()}
    choice(keys, "latency.runtime", *RUNTIMES)
    choice(keys, "latency.precision", *PRECISIONS)
    if values["runtime"] == TORCH and values["precision"] == INT8:
        raise ConfigError("latency.precision is 'int8', expected fp32 with latency.runtime=torch")
    whole(keys, "latency.threads", 1)
    networks = whole(keys, "latency.networks", latencies.LEAST)
    conditions = {key: values[key] for key in ("runtime", "precision", "threads", "device")}
    if cost == "cycles":
        npu = values["device"] or (board.npu if board else None)
        if npu not in NPUS:
            raise ConfigError(
                f"cycles are of an NPU, and {f'latency.device is {npu!r}' if npu else 'none is named'}; give "
                f"board=corstone300, or latency.device={', '.join(NPUS)}"
            )
        conditions = {"runtime": VELA, "precision": INT8, "threads": 1, "device": npu}
    return LatencyOptions(conditions, Path(str(values["table"])), networks)
