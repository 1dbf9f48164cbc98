"""Networks as data: layers, families, cost. Standard library alone."""

from explorer.arch.architecture import Architecture
from explorer.arch.cost import Cost, LayerCost, cost
from explorer.arch.families import architecture
from explorer.arch.layers import ArchitectureError, Shape
from explorer.arch.totals import Totals, totals

__all__ = [
    "Architecture",
    "ArchitectureError",
    "Cost",
    "LayerCost",
    "Shape",
    "Totals",
    "architecture",
    "cost",
    "totals",
]
