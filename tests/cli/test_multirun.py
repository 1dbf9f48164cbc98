"""Several searches by one command: each needs a study of its own."""

import pytest

from explorer.cli.multirun import check_names
from explorer.cli.options import ConfigError


@pytest.mark.parametrize(
    "words",
    [
        ["+space=fire_micro", "seed=1,2"],
        ["+space=fire_micro,fire_macro", "seed=1,2"],
        ["+space=fire_micro,fire_macro", "study=one"],
        ["+space=fire_micro", "seed=range(3)"],
    ],
)
def test_jobs_that_would_share_a_study_are_refused(words: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"^\d jobs, \d of them with a study of its own; add one .*hydra:job\.num"):
        check_names(["-m", *words], "search")


@pytest.mark.parametrize(
    "words",
    [
        ["+space=fire_micro,fire_macro"],
        ["+space=fire_micro", "study=a,b"],
        ["+space=fire_micro", "seed=1,2", "study=a_${hydra:job.num}"],
        ["+space=fire_micro", "seed=1"],
    ],
)
def test_jobs_with_studies_of_their_own_go_on(words: list[str]) -> None:
    check_names(["-m", *words], "search")
