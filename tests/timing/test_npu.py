"""Cycles of an NPU, as Vela predicts them: every operator has its own, and those of other networks are predicted."""

from __future__ import annotations

from math import inf, isfinite, isinf
from random import Random

import pytest

from explorer import load_space
from explorer.arch import Architecture, tflite
from explorer.arch import layers as L
from explorer.int8 import vela
from explorer.timing.conditions import VELA, npu
from explorer.timing.measure import Measured, measure
from explorer.timing.npu_features import described
from explorer.timing.predictor import Predictor, error

pytestmark = pytest.mark.skipif(not vela.available(), reason="the extra `vela` is not installed")
NPU = "ethos-u55-128"
FAMILIES = ("fire", "residual", "inverted_residual", "regnet", "squeezenext", "shuffle")


def drawn(space: str, count: int, side: int = 32) -> list[Architecture]:
    found, random = load_space(space), Random(0)
    return [found.architecture(found.sample(random), (3, side, side), 10) for _ in range(count)]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_operators_have_all_cycles(family: str) -> None:
    for network in drawn(family, 2):
        measured = measure(network, npu(NPU))
        program = tflite.program(network)
        kinds = [each.kind for each in program.operators]
        assert len(measured.operators) == len(kinds) == len(described(network))
        left = [kind for kind, cycles in zip(kinds, measured.operators, strict=True) if isinf(cycles)]
        assert set(left) == ({"GATHER"} if family == "shuffle" else set())
        if not left:
            assert sum(measured.operators) == measured.took
        assert all(
            cycles > 0 for kind, cycles in zip(kinds, measured.operators, strict=True) if kind.endswith("CONV_2D")
        )


def test_channels_are_taken_in_blocks() -> None:
    def cycles(channels: int) -> float:
        layers = (L.Conv2d("conv", channels, 3, padding=1),)
        network = Architecture((channels, 16, 16), layers)
        return measure(network, npu(NPU)).took

    assert cycles(24) > cycles(32) * 0.95  # though it has 0.56 times the multiply-accumulates


def test_cycles_of_other_networks_are_predicted() -> None:
    measured = [measure(network, npu(NPU)) for network in drawn("fire", 40)]
    predict = Predictor(measured[:30], VELA)
    assert predict.cost == "cycles"
    off = sorted(abs(predict(each.architecture) / each.took - 1) for each in measured[30:])
    assert off[5] < 0.03
    assert error(measured, VELA).rank > 0.99


def test_what_is_left_to_the_processor_has_no_cycles() -> None:
    networks = [*drawn("fire", 5), *drawn("shuffle", 2)]
    measured: list[Measured] = [measure(network, npu(NPU)) for network in networks]
    predict = Predictor(measured, VELA)
    assert [isfinite(predict(network)) for network in networks] == [True] * 5 + [False] * 2
    assert measured[-1].took == inf
    assert error(measured, VELA).networks == 5
    with pytest.raises(vela.VelaError, match="npu is 'ethos-u99', expected one of ethos-u55-32"):
        vela.cycles(b"", "ethos-u99")
    with pytest.raises(vela.VelaError, match="Vela does not compile the file"):
        vela.cycles(b"nothing", NPU)
