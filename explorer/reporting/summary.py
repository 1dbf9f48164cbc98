"""A study in numbers, and how it was made, as HTML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

from explorer.reporting import baseline
from explorer.reporting.commands import Commands
from explorer.results.majority import WORSE, majority
from explorer.results.pareto import front_trials, most_accurate, study_hypervolume
from explorer.results.record import StudyRecord, TrialRecord
from explorer.results.spent import duration, spent
from explorer.timing.conditions import Conditions


def tiles(record: StudyRecord) -> str:
    """The study in a few numbers."""
    took, front = spent(record), front_trials(record)
    shown = [(f"{len(record.trials):,}", "trials"), (f"{len(front):,}", "networks on the front")]
    if front:
        best = most_accurate(front)
        shown.append(
            (
                f"{100 * (best.accuracy or 0):.1f} %",
                f"best {record.metric} (trial {best.number}, {best.sizes_in_words})",
            )
        )
    found = [one for one in baseline.best_trade_offs(record) if one.gain >= -one.error]
    if found:
        one = found[0]
        sign = "within the error" if one.same else "and better"
        shown.append(
            (
                ", ".join(one.times),
                f"the {record.size_name} of {baseline.name()} at its accuracy, {sign} (trial {one.trial.number})",
            )
        )
    shown.append((f"{took.epochs:,}", f"epochs, {took.saved:,} saved by stopping"))
    if front:
        shown.append((f"{study_hypervolume(record):.3f}", "hypervolume"))
    cells = "".join(f"<div><b>{escape(number)}</b><span>{escape(words)}</span></div>" for number, words in shown)
    return f'<div class="tiles">{cells}</div>'


def _predicted_for(record: StudyRecord) -> str:
    facts = record.facts["latency"]
    conditions = Conditions(**facts["conditions"])
    return f"{conditions.cost} on {conditions.words}, from {facts['networks']} networks"


def made(record: StudyRecord, how: Commands, written_with: dict[str, str]) -> str:
    """Machine, versions and commands."""
    took = spent(record)
    devices = Counter(trial.device for trial in record.trials if trial.device)
    data = record.config["data"]
    images = record.facts["images"]
    facts = {
        "data": f"{data.get('name') if isinstance(data, dict) else data}: "
        + ", ".join(f"{count:,} {split}" for split, count in images.items() if isinstance(count, int)),
        "input": "x".join(map(str, record.facts["input_shape"])) + f", {record.facts['classes']} classes",
        "always one class": _majority(record),
        "trials": ", ".join(f"{count:,} {state}" for state, count in sorted(took.states.items())),
        "trained on": "; ".join(f"{device} ({count:,} trials)" for device, count in devices.most_common()) or "unknown",
        "versions": ", ".join(f"{name} {version}" for name, version in record.facts.get("versions", {}).items()),
        **({"predicted": _predicted_for(record)} if "latency" in record.facts else {}),
        **({"changed": "; ".join(record.changes_in_words)} if record.changes else {}),
        "commit": str(record.facts.get("git_commit", "")) or "unknown",
        "this page": ", ".join(
            f"{name} {written_with[name]}" for name in ("explorer", "python") if name in written_with
        ),
    }
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    steps = "".join(f'<p class="note">{escape(what)}</p><pre>{escape(line)}</pre>' for what, line in how.steps)
    space = ""
    if how.space:
        name = f"{record.name}_space.yaml"
        space = f"<details><summary>{escape(name)}, the space, beside which the search is started</summary>"
        space += f"<pre>{escape(how.space)}</pre></details>"
    return f'<h3>Machine and versions</h3><dl class="facts">{listed}</dl><h3>Again</h3>{steps}{space}'


def comparison(records: Sequence[StudyRecord], volumes: dict[int, float]) -> tuple[tuple[str, ...], ...]:
    """Studies in numbers, a column each.

    Args:
        records: the studies.
        volumes: hypervolume by the study's place, all from one corner.
    """
    took = [spent(record) for record in records]
    bests = [most_accurate(front_trials(record)) if record.finished else None for record in records]
    smaller = [next(iter(baseline.best_trade_offs(record)), None) for record in records]
    same = f"{records[0].size_name} at the accuracy of {baseline.name()}, within the error"
    rows: list[list[str]] = [
        ["trials", *(f"{len(record.trials):,}" for record in records)],
        ["epochs trained", *(f"{one.epochs:,}" for one in took)],
        ["epochs saved by stopping", *(f"{one.saved:,}" for one in took)],
        ["training time", *(duration(one.seconds) for one in took)],
        ["networks on the front", *(f"{len(front_trials(record)):,}" for record in records)],
        [f"best {records[0].metric}", *(_score(record, best) for record, best in zip(records, bests, strict=True))],
        [same, *(f"{one.trial.sizes_in_words} ({', '.join(one.times)})" if one else "none" for one in smaller)],
        [
            "hypervolume, from one corner",
            *(f"{volumes[i]:.4f}" if i in volumes else "none" for i in range(len(records))),
        ],
    ]
    return tuple(tuple(row) for row in rows)


def _majority(record: StudyRecord) -> str:
    """What always saying the commonest class would reach; studies of earlier versions do not tell."""
    always = majority(record)
    if always is None:
        return "unknown"
    return f"{record.metric} {always.value:.4f} by {always.name!r}" + WORSE * (not always.beaten)


def _score(record: StudyRecord, trial: TrialRecord | None) -> str:
    if trial is None:
        return "none"
    return f"{100 * (trial.accuracy or 0):.1f} ± {100 * trial.error(record.val_images):.1f} %"
