"""The public names, as a user types them; `import explorer` alone stays light."""

import subprocess
import sys
from pathlib import Path

import pytest

import explorer


def test_every_public_name_is_there() -> None:
    for name in explorer.__all__:
        assert getattr(explorer, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'architectures'"):
        explorer.architectures  # noqa: B018


def test_from_a_space_to_a_torch_module() -> None:
    space = explorer.load_space("fire_micro")
    network = space.architecture({"base_e": 64, "squeeze_ratio": 0.25}, input_shape=(1, 8, 8), classes=10)
    module = explorer.build(network)
    assert sum(p.numel() for p in module.parameters()) == explorer.cost(network).params
    assert explorer.architecture("squeezenet_v1_0").identity != network.identity
    assert explorer.pareto_front([(10, 0.5), (20, 0.4)]) == [0]
    assert explorer.hypervolume([(10, 0.5)], (100, 0.0)) == 0.5


@pytest.mark.slow
def test_a_space_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("defaults: [fire_micro, _self_]\nlimits: {params: 50_000}\n")
    space = explorer.load_space(tmp_path / "mine.yaml")
    assert space.name == "mine"
    assert dict(space.limits) == {"params": 50_000}
    assert {p.name for p in space.parameters} == {p.name for p in explorer.load_space("fire_micro").parameters}
    with pytest.raises(ValueError, match=r"space is 'fier', expected one of .*fire"):
        explorer.load_space("fier")


def test_import_is_light() -> None:
    code = (
        "import explorer, sys; explorer.cost; print(sorted({'torch', 'hydra', 'optuna', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
