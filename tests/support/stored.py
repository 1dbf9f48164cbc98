"""A made-up study in a real storage, written by the store that a search writes with."""

from __future__ import annotations

from optuna.distributions import FloatDistribution, IntDistribution

from explorer.results.record import StudyRecord, TrialRecord
from explorer.samplers import Proposal
from explorer.storage.stored import load
from explorer.storage.study_store import StudyStore
from tests.support.sample import SEARCH


def stored(record: StudyRecord, url: str) -> StudyRecord:
    """Writes a study of `tests.support.sample` and reads it back: its times are those of now."""
    store = StudyStore(url, record.name, record.config, record.facts)
    for trial in record.trials:
        known = {"anchor": trial.anchor, "identity": trial.identity, "params": trial.params, "bytes": trial.bytes}
        known |= {"macs": trial.macs, "architecture": trial.architecture, "seeds": list(trial.seeds)}
        number = store.create(_proposal(trial), known).number
        for seed, curve in zip(trial.seeds, trial.curves, strict=True):
            store.save_curve(number, seed, list(curve), trial.device)
        if trial.state != "RUNNING":
            store.finish(number, trial.state, trial.reason)
    store.release()
    return load(url, record.name)


def _proposal(trial: TrialRecord) -> Proposal | None:
    if not trial.metaparameters:
        return None
    kinds = {"int": IntDistribution, "float": FloatDistribution}
    distributions = {}
    for name, spec in SEARCH.items():
        options = {key: value for key, value in spec.items() if key != "type"}
        distributions[name] = kinds[str(spec["type"])](**options)  # type: ignore[arg-type]
    return Proposal(trial.metaparameters, distributions)
