"""python -m explorer.evaluate TARGET weights=FILE: what given weights are worth on given images."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.arch import cost
from explorer.arch.families import named

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from explorer.training.evaluation import Scores


def main(config: DictConfig) -> int:
    """Runs the command; returns its exit code."""
    from explorer.cli.config import plain
    from explorer.cli.options import whole
    from explorer.cli.progress import steps
    from explorer.training.evaluation import evaluate, put_together, read_images, read_weights

    _check(config)
    target, file = str(config.target), _weights_file(config)
    tensors = read_weights(file)
    data, part = read_images(plain(config.data), config.part, whole(config, "batch_size", 1))
    given = put_together(target, file, tensors, data, part, plain(config.options), config.classes)
    with steps("images", data.images[part]) as advance:
        scores = evaluate(given.network, data, part, advance)
    facts: dict[str, Any] = {"target": target, "weights": str(file), "data": data.name, "part": part}
    facts |= {"notes": given.notes, "params": cost(given.architecture).params, "identity": given.architecture.identity}
    print(json.dumps(facts | asdict(scores), indent=1) if config.format == "json" else _table(facts, scores))
    return 0


def _check(config: DictConfig) -> None:
    """Raises ConfigError if an option cannot be."""
    from explorer.cli.config import plain
    from explorer.cli.options import ConfigError, choice, whole
    from explorer.training.evaluation import PARTS

    choice(config, "format", "table", "json")
    choice(config, "part", *PARTS, None)
    if config.classes is not None:
        whole(config, "classes", 1)
    whole(config, "batch_size", 1)
    options = plain(config.options)
    if not isinstance(options, dict):
        raise ConfigError(f"options is {options!r}, expected metaparameters such as +options.conv10_padding=1")


def _weights_file(config: DictConfig) -> Path:
    from explorer.cli.options import ConfigError

    target = str(config.target)
    if config.weights is not None:
        return Path(str(config.weights))
    if target in named() or target.endswith(".json"):
        raise ConfigError("which weights? weights= an .npz or .safetensors file")
    return Path(target) / "weights.safetensors"


def _table(facts: dict[str, Any], scores: Scores) -> str:
    rate = scores.images / scores.seconds
    lines = [f"{facts['target']}: {facts['params']:,} params, weights from {facts['weights']}", *facts["notes"]]
    which = "" if facts["data"] == "image_folder" else f" ({facts['part']})"
    lines.append(f"{scores.images:,} images of {facts['data']}{which} on {scores.device}, {rate:.1f} images/s")
    for name, value, error in (("1", scores.top1, scores.top1_error), ("5", scores.top5, scores.top5_error)):
        lines.append(f"top-{name}  {100 * value:.2f} ± {100 * error:.2f} %")
    lines.append(f"loss   {scores.loss:.4f} ± {scores.loss_error:.4f}")
    return "\n".join(lines)


if __name__ == "__main__":
    from explorer.cli.config import command

    command("evaluate", main, bare="target")
