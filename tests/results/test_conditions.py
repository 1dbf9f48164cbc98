"""What differs between a study's conditions and those of its retraining, and what would bring the former ones back."""

import pytest
import torch

from explorer.results.conditions import differences
from explorer.training.job import trained_on

HERE = "cpu (AMD EPYC, 1 thread, AVX512)"
VERSIONS = {"torch": "2.14.1", "python": "3.11.7", "mlflow": "3.17.2"}


@pytest.mark.parametrize(
    ("then", "difference", "remedy"),
    [
        ("cpu (AMD EPYC, 1 thread, AVX2)", "instruction set was AVX2, now AVX512", "ATEN_CPU_CAPABILITY=avx2"),
        ("cpu (AMD EPYC, 4 threads, AVX512)", "torch threads were 4, now 1", "launcher.threads=4"),
        ("cpu (Xeon, 8 cores, 1 thread)", "processor was Xeon, 8 cores, now AMD EPYC", "a machine with Xeon, 8 cores"),
        ("2 x cpu (AMD EPYC, 1 thread)", "had 2 processes, now 1", "launcher.devices_per_trial=2"),
        ("NVIDIA H200", "device was NVIDIA H200, now cpu", "a device of that kind: NVIDIA H200"),
    ],
)
def test_a_device_that_differs_is_named_with_its_remedy(then: str, difference: str, remedy: str) -> None:
    ((what, how),) = differences(then, HERE, VERSIONS, VERSIONS)
    assert difference in what
    assert remedy in how


def test_devices_of_earlier_versions_compare_without_the_instruction_set() -> None:
    assert differences("cpu (AMD EPYC, 1 thread)", HERE, {}, VERSIONS) == []


def test_versions_that_decide_are_compared() -> None:
    then = VERSIONS | {"torch": "2.13.0", "mlflow": "3.16.0"}
    assert differences(HERE, HERE, then, VERSIONS) == [("torch was 2.13.0, now 2.14.1", "torch 2.13.0")]


def test_the_device_tells_the_instruction_set() -> None:
    assert trained_on(torch.device("cpu")).endswith(f", {torch.backends.cpu.get_cpu_capability()})")
