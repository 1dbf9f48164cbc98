"""The commands that make a study again, from what the study remembers of how it was made."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from explorer.arch.tflite.board import Board
from explorer.reporting import quoting
from explorer.results.metric import metric_of, precision_of
from explorer.results.metric import own_code as is_own_code
from explorer.results.record import StudyRecord

GROUPS = ("data", "recipe", "sampler", "stopping")
DEFAULTS = {"data": "digits", "recipe": "fast", "sampler": "front", "stopping": "pareto"}
"""Options that a search takes where none is named."""
VALUES = {"metric": "accuracy", "size": "params", "seed": 0, "seeds": 1, "uniform": 0.05}
Options = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Commands:
    """How a study is made again.

    Attributes:
        steps: (what it does, the command).
        space: of a space that is none of the known ones, the file NAME.yaml that the search needs; else "".
    """

    steps: tuple[tuple[str, str], ...]
    space: str = ""


def commands(record: StudyRecord, options: str, presets: Mapping[str, Options], spaces: Options) -> Commands:
    """The search, then what makes its winner again.

    Args:
        record: the study.
        options: of a command that finds the study, such as study=NAME.
        presets: for each of GROUPS its options by name.
        spaces: known spaces by name, as plain data.
    """
    made = _without(record.config["space"], record.board)
    known = next((name for name, space in spaces.items() if _same(space, made)), None)
    commit = str(record.facts.get("git_commit", ""))
    steps: list[tuple[str, str]] = []
    if commit:
        changed = " (with changes that were not committed)" if commit.endswith("+") else ""
        steps.append((f"the code that made it{changed}", f"git checkout {commit.rstrip('+')}"))
    search = ["python -m explorer.search", *([] if known else ["--config-dir ."]), *_search(record, presets, known)]
    steps.append(("the search", " ".join(search)))
    own = " ".join([options, *own_code(record)])
    seen = " ".join(
        [options, *([quoting.word("size", _sizes(record.size_name))] if "made_for" in record.facts else [])]
    )
    steps += [
        ("the most accurate network, trained again bit for bit, then with fresh seeds on the test split",
         f"python -m explorer.retrain best {own}"),
        ("the smallest within one point of it", f"python -m explorer.retrain smallest within=0.01 {own}"),
        ("a network layer by layer", f"python -m explorer.describe best {options}"),
        ("this page", f"python -m explorer.report {seen}"),
    ]  # fmt: skip
    steps = [(what, command.strip()) for what, command in steps]
    return Commands(tuple(steps), "" if known else json.dumps(made, indent=2))


def _without(space: Mapping[str, Any], board: Board | None) -> Mapping[str, Any]:
    """A study's space without the limits that a board has set."""
    if board is None:
        return space
    limits = {key: value for key, value in space["limits"].items() if value != board.limits.get(key)}
    return {**space, "limits": limits}


def own_code(record: StudyRecord) -> list[str]:
    """Words that name the code of one's own by which a study was made: without them no command runs it."""
    data, metric = record.config.get("data"), metric_of(record.config)
    words = [quoting.word("data.target", data["target"])] if isinstance(data, Mapping) and "target" in data else []
    return words + ([quoting.word("metric", metric)] if is_own_code(metric) else [])


def _sizes(name: str) -> str | list[str]:
    """One size, or a list of two, by name."""
    sizes = name.split(", ")
    return sizes if len(sizes) > 1 else name


def _search(record: StudyRecord, presets: Mapping[str, Options], known: str | None) -> Iterator[str]:
    config = {**record.config, "size": _sizes(record.facts.get("made_for", record.size_name))}
    space = known or f"{record.name}_space"
    yield quoting.word("+space", space)
    if record.name != space:
        yield quoting.word("study", record.name)
    for group in GROUPS:
        if group in config:
            yield from _overrides(group, config[group], presets.get(group, {}))
    if record.board is not None:
        yield quoting.word("board", record.board.name)
    if precision_of(config) != ("int8" if record.board is not None else "fp32"):
        yield quoting.word("precision", precision_of(config))
    yield f"n_trials={len(record.trials)}"
    recipe = config.get("recipe")
    length = recipe.get("epochs") if isinstance(recipe, Mapping) else None
    if config["epochs"] != length:
        yield f"epochs={config['epochs']}"
    for key, usual in VALUES.items():
        if config.get(key, usual) != usual:
            yield quoting.word(key, config[key])


def _overrides(group: str, settings: Any, options: Options) -> Iterator[str]:
    """The option that is nearest to the settings, and the keys in which they differ from it."""
    if not isinstance(settings, Mapping) or not options:
        return
    own = dict(_flat(settings))
    changes = {name: list(_changes(group, own, dict(_flat(option)))) for name, option in options.items()}
    best = min(changes, key=lambda name: (_named(own, options[name]), len(changes[name]), name != DEFAULTS[group]))
    if best != DEFAULTS[group]:
        yield f"{group}={best}"
    yield from changes[best]


def _named(own: Mapping[str, Any], option: Mapping[str, Any]) -> bool:
    """Whether an option is another data set, sampler or rule by its name; False sorts first."""
    return own.get("name") != option.get("name")


def _changes(group: str, own: Mapping[str, Any], option: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(own.keys() | option.keys()):
        name = f"{group}.{key}"
        if key not in own:
            yield shlex.quote(f"~{name}")
        elif key not in option:
            yield quoting.word(f"+{name}", own[key])
        elif own[key] != option[key]:
            yield quoting.word(name, own[key])


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves by dotted names; lists are leaves."""
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _flat(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", inner


def _same(space: Any, other: Any) -> bool:
    """Equal as plain data, as a storage gives it back."""
    return bool(json.dumps(space, sort_keys=True) == json.dumps(other, sort_keys=True))
