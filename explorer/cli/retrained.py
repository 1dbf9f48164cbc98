"""What retraining prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from explorer.plots import confusion, style
from explorer.results.conditions import differences
from explorer.results.confusion import Confusion
from explorer.results.record import StudyRecord, TrialRecord
from explorer.results.retrained import Retrained, luck_words, test_words
from explorer.study.provenance import versions
from explorer.training import files

if TYPE_CHECKING:
    from rich.console import Console


def announce(console: Console, record: StudyRecord, trial: TrialRecord) -> None:
    """Which network is trained again."""
    console.print(
        f"study {record.name}, trial {trial.number}: {record.metric} {trial.accuracy:.4f}, {trial.params:,} params",
        highlight=False,
    )


def draw_confusion(record: StudyRecord, trial: TrialRecord, result: Retrained, folder: Path) -> None:
    """Writes the figure of which classes the exported network takes for which."""
    title = f"{record.name}, trial {trial.number}, test split, seed {result.seeds[0]}"
    figure = confusion.figure(Confusion(result.confusion, result.class_names), title)
    (folder / files.CONFUSION).write_text(style.html(figure))


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
        console.print(f"seed {seed}: {record.metric} {again!r}, {same}", highlight=False)
    if result.reproduced:
        line = f"reproduced exactly: {record.metric}, {result.params:,} params, identity {result.identity}"
        console.print(line, style="green", highlight=False)
    else:
        found = differences(result.recorded_device, result.device, record.facts.get("versions", {}), versions())
        if not found:
            found = [("device, threads and versions are the study's", "unknown: the study or the program was changed")]
        why = "; ".join(what for what, _ in found)
        console.print(f"NOT reproduced: {why}", style="red", highlight=False, markup=False, soft_wrap=True)
        line = f"what would reproduce it: {'; '.join(how for _, how in found)}"
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    console.print(f"test_{result.metric} {test_words(result)}", highlight=False)
    for line in Confusion(result.confusion, result.class_names).lines():
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    console.print(luck_words(record, trial, result), highlight=False)
    console.print(f"ONNX equals torch within {difference:.1e} of the logits' scale", highlight=False)
    console.print(f"saved in {folder}; {files.CONFUSION} shows which classes it takes for which", highlight=False)
