"""A step that is recorded and replayed trains as ordinary steps do; what cannot be recorded is taken step by step."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from explorer.training.classifier import Classifier
from explorer.training.cuda_graph import WARM_UP, Replayed, Step, replayed
from explorer.training.job import run
from tests.support.training import FAST, job, state, without_time


def batches() -> Iterator[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    for size in (5, 5, 5, 4, 5, 5, 4, 4, 4, 5, 4, 3):  # two sizes, as in an epoch, and an odd one
        yield torch.randn(size, 6, generator=generator), torch.randint(3, (size,), generator=generator)


def trained(wrap: Callable[[Step], Step]) -> tuple[list[Tensor], list[Tensor]]:
    """Weights after all batches; what each step saw."""
    torch.manual_seed(0)
    network = nn.Linear(6, 3)
    optimizer = torch.optim.AdamW(network.parameters(), 0.1)
    seen = []

    def step(images: Tensor, labels: Tensor) -> None:
        optimizer.zero_grad()
        F.cross_entropy(network(images), labels).backward()
        optimizer.step()
        seen.append(images.clone())

    take = wrap(step)
    for images, labels in batches():
        take(images, labels)
    return [parameter.detach() for parameter in network.parameters()], seen


def test_replayed_steps_are_the_ordinary_ones() -> None:
    recorded = []

    def record(call: Callable[[], None]) -> Callable[[], None]:
        recorded.append(call)  # as on a GPU, recording does nothing
        return call

    plain, seen = trained(lambda step: step)
    replays, seen_too = trained(lambda step: Replayed(step, record, lambda own, *given: own(*given)))
    assert all(torch.equal(a, b) for a, b in zip(plain, replays, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(seen, seen_too, strict=True))
    assert len(recorded) == 2  # each size once, after its warm-up; the odd one never
    assert WARM_UP == 3


def test_what_cannot_be_recorded_is_taken_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    taken: list[Replayed] = []

    def refuse(call: Callable[[], None]) -> Callable[[], None]:
        raise RuntimeError("operation not permitted when stream is capturing\nmore of it")

    def wrap(step: Step) -> Step:
        taken.append(Replayed(step, refuse, lambda own, *given: own(*given)))
        return taken[0]

    assert all(torch.equal(a, b) for a, b in zip(trained(wrap)[0], trained(lambda step: step)[0], strict=True))
    assert taken[0].reason == "operation not permitted when stream is capturing"
    assert len(caplog.records) == 1


def test_on_a_cpu_steps_are_taken_as_they_are() -> None:
    assert replayed(print, torch.device("cpu")) is print


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [FAST, FAST | {"accumulate": 3, "optimizer": "sgd", "lr": 0.05, "dropout": 0.5}])
def test_a_training_of_replayed_steps(recipe: dict[str, Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = run(job(tmp_path / "plain", 0, 3, 3, recipe=recipe))
    steps: list[Replayed] = []

    def always(step: Step, device: torch.device) -> Step:
        steps.append(Replayed(step, lambda call: call, lambda own, *given: own(*given)))
        return steps[-1]

    monkeypatch.setattr("explorer.training.classifier.replayed", always)
    replays = run(job(tmp_path / "replayed", 0, 3, 3, recipe=recipe))
    assert without_time(plain.curve) == without_time(replays.curve)
    assert state(tmp_path / "plain", 3) == state(tmp_path / "replayed", 3)
    assert len(steps) == 1
    assert len(steps[0]._recorded) >= 1


# A number read, a shape that depends on values, a tensor made of Python's numbers.
WAITS = ("_local_scalar_dense", "aten.item", "nonzero", "masked_select", "unique", "lift_fresh")


class Waits(TorchDispatchMode):
    """Counts what makes the host wait for a device, on whatever device it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.calls = 0

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        self.calls += 1
        name = str(function)
        if any(word in name for word in WAITS):
            self.found.append(name)
        return function(*arguments, **(named or {}))


@pytest.mark.slow
@pytest.mark.parametrize(
    "change", [{}, {"accumulate": 3}, {"precision": "bf16-mixed"}, {"optimizer": "sgd", "lr": 0.05}]
)
def test_no_step_waits_for_the_device(change: dict[str, Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches included: an epoch's first is where its draws are sent; what follows touches nothing but the device."""
    ordinary, waits = Classifier._train_epoch, Waits()

    def watched(self: Classifier, batches: Any) -> None:
        coming = iter(batches)
        first = next(coming)
        with waits:
            ordinary(self, (batch for group in ([first], coming) for batch in group))

    monkeypatch.setattr(Classifier, "_train_epoch", watched)
    run(job(tmp_path, 0, 2, 2, recipe=FAST | change, data={"name": "digits", "shift": 1, "mirror": True}))
    assert waits.calls > 1000
    assert waits.found == []


@pytest.mark.slow
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_no_step_waits_for_the_gpu(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ordinary = Classifier._train_epoch

    def watched(self: Classifier, batches: Any) -> None:
        coming = iter(batches)
        first = next(coming)
        torch.cuda.set_sync_debug_mode("error")
        try:
            ordinary(self, (batch for group in ([first], coming) for batch in group))
        finally:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(Classifier, "_train_epoch", watched)
    run(job(tmp_path, 0, 2, 2, data={"name": "digits", "shift": 1, "mirror": True}))
