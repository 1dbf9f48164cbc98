"""Dense-sparse-dense training: what is removed, for how long, and that going on from anywhere gives the same bits."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from explorer.arch.families.fire import fire
from explorer.cli.config import load_space
from explorer.training import checkpoint as checkpoints
from explorer.training.job import Job, run
from explorer.training.network import build
from explorer.training.recipe import Phase, RecipeError, read
from explorer.training.sparsity import hold_at_zero, set_to_zero, smallest

CONF = Path(__file__).parents[2] / "conf" / "recipe"
FAST: dict[str, Any] = yaml.safe_load((CONF / "fast.yaml").read_text())
DSD: dict[str, Any] = FAST | {"phases": yaml.safe_load((CONF / "dsd.yaml").read_text())["phases"]}
SMALL = fire((1, 8, 8), 10, base_e=16, incr_e=8, modules=3, stem=16, bypass="complex", final_relu=False)
EPOCHS = 8  # 4 dense, 2 sparse, 2 dense


def train(folder: Path, first: int = 0, last: int = EPOCHS, recipe: dict[str, Any] = DSD) -> list[dict[str, float]]:
    job = Job(SMALL.to_json(), recipe, {"name": "digits"}, 3, first, last, EPOCHS, str(folder))
    return [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in run(job).curve]


def tensors(folder: Path, epoch: int) -> dict[str, torch.Tensor]:
    return checkpoints.load(folder, epoch).tensors


def zeros(folder: Path, epoch: int) -> dict[str, int]:
    """Weights that are zero, by layer."""
    return {
        name.removeprefix("model."): int((tensor == 0).sum())
        for name, tensor in tensors(folder, epoch).items()
        if name.startswith("model.") and name.endswith(".weight")
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, float]]]:
    """The training in one piece: its folder and its curve."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, train(folder)


@pytest.mark.slow
def test_weights_are_zero_in_the_sparse_phase_alone(whole: tuple[Path, list[Any]], tmp_path: Path) -> None:
    """Epoch by epoch; of each layer 30 % are zero, the same ones, and those that were smallest."""
    for epoch in range(EPOCHS):
        train(tmp_path, epoch, epoch + 1)
        if epoch == 3:
            before = tensors(tmp_path, 4)
        if epoch == 4:
            begun = tensors(tmp_path, 5)
        if epoch == 5:
            ended = tensors(tmp_path, 6)
        found = zeros(tmp_path, epoch + 1)
        sizes = {name: build(SMALL).get_parameter(name).numel() for name in found}
        assert len(sizes) == 12  # conv1, three Fire modules of three convolutions, fire4's bypass, conv10
        expected = {name: round(0.3 * size) for name, size in sizes.items()}
        if epoch in (4, 5):
            assert found == expected
        else:  # in the end all but the weights of filters that are dead, which have no gradient
            assert sum(found.values()) <= (0 if epoch < 4 else 0.1 * sum(expected.values()))
    for name in found:
        gone = begun[f"model.{name}"] == 0
        assert before[f"model.{name}"][gone].abs().max() <= before[f"model.{name}"][~gone].abs().min()
        assert torch.equal(gone, begun[f"removed.{name}"])
        assert torch.equal(gone, ended[f"model.{name}"] == 0)
        assert not torch.equal(begun[f"model.{name}"], ended[f"model.{name}"])
    assert not any(name.startswith("removed.") for name in tensors(tmp_path, EPOCHS))
    assert same(tmp_path, whole[0])


def same(one: Path, other: Path) -> bool:
    ours, theirs = tensors(one, EPOCHS), tensors(other, EPOCHS)
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.slow
@pytest.mark.parametrize("stops", [(2, 8), (4, 8), (5, 8), (6, 8), (7, 8), (3, 5, 7, 8)])
def test_going_on_from_any_phase_gives_the_same_bits(
    stops: tuple[int, ...], whole: tuple[Path, list[dict[str, float]]], tmp_path: Path
) -> None:
    curve = []
    for first, last in zip((0, *stops), stops, strict=False):
        curve += train(tmp_path, first, last)
        torch.manual_seed(99)
    assert curve == whole[1]
    assert same(tmp_path, whole[0])


@pytest.mark.slow
def test_each_phase_has_a_schedule_of_its_own(whole: tuple[Path, list[dict[str, float]]]) -> None:
    rates = [epoch["lr"] for epoch in whole[1]]
    assert rates[0] > rates[1] > rates[2] > rates[3]
    assert rates[4] > rates[5]
    assert rates[6] > rates[7]
    steps = 17
    recipe = read(DSD)
    assert rates[3] == recipe.rate(4 * steps - 1, 4 * steps)
    assert rates[4] == 0.5 * recipe.rate(steps - 1, 2 * steps)
    assert rates[7] == 0.1 * recipe.rate(2 * steps - 1, 2 * steps)


@pytest.mark.slow
def test_one_phase_is_none(tmp_path: Path) -> None:
    plain = train(tmp_path / "plain", 0, 2, FAST)
    assert train(tmp_path / "one", 0, 2, FAST | {"phases": [{"share": 1}]}) == plain
    sparse = train(tmp_path / "sparse", 0, 2, FAST | {"phases": [{"share": 1.0, "sparsity": 0.5}]})
    assert sparse != plain
    assert zeros(tmp_path / "sparse", 2)["conv10.weight"] == 120  # of 10 x 24


@pytest.mark.parametrize("sparsity", [0.0, 0.25, 0.5, 0.999])
def test_what_is_removed(sparsity: float) -> None:
    torch.manual_seed(0)
    network = build(fire((1, 8, 8), 10, base_e=8, modules=2, batch_norm=True, squeeze_ratio=0.01))
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    removed = smallest(network, sparsity)
    set_to_zero(network, removed)
    for name, parameter in network.named_parameters():
        if parameter.ndim == 1:  # biases, batch normalisation
            assert torch.equal(parameter, before[name])
            continue
        count = min(round(sparsity * parameter.numel()), parameter.numel() - 1)
        assert (parameter == 0).sum() == count
        kept = parameter != 0
        assert torch.equal(parameter[kept], before[name][kept])
        parameter.grad = torch.ones_like(parameter)
    hold_at_zero(network, removed)
    for name, gone in removed.items():
        assert torch.equal(network.get_parameter(name).grad == 0, gone)


def test_equal_weights_go_in_order() -> None:
    network = build(fire((1, 8, 8), 10, modules=1))
    torch.nn.init.constant_(network.conv10.weight, -0.5)
    gone = smallest(network, 0.25)["conv10.weight"].flatten()
    assert gone.sum() == 320
    assert gone[:320].all()


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [(8, "00001122"), (16, "0000000011112222"), (4, "0012"), (3, "012"), (2, "02"), (1, "2"), (10, "0000011222")],
)
def test_epochs_of_the_phases(epochs: int, expected: str) -> None:
    recipe = read(DSD)
    phases = [recipe.phase(epoch, epochs) for epoch in range(epochs)]
    found = "".join(str(recipe.phases.index(phase)) for phase, _, _ in phases)
    assert found == expected
    for epoch, (phase, first, last) in enumerate(phases):
        assert expected.index(str(recipe.phases.index(phase))) == first <= epoch < last


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        (3, "recipe.phases is 3, expected a list"),
        ([3], "recipe.phases.0 is 3, expected share and, as you like, lr and sparsity"),
        ([{"lr": 1}], "recipe.phases.0 is {'lr': 1}, expected share"),
        ([{"share": 1, "density": 1}], "expected share and, as you like, lr and sparsity"),
        ([{"share": 0.5}, {"share": 0.4}], "recipe.phases has shares that add up to 0.9, expected 1"),
        ([{"share": 0.0}, {"share": 1}], r"recipe.phases.0.share is 0.0, expected a number within \(0, 1\]"),
        ([{"share": 1, "sparsity": 1}], r"recipe.phases.0.sparsity is 1, expected a number within \[0, 1\)"),
        ([{"share": 1, "lr": "high"}], "recipe.phases.0.lr is 'high', expected a number above 0"),
    ],
)
def test_phases_that_are_none(phases: object, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        read(FAST | {"phases": phases})


def test_the_recipe_as_the_command_line_composes_it() -> None:
    import hydra

    from explorer.cli.config import folder, plain

    load_space("fire_micro")  # registers the spaces
    with hydra.initialize_config_dir(str(folder("conf").absolute()), version_base="1.3"):
        words = ["+space=fire_micro", "recipe=dsd", "recipe.phases.1.sparsity=0.5", "recipe.lr=0.002"]
        recipe = read(plain(hydra.compose("search", overrides=words).recipe))
    assert recipe.phases == [Phase(0.5), Phase(0.25, 0.5, 0.5), Phase(0.25, 0.1)]
    assert recipe.lr == 0.002
    assert (recipe.epochs, recipe.batch_size) == (48, FAST["batch_size"])
