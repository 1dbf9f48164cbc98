"""What retraining prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from explorer.results.record import StudyRecord, TrialRecord
from explorer.results.retrained import Retrained, luck_words, test_words

if TYPE_CHECKING:
    from rich.console import Console


def announce(console: Console, record: StudyRecord, trial: TrialRecord) -> None:
    """Which network is trained again."""
    console.print(
        f"study {record.name}, trial {trial.number}: val_acc {trial.accuracy:.4f}, {trial.params:,} params",
        highlight=False,
    )


def show(
    console: Console, record: StudyRecord, trial: TrialRecord, result: Retrained, folder: Path, difference: float
) -> None:
    """What came back, what the network is worth on the test split, and where it is saved.

    Args:
        console: to print on.
        record, trial: the network.
        result: of retraining it.
        folder: that holds the exported network.
        difference: of the ONNX model's logits, relative to their scale.
    """
    for seed, recorded, again in zip(trial.seeds, result.recorded, result.again, strict=True):
        same = "the same" if recorded == again else f"NOT the recorded {recorded!r}"
        console.print(f"seed {seed}: val_acc {again!r}, {same}", highlight=False)
    if result.reproduced:
        line = f"reproduced exactly: val_acc, {result.params:,} params, identity {result.identity}"
        console.print(line, style="green", highlight=False)
    else:
        elsewhere = result.device != result.recorded_device
        why = f"; the study ran on {result.recorded_device}, this is {result.device}" if elsewhere else ""
        console.print(f"NOT reproduced{why}", style="red", highlight=False)
    console.print(f"test_acc {test_words(result)}", highlight=False)
    console.print(luck_words(record, result), highlight=False)
    console.print(f"ONNX equals torch within {difference:.1e} of the logits' scale", highlight=False)
    console.print(f"saved in {folder}", highlight=False)
