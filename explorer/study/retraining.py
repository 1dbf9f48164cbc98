"""Retraining of a trial's network: its recorded seeds, to get the same bits, and fresh ones, for the test accuracy."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from explorer.arch import Architecture, cost
from explorer.data import OWN
from explorer.launchers import Launcher, WorkerDied
from explorer.results.metric import measured_name, metric_of, own_code, precision_of
from explorer.results.record import StudyRecord, TrialRecord
from explorer.results.retrained import Retrained, model_card
from explorer.space import parse
from explorer.storage import same_study
from explorer.storage.patient import StudyError
from explorer.study.facts import ask_facts
from explorer.study.recovery import TRIES
from explorer.training import files
from explorer.training.job import Job
from explorer.training.worker import confusion, train

CHECKPOINTS = "training"
"""Name of the folder of checkpoints in what a retraining leaves."""
FRESH = 1000
"""Distance of the first fresh seed from the study's last."""


def fresh_seeds(trial: TrialRecord, count: int) -> tuple[int, ...]:
    """Seeds that the study has not used."""
    return tuple(max(trial.seeds) + FRESH + k for k in range(count))


def with_data_at(record: StudyRecord, places: Mapping[str, str | None], metric: str | None = None) -> StudyRecord:
    """The study, its data taken from where they lie now.

    Args:
        record: the study.
        places: `dir` and `labels`, None: where they lay; and `target`, the user's code that makes them.
        metric: the user's code that measures.

    Raises:
        StudyError: if its data have no such place, or are code that is not named: a study comes from anywhere.
    """
    check_own_code(record, places.get("target"), metric)
    data, moved = record.config["data"], {key: place for key, place in places.items() if place is not None}
    for key, place in moved.items():
        if key not in data:
            raise StudyError(f"data.{key} is {place!r}, but the data of study {record.name}, {data['name']}, have none")
    return replace(record, config=record.config | {"data": data | moved}) if moved else record


def check_own_code(record: StudyRecord, target: str | None, metric: str | None) -> None:
    """Raises StudyError if a study's data or metric are code that the command line does not name."""
    data = record.config["data"]
    if data["name"] == OWN and target is None:
        raise StudyError(
            f"the data of study {record.name} are code, {data['target']}, which runs only if it is named: data.target="
        )
    needed = metric_of(record.config)
    if own_code(needed) and metric != needed:
        raise StudyError(f"the metric of study {record.name} is code, which runs only if it is named: metric={needed}")
    if metric not in (None, needed):
        raise StudyError(f"metric is {metric}, but study {record.name} maximises {needed}")


def check_data(record: StudyRecord, launcher: Launcher) -> dict[str, Any]:
    """Looks whether the data are those of the study.

    Returns:
        Their facts, see `explorer.training.worker.data_facts`.

    Raises:
        DataError, StudyError: saying what is amiss.
    """
    unchecked = "fingerprint" not in record.facts
    facts = ask_facts(launcher, record.config, unchecked)
    same_study.check_data(record.name, record.facts, facts)
    return facts


def retrain(
    record: StudyRecord,
    trial: TrialRecord,
    seeds: Sequence[int],
    folder: Path,
    launcher: Launcher,
    facts: Mapping[str, Any],
    done: Callable[[int], None] = lambda _: None,
) -> Retrained:
    """Trains the recorded seeds again on train, and fresh seeds on train and val; measures the latter on test.

    Args:
        record: the study.
        trial: a finished trial.
        seeds: the fresh seeds.
        folder: takes the checkpoints.
        launcher: where the jobs run.
        facts: of the data.
        done: called with 1 after each training.
    """
    jobs = [_job(record, trial, seed, "train", _folder(folder, "recorded", seed)) for seed in trial.seeds]
    jobs += [_job(record, trial, seed, "trainval", _folder(folder, "fresh", seed)) for seed in seeds]
    results = _done([(train, asdict(job)) for job in jobs], launcher, done)
    recorded, fresh = results[: len(trial.seeds)], results[len(trial.seeds) :]
    exported = str(_folder(folder, "fresh", seeds[0]))
    name = measured_name(record.config)
    (counts,) = _done([(confusion, trial.architecture, record.config["data"], exported, "test")], launcher)
    return Retrained(
        study=record.name,
        trial=trial.number,
        identity=trial.identity,
        params=trial.params,
        recorded=trial.accuracies,
        again=tuple(result["curve"][-1][record.metric] for result in recorded),
        recorded_device=trial.device,
        device=recorded[0]["device"],
        same_params=cost(Architecture.from_json(trial.architecture)).params == trial.params,
        same_identity=_rebuilt(record, trial).identity == trial.identity,
        seeds=tuple(seeds),
        test_acc=tuple(result["curve"][-1]["test_acc"] for result in fresh),
        test_images=int(record.facts["images"]["test"]),
        confusion=counts,
        class_names=facts["class_names"],
        metric=name,
        test=tuple(result["curve"][-1][f"test_{name}"] for result in fresh),
        test_errors=tuple(result["curve"][-1].get(f"test_{name}_error") for result in fresh),
    )


def save(
    record: StudyRecord,
    trial: TrialRecord,
    result: Retrained,
    folder: Path,
    facts: Mapping[str, Any],
    onnx: Mapping[str, Any],
) -> float:
    """Exports the network of the first fresh seed, which no test result chose, with its config and model card.

    Args:
        record, trial: the network.
        result: of retraining it.
        folder: takes the files.
        facts: of the data.
        onnx: `raw`, whether the ONNX model takes images that are normalised as in training, and `batch`, the images of
            a call, None for any number.

    Returns:
        The largest difference of the ONNX model's logits, relative to their scale.

    Raises:
        ExportError: if that is too large.
    """
    import yaml

    from explorer.training import export
    from explorer.training.job import weights
    from explorer.training.onnx_pictures import Pictures

    trained = weights(_folder(folder, "fresh", result.seeds[0]))
    pictures = Pictures({} if onnx["raw"] else facts["preparation"], facts["class_names"])
    architecture = Architecture.from_json(trial.architecture)
    difference = export.save(architecture, trained, folder, pictures, onnx["batch"])
    config = {"study": record.name, "trial": trial.number, "metaparameters": trial.metaparameters, **record.config}
    (folder / files.CONFIG).write_text(yaml.safe_dump(config, sort_keys=False))
    (folder / files.OUTCOME).write_text(json.dumps(asdict(result), indent=1))
    (folder / files.MODEL_CARD).write_text(model_card(record, trial, result, pictures.words, facts, difference))
    return difference


def save_int8(
    record: StudyRecord, trial: TrialRecord, result: Retrained, folder: Path, facts: Mapping[str, Any], raw: bool
) -> str:
    """Writes the network that `save` exported as int8 ONNX as well.

    Args:
        record, trial: the network.
        result: of retraining it.
        folder: that `save` has written into.
        facts: of the data.
        raw: whether the model takes images that are normalised as in training.

    Returns:
        Its size and how often it answers as fp32 does, in words.
    """
    from explorer import data as datasets
    from explorer.training import onnx_int8
    from explorer.training.job import weights
    from explorer.training.onnx_pictures import Pictures

    data = datasets.load(record.config["data"])
    pictures = Pictures({} if raw else facts["preparation"], facts["class_names"])
    trained = weights(_folder(folder, "fresh", result.seeds[0]))
    return onnx_int8.write(Architecture.from_json(trial.architecture), trained, folder, pictures, data)


def _folder(folder: Path, kind: str, seed: int) -> Path:
    """Where a retraining leaves its checkpoints; `kind` is recorded or fresh."""
    return folder / CHECKPOINTS / f"{kind}_{seed}"


def _rebuilt(record: StudyRecord, trial: TrialRecord) -> Architecture:
    """The network built from the space and the metaparameters, not from the stored architecture."""
    space = parse(record.name, record.config["space"])
    channels, height, width = record.facts["input_shape"]
    shape, classes = (channels, height, width), record.facts["classes"]
    if trial.anchor is not None:
        return space.anchor(trial.anchor, shape, classes)
    return space.architecture(trial.metaparameters, shape, classes)


def _job(record: StudyRecord, trial: TrialRecord, seed: int, split: str, folder: Path) -> Job:
    return Job(
        architecture=trial.architecture,
        recipe=record.config["recipe"] | trial.adjusted,
        data=record.config["data"],
        seed=seed,
        first_epoch=0,
        last_epoch=record.config["epochs"],
        epochs=record.config["epochs"],
        folder=str(folder),
        split=split,
        metric=metric_of(record.config),
        precision=precision_of(record.config),
    )


def _done(
    calls: Sequence[tuple[Any, ...]], launcher: Launcher, done: Callable[[int], None] = lambda _: None
) -> list[Any]:
    """Results of (function, argument, ...), in their order, from all slots; one whose worker died is started again."""
    tries = [0] * len(calls)
    free = list(range(len(launcher.slots)))
    waiting = deque(range(len(calls)))
    running: dict[Future[Any], tuple[int, int]] = {}  # call and slot
    results: dict[int, Any] = {}
    while waiting or running:
        while waiting and free:
            number, slot = waiting.popleft(), free.pop(0)
            tries[number] += 1
            running[launcher.submit(slot, *calls[number])] = number, slot
        ended, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in ended:
            number, slot = running.pop(future)
            free.append(slot)
            if isinstance(future.exception(), WorkerDied) and tries[number] < TRIES:
                waiting.append(number)
                continue
            results[number] = future.result()
            done(1)
    return [results[number] for number in range(len(calls))]
