"""The command line: Hydra over conf/ and search_spaces/, errors as one line, exit codes.

A space file is flat (search_spaces/NAME.yaml) and pure data. Each is stored in Hydra's ConfigStore under the group
`space`, so that `+space=NAME`, overrides of its keys, inheritance by `defaults` and --help work as for any group.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from hydra.version import VersionBase
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from explorer.cli.ascii import degrade
from explorer.cli.multirun import check_names
from explorer.cli.options import ConfigError as ConfigError
from explorer.cli.safe_output import hide_secrets
from explorer.cli.shared import check_shared, may_be_space
from explorer.reporting.quoting import quoted
from explorer.space import DesignSpace, SpaceError, parse
from explorer.space.file import read_space_file, strings
from explorer.storage.stopping import INTERRUPTED

BAD_INPUT = 2
VALUED = {"--cfg": "--cfg", "-c": "--cfg", "--package": "--package", "-p": "--package"}
"""Options of Hydra's whose value may follow as a word of its own; it is no target."""
CONFIG_DIR = ("--config-dir", "-cd")
FIXED = ("--config-path", "-cp", "--config-name", "-cn")
"""Options of Hydra's by which a program's own configs are changed."""
OPTIONS = (
    "help", "hydra-help", "version", "cfg", "resolve", "package", "run", "multirun", "shell-completion", "config-path",
    "config-name", "config-dir", "experimental-rerun", "info",
)  # fmt: skip
"""Hydra's."""
TEXTS = (
    "study", "size", "trial", "target", "other", "against", "file", "weights", "output", "out", "svg", "recipe.init",
    "data.dir", "data.labels", "storage", "other_storage", "against_storage", "tracking", "runs", "compressed",
    "retrained", "table", "latency.table", "latency.device",
)  # fmt: skip
"""Keys whose values are names, paths and URLs: text, also where it looks like a number or holds a comma."""
PACKAGE = Path(__file__).parents[1]


_unreadable: dict[str, SpaceError] = {}
"""Space files that hold no space, and why: no reason to keep the others from being searched."""


def folder(name: str) -> Path:
    """conf/ or search_spaces/: inside the package of a wheel, beside it in a checkout."""
    return PACKAGE / name if (PACKAGE / name).is_dir() else PACKAGE.parent / name


def space_files() -> dict[str, Path]:
    """Every space that can be named: ours, and the user's from --config-dir, which win."""
    ours = sorted(folder("search_spaces").glob("*.yaml"))
    theirs = sorted(path for config_dir in _config_dirs() for path in Path(config_dir).glob("*.yaml"))
    return {path.stem: path for path in [*ours, *filter(may_be_space, theirs)]}


def known_boards() -> dict[str, dict[str, Any]]:
    """Every board that can be named, as plain data: ours, and the user's from --config-dir, which win."""
    places = [folder("conf"), *map(Path, _config_dirs())]
    files = {path.stem: path for place in places for path in sorted((place / "board").glob("*.yaml"))}
    return {name: plain(OmegaConf.load(path)) for name, path in files.items()}


def register_spaces() -> None:
    """Puts every space file into Hydra's group `space`; one that is none is told to whoever asks for it."""
    store = ConfigStore.instance()
    # For each group that it lists Hydra copies its sources, and with them all that is stored: three quarters of --help.
    store.__dict__["__deepcopy__"] = lambda memo: store
    _unreadable.clear()
    for name, path in space_files().items():
        try:
            _store_space(store, path)
        except SpaceError as error:
            _unreadable[name] = error


def _store_space(store: ConfigStore, path: Path) -> None:
    store.store(group="space", name=path.stem, node=OmegaConf.create(read_space_file(path)), provider=str(path))


def load_space(name: str | Path) -> DesignSpace:
    """A space by name or from a file, with what it inherits.

    Raises:
        SpaceError: if there is none, or if it cannot be searched.
    """
    path = Path(name)
    register_spaces()
    store = ConfigStore.instance()
    if path.suffix == ".yaml":
        if not path.is_file():
            raise SpaceError(f"no file {path}")
        _store_space(store, path)
    elif str(name) not in space_files():
        raise SpaceError(f"space is {name!r}, expected one of {', '.join(space_files())}")
    elif str(name) in _unreadable:
        raise _unreadable[str(name)]
    store.store(name="_load_space", node=OmegaConf.create({}))
    # Whoever calls may be a Hydra program itself: its state is set aside and put back.
    theirs, base = GlobalHydra.instance().hydra, VersionBase.instance().getbase()
    GlobalHydra.instance().clear()
    try:
        with hydra.initialize_config_dir(str(folder("conf").absolute()), version_base="1.3"):
            return space_of(hydra.compose("_load_space", overrides=[f"+space={path.stem}"]), path.stem)
    finally:
        GlobalHydra.instance().hydra = theirs
        VersionBase.instance().version_base = base


def space_of(config: DictConfig, name: str) -> DesignSpace:
    """The space of a composed config."""
    for key, value in strings(OmegaConf.to_container(config.space, resolve=False), "space"):
        if "${" in value:
            raise SpaceError(f"{key} is {value!r}; a space is data, so nothing is interpolated in it")
    plain = OmegaConf.to_container(config.space)
    if not isinstance(plain, dict):
        raise SpaceError(f"space {name}: is {plain!r}, expected a mapping with family, search, ...")
    return parse(name, {str(key): value for key, value in plain.items()})


def plain(config: Any) -> Any:
    """A config as dicts, lists and values, interpolations resolved."""
    return OmegaConf.to_container(config, resolve=True) if OmegaConf.is_config(config) else config


def space_choice() -> str:
    """The name after `+space=` on the command line.

    Raises:
        ConfigError: if there is none.
    """
    choices = HydraConfig.get().runtime.choices
    if "space" not in choices:
        raise ConfigError(f"which space? +space= one of {', '.join(space_files())}")
    return str(choices["space"])


def command(
    name: str, run: Callable[[DictConfig], int], bare: str | None = None, added: tuple[str, ...] = ()
) -> NoReturn:
    """Runs a command under Hydra and leaves with its exit code.

    Args:
        name: of its config, conf/NAME.yaml.
        run: takes the composed config, returns the exit code.
        bare: the key that a first bare word on the command line stands for (`retrain best` means `trial=best`).
        added: groups that are not in its config: `+space=NAME` adds one.
    """
    degrade(sys.stdout, sys.stderr)
    hide_secrets()
    full = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises instead of printing, and we print one line
    code = [0]
    failure: list[BaseException] = []

    def task(config: DictConfig) -> None:
        try:
            _check_keys(name, config, added)
            code[0] = max(code[0], run(config))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - kept from Hydra, which would print the overrides first
            if full:
                failure.append(error)
            code[0] = max(code[0], 0 if full else _failed(name, error))
        if code[0] == INTERRUPTED:
            raise KeyboardInterrupt  # it ends the other jobs of a multirun

    try:
        _shape_arguments(name, bare)
        for config_dir in _config_dirs():
            check_shared(Path(config_dir))
        if "space" in added:
            register_spaces()
        if _several():
            check_names(sys.argv[1:], name)
        hydra.main(version_base="1.3", config_path=str(folder("conf").absolute()), config_name=name)(task)()
        if failure:
            raise failure[0]
    except KeyboardInterrupt:
        code[0] = INTERRUPTED
    except Exception as error:
        if full:
            raise
        code[0] = _failed(name, error)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _let_go_of_stdout()
    sys.exit(code[0])


def _failed(name: str, error: BaseException) -> int:
    """Says in one line why a command failed; returns its exit code."""
    if isinstance(error, BrokenPipeError):
        _let_go_of_stdout()
        return 0
    if not isinstance(error, Exception):
        raise error
    if isinstance(error, HydraException | OmegaConfBaseException):
        return _complain(name, _hydra_line(error))
    if isinstance(error, ValueError) and type(error).__module__.startswith("explorer."):
        return _complain(name, _one_line(error))
    if isinstance(error, OSError) and error.filename:
        return min(_complain(name, f"{error.filename}: {error.strerror}"), 1)
    _complain(name, f"{type(error).__name__}: {_one_line(error)} (HYDRA_FULL_ERROR=1 shows where)")
    return 1


def _check_keys(name: str, config: DictConfig, added: tuple[str, ...]) -> None:
    """Raises ConfigError for a key that the command does not read; what reads a group checks that group's keys."""
    own: Any = OmegaConf.to_container(OmegaConf.load(folder("conf") / f"{name}.yaml"), resolve=False)
    groups = {key for each in own.pop("defaults") if isinstance(each, dict) for key in each}
    unknown = next(_unknown(OmegaConf.to_container(config, resolve=False), own, {*groups, *added}), None)
    if unknown is not None:
        raise ConfigError(f"{unknown} is no key of explorer.{name}, so it would be ignored; --help shows the keys")


def _unknown(config: Any, own: dict[str, Any], others: set[str], prefix: str = "") -> Iterator[str]:
    for key, value in config.items():
        if key not in own and key not in others:
            yield f"{prefix}{key}"
        elif own.get(key) and isinstance(own[key], dict) and isinstance(value, dict):
            yield from _unknown(value, own[key], set(), f"{prefix}{key}.")


def _let_go_of_stdout() -> None:
    """The reader, such as `head`, has closed the pipe: what is left is thrown away, without an error at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _shape_arguments(name: str, bare: str | None) -> None:
    """Makes the command line one that Hydra's parser takes: options before overrides, no bare word, no --KEY."""
    dirs = _config_dirs()
    words: list[str] = []
    rest = iter(sys.argv[1:])
    for word in rest:
        if word in CONFIG_DIR:
            next(rest, None)
        elif not word.startswith("--config-dir="):
            words.append(f"{VALUED[word]}={next(rest, '')}" if word in VALUED else _override(word, name))
    first = next((i for i, word in enumerate(words) if not word.startswith("-")), None)
    if bare and first is not None and re.fullmatch(r"[^=~+][^=]*", words[first]):
        words[first] = f"{bare}={words[first]}"
    words = [_as_text(word) for word in words]
    # Hydra's completion script is for what is called here; it knows no `python -m`.
    program = "explorer" if {"-sc", "--shell-completion"} & set(words) else f"python -m explorer.{name}"
    sys.argv = [program, *(f"--config-dir={path}" for path in dirs), *words]


def _as_text(word: str) -> str:
    """study=2024_01_31 as study="2024_01_31", which Hydra's grammar would read as the number 20240131.

    Raises:
        ConfigError: for space=null, which would take the group away.
    """
    key, _, value = word.partition("=")
    if key.lstrip("+") == "space" and (not value or value.lower() in ("null", "~")):
        raise ConfigError(f"which space? +space= one of {', '.join(space_files())}")
    if key.lstrip("+") not in TEXTS or value in ("", "null") or value[0] in "'\"" or "\\" in value or "${" in value:
        return word  # not text, or written in Hydra's grammar
    return word if _several() and re.search(r"[,(]", value) else f"{key}={quoted(value)}"


def _several() -> bool:
    return bool({"-m", "--multirun"} & set(sys.argv))


def _override(word: str, name: str) -> str:
    """--text as text=true, --seeds=5 as seeds=5, for keys of the command's config; other words as they are.

    Raises:
        ConfigError: if it is neither a key nor an option of Hydra's.
    """
    key, given, value = word.removeprefix("--").partition("=")
    if word.partition("=")[0] in FIXED:
        raise ConfigError(f"{word}: {name} has its own config; yours is a folder: --config-dir FOLDER")
    if not word.startswith("--") or key in OPTIONS:
        return word
    line = re.search(rf"^{re.escape(key)}:\s*(\S*)", _config_file(name), re.MULTILINE)
    if not line:
        raise ConfigError(f"{word} is no option; --help shows the keys, which are set as KEY=VALUE")
    if not given and line[1] not in ("true", "false"):
        raise ConfigError(f"{word}: expected {key}=VALUE, such as {key}={line[1] or 'NAME'}")
    return f"{key}={value if given else 'true'}"


def _config_file(name: str) -> str:
    return (folder("conf") / f"{name}.yaml").read_text(encoding="utf-8")


def of_option(words: list[str], place: int) -> bool:
    """Whether a word of a command line is the value of the option before it."""
    return place > 0 and words[place - 1] in (*VALUED, *CONFIG_DIR)


def _config_dirs() -> list[str]:
    following = [after for word, after in pairwise([*sys.argv[1:], ""]) if word in CONFIG_DIR]
    return following + [word.split("=", 1)[1] for word in sys.argv[1:] if word.startswith("--config-dir=")]


def _hydra_line(error: Exception) -> str:
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        if group == "space" and choice in _unreadable:
            return str(_unreadable[choice])
        if group and error.options:
            return f"{group}={choice} is not known, expected one of {', '.join(sorted(error.options))}"
    if isinstance(error, OverrideParseException):
        return _unread(error.override)
    return _one_line(error)


def _unread(word: str) -> str:
    """What is wrong with a word that Hydra's grammar does not take."""
    key, given, value = word.partition("=")
    if not given:
        return f"{word!r} is no KEY=VALUE; --help shows the keys"
    return (
        f"{key} is {value!r}, which has to be quoted for the shell and inside: {shlex.quote(f'{key}={quoted(value)}')}"
    )


def _one_line(error: Exception) -> str:
    """The message without what follows its first paragraph (Hydra appends keys and types)."""
    lines = [line.strip() for line in str(error).split("\n    full_key")[0].splitlines() if line.strip()]
    return " ".join(lines) or type(error).__name__


def _complain(name: str, line: str) -> int:
    print(f"explorer.{name}: {line}", file=sys.stderr)
    return BAD_INPUT
