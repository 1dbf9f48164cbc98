"""Explore the design space of small neural networks.

    space = explorer.load_space("fire_micro")
    network = space.architecture({"base_e": 64, "squeeze_ratio": 0.25}, input_shape=(1, 8, 8), classes=10)
    explorer.cost(network).params
    explorer.build(network)             # a torch module

Names are imported when they are first used, so that what needs no torch does not wait for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str

    from explorer.arch import Architecture, Cost, architecture, cost
    from explorer.cli.config import load_space
    from explorer.results.pareto import hypervolume, pareto_front
    from explorer.space import DesignSpace
    from explorer.study.optimize import Study, optimize
    from explorer.training.network import build

__all__ = [
    "Architecture",
    "Cost",
    "DesignSpace",
    "Study",
    "architecture",
    "build",
    "cost",
    "hypervolume",
    "load_space",
    "optimize",
    "pareto_front",
]

_HOMES = {
    "explorer.arch": ("Architecture", "Cost", "architecture", "cost"),
    "explorer.cli.config": ("load_space",),
    "explorer.results.pareto": ("hypervolume", "pareto_front"),
    "explorer.training.network": ("build",),
    "explorer.study.optimize": ("Study", "optimize"),
    "explorer.space": ("DesignSpace",),
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'explorer' has no attribute {name!r}")


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("explorer")
    except PackageNotFoundError:  # a folder that nobody installed: nothing says which version it is
        return "unknown"
