"""What commands write: never over what is somebody else's unless told to, whole or not at all."""

import errno
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from explorer import decompress, describe, report, statistics
from explorer.cli.config import folder
from explorer.cli.options import ConfigError
from explorer.cli.output import check_file, write
from explorer.compression.codec import container
from explorer.compression.codec.header import tensor_shapes
from tests.support.sample import finished_study
from tests.support.stored import stored


def config(name: str, **values: Any) -> DictConfig:
    """A command's own config, with some values."""
    whole = OmegaConf.to_container(OmegaConf.load(folder("conf") / f"{name}.yaml"))
    assert isinstance(whole, dict)
    return OmegaConf.create({key: value for key, value in whole.items() if key not in ("defaults", "hydra")} | values)


@pytest.mark.slow
def test_a_page_is_written_again_and_a_foreign_file_only_when_told(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/study.db"
    stored(finished_study(4), storage)
    for command, name in ((report, "report"), (statistics, "statistics")):
        page = tmp_path / "new" / f"{name}.html"
        values = {"storage": storage, "output": str(page), "tracking": None}
        for _ in range(2):
            assert command.main(config(name, **values)) == 0
        page.write_text("<p>mine</p>")
        with pytest.raises(ConfigError, match=r"^output .*html is there, and this program did not write it; overwrite"):
            command.main(config(name, **values))
        assert page.read_text() == "<p>mine</p>"
        assert command.main(config(name, **values, overwrite=True)) == 0
        assert page.stat().st_size > 1_000_000


def test_a_drawing(tmp_path: Path) -> None:
    svg = tmp_path / "network.svg"
    for _ in range(2):
        assert describe.main(config("describe", svg=str(svg))) == 0
    svg.write_text("<svg>mine</svg>")
    with pytest.raises(ConfigError, match=r"^svg .*overwrite=true replaces it"):
        describe.main(config("describe", svg=str(svg)))


@pytest.mark.slow
def test_decompress_leaves_other_peoples_weights(tmp_path: Path) -> None:
    import numpy as np

    from explorer.arch.families.fire import fire

    network = fire((1, 8, 8), 2, modules=1, base_e=4, stem=4)
    file, out = tmp_path / "a.sqz", tmp_path / "out"
    container.write(file, network, {n: np.zeros(s, np.float32) for n, s in tensor_shapes(network).items()})
    for _ in range(2):
        assert decompress.main(config("decompress", file=str(file), out=str(out))) == 0
    other = tmp_path / "other"
    other.mkdir()
    (other / "weights.safetensors").write_bytes(b"mine")
    with pytest.raises(ConfigError, match=r"^out .*holds files of others, such as .* or set overwrite=true"):
        decompress.main(config("decompress", file=str(file), out=str(other)))
    assert (other / "weights.safetensors").read_bytes() == b"mine"
    assert decompress.main(config("decompress", file=str(file), out=str(other), overwrite=True)) == 0


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "way").write_text("")
    with pytest.raises(ConfigError, match=r"^output .*/way/deep: .*/way is a file, expected a folder$"):
        check_file(tmp_path / "way" / "deep" / "x.html")
    with pytest.raises(ConfigError, match="is a folder, expected a file"):
        check_file(tmp_path)
    with pytest.raises(ConfigError, match=r"^output .*/way/x\.html: Not a directory|File exists"):
        write(tmp_path / "way" / "x.html", "page")


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x.json"
    write(file, "before")

    def full(path: Path, content: bytes) -> int:
        with path.open("wb") as half:
            half.write(content[:2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ConfigError, match=r"^output .*x\.json: No space left on device, expected a file"):
        write(file, "after")
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]
