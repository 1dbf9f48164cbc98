"""Where a study stands, kept up from record to record, is what is taken from the last record alone."""

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from explorer.results.pareto import front_trials
from explorer.results.record import StudyRecord, TrialRecord
from explorer.results.trial_index import TrialIndex, changed
from tests.support.sample import study, trial

ENDS = st.sampled_from(["RUNNING", "COMPLETE", "COMPLETE", "PRUNED", "FAIL"])
# Few values, so that points are equal or share a size or an accuracy.
TRIAL = st.tuples(ENDS, st.integers(1, 6), st.integers(0, 5), st.booleans())


def grown(trials: list[TrialRecord], rng: Random) -> list[StudyRecord]:
    """The study after each thing that happened: trials begin by their numbers and end in any order."""
    now: list[TrialRecord] = []
    records, waiting, under_way = [], list(trials), list[TrialRecord]()
    while waiting or under_way:
        if waiting and (not under_way or rng.random() < 0.5):
            under_way.append(waiting.pop(0))
            now.append(replace(under_way[-1], state="RUNNING", ended=0.0))
        else:
            one = under_way.pop(rng.randrange(len(under_way)))
            now[one.number] = one
        records.append(study(now))
    return records


def facts(index: TrialIndex) -> list[object]:
    named = vars(index).items()
    return [value for name, value in named if not name.startswith("_")]


@given(st.lists(TRIAL, max_size=14), st.integers(0, 9))
def test_it_is_kept_up(drawn: list[tuple[str, int, int, bool]], seed: int) -> None:
    trials = [
        replace(
            trial(i, state=state, accuracy=0.5 + a / 10, epochs=2, anchor="squeezenet_v1_0" if anchor else None),
            params=params,
        )
        for i, (state, params, a, anchor) in enumerate(drawn)
    ]
    index = TrialIndex()
    for record in grown(trials, Random(seed)):
        index.update(record)
        assert facts(index) == facts(TrialIndex(record))
        assert index.front == front_trials(record)
        known = [one for one in record.trials if one.accuracy is not None]
        assert sorted(index.measured) == [one.number for one in known]
        front = {one.number for one in index.front}
        plain = [one for one in known if not one.anchor and one.number not in front]
        assert index.dominated == [one.number for one in plain if one.state == "COMPLETE"]
        assert index.stopped == [one.number for one in plain if one.state == "PRUNED"]
        assert index.published == [one.number for one in known if one.anchor]
        assert index.running == {one.number: one for one in record.trials if one.state == "RUNNING"}
        assert index.failed == sum(one.state == "FAIL" for one in record.trials)
        assert index.latest == max(max(one.started, one.ended) for one in record.trials)


def test_only_what_changed_is_looked_at() -> None:
    first = [trial(0), trial(1), replace(trial(2), state="RUNNING")]
    index = TrialIndex(study(first))
    assert index.update(study(first)) == ()
    more = [*first[:2], trial(2), trial(3)]
    assert index.update(study(more)) == (more[2], more[3])
    assert changed((), ()) == ()


def test_a_trial_that_ended_otherwise_than_before_is_taken_anew() -> None:
    first = [trial(0, accuracy=0.9), trial(1, accuracy=0.8)]
    index = TrialIndex(study(first))
    other = study([first[0], trial(1, accuracy=0.99)])
    index.update(other)
    assert facts(index) == facts(TrialIndex(other))
    index.update(study(first[:1]))
    assert facts(index) == facts(TrialIndex(study(first[:1])))
