"""Networks too large for the machine are refused by what they are counted to cost."""

import pytest

from explorer.arch import architecture, cost
from explorer.arch.families.fire import fire
from explorer.training import memory
from explorer.training.latency import Subject, prepare
from explorer.training.memory import TooLargeError, check_fits


def test_memory_is_parameters_and_the_activations_of_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    network = architecture("squeezenet_v1_0", (3, 32, 32), 10)
    counted = cost(network)
    need = counted.bytes + 4 * counted.peak_activation_bytes
    monkeypatch.setattr(memory, "machine_bytes", lambda: need)
    check_fits("mine", network, batch_size=4)
    monkeypatch.setattr(memory, "machine_bytes", lambda: need - 1)
    with pytest.raises(TooLargeError, match=r"^mine needs 0\.0 GB of parameters and .* for 4 at once, this"):
        check_fits("mine", network, batch_size=4)


def test_a_million_channels_are_no_network_for_onnx() -> None:
    network = architecture("squeezenet_v1_0", (1_000_000, 32, 32), 10)
    with pytest.raises(TooLargeError, match=r"wide has [\d.]+ GB of parameters, an ONNX file holds 2\.1 GB"):
        prepare([Subject("wide", network)], 1, 1)


def test_a_padding_that_makes_the_activations_too_large() -> None:
    network = fire((3, 64, 64), 10, conv10_padding=2**24)
    with pytest.raises(TooLargeError, match="of activations for 1 at once"):
        check_fits("squeezenet_v1_0", network)
