"""Several searches by one command (-m): each needs a study of its own."""

from __future__ import annotations

from math import prod

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from explorer.cli.options import ConfigError

NAMING = ("study", "space", "storage")
"""Keys by which jobs differ in their study: its name, else that of the space, and where it is kept."""


def check_names(words: list[str], command: str) -> None:
    """Checks the command line of a multirun.

    Raises:
        ConfigError: if two of its jobs would go on with the same study.
    """
    if command != "search":
        return
    try:
        overrides = OverridesParser.create().parse_overrides([word for word in words if not word.startswith("-")])
        counts = {one.key_or_group: _count(one) for one in overrides}
    except (HydraException, ValueError, AttributeError):
        return  # Hydra says what is wrong, or knows what a glob stands for
    study = next((one for one in overrides if one.key_or_group == "study"), None)
    if study is not None and "${" in study.get_value_string():
        return
    named = ("study", "storage") if study else NAMING
    jobs, names = prod(counts.values()), prod(counts.get(key, 1) for key in named)
    if jobs > names:
        raise ConfigError(
            f"{jobs} jobs, {names} of them with a study of its own; add one for each: 'study=NAME_${{hydra:job.num}}'"
        )


def _count(override: Override) -> int:
    if not override.is_sweep_override():
        return 1
    return sum(1 for _ in override.sweep_string_iterator())
