"""python -m explorer.describe TARGET: a network layer by layer, and drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.arch import Architecture, ArchitectureError, architecture
from explorer.arch.families import named

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(config: DictConfig) -> int:
    """Runs the command; returns its exit code."""
    from explorer.arch import layer_table
    from explorer.arch.chain import chain
    from explorer.cli.config import ConfigError, plain, write
    from explorer.plots import network as drawing

    if config.format not in ("table", "json"):
        raise ConfigError(f"format is {config.format!r}, expected table or json")
    target = str(config.target)
    network = resolve(target, plain(config.input), config.classes, config.storage, config.study)
    if config.format == "json":
        print(layer_table.as_json(network, target))
    else:
        print(layer_table.table(network, target))
        print(f"\n{drawing.text(chain(network))}")
    if config.svg is not None:
        write(Path(str(config.svg)), drawing.svg(chain(network), target), "svg")
    return 0


def resolve(target: str, input_shape: Any, classes: Any, storage: str, study: str | None) -> Architecture:
    """The architecture that a target names: a published network, a file, or a trial of a study.

    Raises:
        ArchitectureError, StudyError, TargetError, ConfigError: if there is none.
    """
    from explorer.cli.config import ConfigError

    if target in named():
        shape = [3, 227, 227] if input_shape is None else input_shape
        if not (isinstance(shape, list) and len(shape) == 3 and all(type(n) is int and n > 0 for n in shape)):
            raise ConfigError(f"input is {shape!r}, expected [channels, height, width] such as [3,227,227]")
        count = 1000 if classes is None else classes
        if type(count) is not int or count < 1:
            raise ConfigError(f"classes is {count!r}, expected a whole number of at least 1")
        return architecture(target, (shape[0], shape[1], shape[2]), count)
    if input_shape is not None or classes is not None:
        raise ConfigError(f"input and classes go with a published network ({', '.join(named())}), {target} has its own")
    if target.endswith(".json"):
        return read_architecture(Path(target))
    from explorer.results import selection
    from explorer.storage import study_store

    if (
        not target.isdigit()
        and target not in selection.WORDS
        and not Path("study.db").exists()
        and storage == "sqlite:///study.db"
    ):
        raise ArchitectureError(
            f"network is {target!r}, expected one of {', '.join(named())}, a trial of a study or a .json file"
        )
    return Architecture.from_json(selection.find(study_store.load(storage, study), target).architecture)


def read_architecture(path: Path) -> Architecture:
    """Reads a stored architecture.

    Raises:
        ArchitectureError: naming the file.
    """
    try:
        return Architecture.from_json(path.read_text())
    except OSError as error:
        raise ArchitectureError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ArchitectureError(f"{path}: no text, expected an architecture.json") from None
    except ArchitectureError as error:
        raise ArchitectureError(f"{path}: {error}") from None


if __name__ == "__main__":
    from explorer.cli.config import command

    command("describe", main, bare="target")
