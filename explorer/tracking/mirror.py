"""Writes a study into MLflow: an experiment, a parent run, a child run a trial. Idempotent.

What is there already is read once, found by tags; afterwards a sync writes the difference alone. Step by step the order
is such that whatever was cut short is completed by the next sync.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.arch.size import SIZES
from explorer.results.record import StudyRecord, TrialRecord
from explorer.results.trial_index import TrialIndex
from explorer.tracking import view
from explorer.tracking.address import artifact_location, check_uri, local_path, resolve, tracking_errors
from explorer.tracking.client import exclusive
from explorer.tracking.runs import (
    PARENT,
    SEARCH,
    SOURCE,
    STUDY,
    Mirrored,
    experiment_name,
    find_experiment,
    key_on,
    study_runs,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

FIGURE, NOTE = "explorer.figure", "mlflow.note.content"
SEARCH_PAGE = "explorer.course"
LAST_FILES = {"state": "layers.csv", FIGURE: "pareto.html", SEARCH_PAGE: "search.html"}
"""Tags that are set once files are there, and the last of these files."""
BATCH = 1_000  # MLflow's limit on the metrics of one log_batch; that on parameters is 100
PARAM_BATCH = 100


class Mirror:
    """One study on one tracking server.

    After an error the instance is no longer in step with the server; a new one is.

    Args:
        client: of the server.
        uri: of the server.
        record: the study, with one trial at least.
    """

    def __init__(self, client: MlflowClient, uri: str, record: StudyRecord) -> None:
        self._client = client
        self.experiment = _experiment(client, uri, record)
        self.key = key_on(client, self.experiment, record)
        self._trials: dict[int, Mirrored] = {}
        self._parent = self._find(record)
        self._progress = view.Progress(record)
        self._index = TrialIndex()
        self._on_front: set[int] = set()
        self._ended = False

    def sync(self, record: StudyRecord, ended: bool) -> None:
        """Brings the server up to date.

        Args:
            record: the study.
            ended: whether the search is over: then nothing is left RUNNING.
        """
        changed = {trial.number: trial for trial in self._index.update(record)}
        on_front = {trial.number: trial for trial in self._index.front}
        moved = self._on_front ^ on_front.keys()
        due = changed | {number: self._index.measured[number] for number in moved}
        if ended != self._ended:  # which is the end of those under way too
            due |= self._index.running
        for number, trial in sorted(due.items()):
            if trial.state in view.STATUSES:
                self._sync_trial(trial, number in on_front, ended)
        self._on_front, self._ended = set(on_front), ended
        if over := [trial for trial in changed.values() if trial.state != "RUNNING"]:
            self._sync_study(record, over)
        if ended:
            self._sync_search_page(record)
        self._set_status(self._parent, "FINISHED" if ended else "RUNNING", int(1000 * self._index.latest))

    @property
    def place(self) -> str:
        """Where MLflow's pages show the study's run: what follows the server's address."""
        return f"{self._runs}/{self._parent.run_id}"

    @property
    def _runs(self) -> str:
        return f"#/experiments/{self.experiment}/runs"

    def run_of(self, number: int) -> str:
        """Id of the run that shows a trial."""
        return self._trials[number].run_id

    def holds(self, number: int) -> bool:
        """Whether the server has a run of this trial."""
        return number in self._trials

    def _find(self, record: StudyRecord) -> Mirrored:
        """Reads which runs of the study there are, and makes the parent run if there is none."""
        parents: list[Mirrored] = []
        numbers = {trial.number for trial in record.trials}
        for run in study_runs(self._client, self.experiment, self.key):
            if run.info.lifecycle_stage == "deleted":
                self._client.restore_run(run.info.run_id)
            known, number = Mirrored.read(run), run.data.tags.get("trial")
            _forget_lost_files(known, run)
            if number is None:
                parents.append(known)
            elif int(number) in self._trials or int(number) not in numbers:
                self._set_status(known, "KILLED", None)  # made twice when an answer got lost, or cut off
            else:
                self._trials[int(number)] = known
        if not parents:
            return self._make_parent(record)
        if FIGURE in parents[0].tags and not self._client.list_artifacts(parents[0].run_id):
            for known in (*parents, *self._trials.values()):  # a server that has lost its files, in one question
                known.tags = {tag: value for tag, value in known.tags.items() if tag not in LAST_FILES}
        return parents[0]

    def _make_parent(self, record: StudyRecord) -> Mirrored:
        tags = {
            STUDY: self.key,
            SOURCE: SEARCH,
            "mlflow.source.git.commit": str(record.facts.get("git_commit", "")),
        }
        start = int(1000 * record.trials[0].started)
        run = self._client.create_run(self.experiment, start_time=start, tags=tags, run_name=record.name)
        return Mirrored(run.info.run_id, tags=tags, name=record.name)

    def _sync_study(self, record: StudyRecord, over: Sequence[TrialRecord]) -> None:
        pages = view.front_pages(record, self._index)
        tags = {FIGURE: _digest("".join(pages.values())), NOTE: view.note(record, self._index, self._links())}
        tags |= {"changes": "; ".join(record.changes_in_words)[: view.TAG_LENGTH]} if record.changes else {}
        if tags[FIGURE] != self._parent.tags.get(FIGURE):
            self._upload(self._parent, view.front_files(record, self._index) | pages)
        rows = self._progress.rows(over)
        steps = [(int(1000 * trial.ended), int(row["trials_finished"]), row) for trial, row in rows]
        new = [step for step in steps if step[1] > self._parent.steps]
        self._log(self._parent, new, view.study_params(record), tags)
        self._parent.steps += len(new)

    def _sync_search_page(self, record: StudyRecord) -> None:
        """Writes search.html when the search has ended, as every trial would change its 5 MB."""
        page = view.search_html(record)
        if _digest(page) != self._parent.tags.get(SEARCH_PAGE):
            self._upload(self._parent, {"search.html": page})
            self._log(self._parent, [], {}, {SEARCH_PAGE: _digest(page)})

    def _links(self) -> dict[int, str]:
        """Addresses of the runs of the front and of the published networks, within MLflow's pages."""
        named = [*(trial.number for trial in self._index.front), *self._index.published]
        return {number: f"{self._runs}/{self._trials[number].run_id}" for number in named}

    def _sync_trial(self, trial: TrialRecord, on_front: bool, ended: bool) -> None:
        known = self._trials.get(trial.number)
        if known is None:
            known = self._trials[trial.number] = self._make_trial(trial)
        if "state" not in known.tags:  # written last, so without it the files may be missing
            self._upload(known, view.trial_files(trial))
        rows = view.curve(trial)[known.steps :]
        stamped = [(int(1000 * (trial.started + row["seconds"])), int(row["epoch"]), row) for row in rows]
        if "state" not in known.tags:
            costs = {"params": float(trial.params), "bytes": float(trial.bytes), "macs": float(trial.macs)}
            costs |= {"activations": float(trial.activations)}
            costs |= trial.predicted
            costs |= {} if set(trial.named_sizes) <= set(SIZES) else {"size": trial.size}
            stamped.append((int(1000 * trial.started), 0, costs))
        self._log(known, stamped, view.trial_params(trial), view.trial_tags(trial, on_front))
        known.steps += len(rows)
        status = view.STATUSES[trial.state]
        end = None if status == "RUNNING" else int(1000 * trial.ended)
        self._set_status(known, "KILLED" if ended and status == "RUNNING" else status, end)
        name = view.run_name(trial)
        if name != known.name:
            self._client.update_run(known.run_id, name=name)
            known.name = name

    def _make_trial(self, trial: TrialRecord) -> Mirrored:
        tags = {STUDY: self.key, PARENT: self._parent.run_id, "trial": str(trial.number)}
        name, start = view.run_name(trial), int(1000 * trial.started)
        run = self._client.create_run(self.experiment, start_time=start, tags=tags, run_name=name)
        return Mirrored(run.info.run_id, tags=tags, name=name)

    def _upload(self, known: Mirrored, files: Mapping[str, str]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                Path(folder, name).write_text(text, encoding="utf-8")
            self._client.log_artifacts(known.run_id, folder)

    def _log(
        self,
        known: Mirrored,
        rows: Sequence[tuple[int, int, Mapping[str, float]]],
        params: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> None:
        """Logs metrics, new parameters and changed tags in one batch, as far as MLflow's limits allow.

        Args:
            known: the run.
            rows: (milliseconds since 1970, step, metrics).
            params: all parameters; MLflow never changes one, so the first value stays.
            tags: all tags.
        """
        from mlflow.entities import Metric, Param, RunTag

        metrics = [Metric(name, value, time, step) for time, step, row in rows for name, value in row.items()]
        new = [Param(name, value) for name, value in params.items() if name not in known.params]
        changed = [RunTag(name, value) for name, value in tags.items() if known.tags.get(name) != value]
        while len(metrics) + PARAM_BATCH + len(changed) > BATCH or len(new) > PARAM_BATCH:
            full = BATCH - PARAM_BATCH
            self._client.log_batch(known.run_id, metrics=metrics[:full], params=new[:PARAM_BATCH])
            metrics, new = metrics[full:], new[PARAM_BATCH:]
        if metrics or new or changed:
            self._client.log_batch(known.run_id, metrics=metrics, params=new, tags=changed)
        known.params |= params.keys()
        known.tags |= tags

    def _set_status(self, known: Mirrored, status: str, end: int | None) -> None:
        if known.status == status:
            return
        if status == "RUNNING":
            self._client.update_run(known.run_id, status=status)
        else:
            self._client.set_terminated(known.run_id, status, end)
        known.status = status


def mirror(record: StudyRecord, uri: str, ended: bool = True) -> None:
    """Writes a study into MLflow, or completes what is there. Doing it again changes nothing.

    Args:
        record: the study; without a trial there is nothing to write.
        uri: of the tracking server, such as sqlite:///mlflow.db.
        ended: whether the search is over: then trials still RUNNING are KILLED in MLflow.

    Raises:
        TrackingError: one line saying why the server could not be written to.
    """
    check_uri(uri)
    if not record.trials:
        return
    with tracking_errors(uri):
        open_mirror(resolve(uri), record).sync(record, ended)


def open_mirror(uri: str, record: StudyRecord) -> Mirror:
    """A study's mirror on a server."""
    with exclusive(uri) as client:
        return Mirror(client, uri, record)


def _experiment(client: MlflowClient, uri: str, record: StudyRecord) -> str:
    """The study's experiment: found, restored if somebody deleted it, or made."""
    found = find_experiment(client, uri, record)
    if found is None:
        # Otherwise MLflow's UI takes runs without models for those of a language model and hides their charts.
        tags = {"mlflow.experimentKind": "custom_model_development"}
        return str(client.create_experiment(experiment_name(record), artifact_location(uri), tags))
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _forget_lost_files(known: Mirrored, run: Run) -> None:
    """Takes tags for absent whose files are gone from this machine's disk, so that these are written again."""
    folder = local_path(run.info.artifact_uri)
    for tag, file in LAST_FILES.items():
        if folder and tag in known.tags and not (folder / file).exists():
            del known.tags[tag]


def _digest(page: str) -> str:
    return hashlib.sha256(page.encode()).hexdigest()[:16]
