"""python -m explorer.decompress FILE: the network in a .sqz file as safetensors and JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(config: DictConfig) -> int:
    """Runs the command; returns its exit code."""
    from safetensors.numpy import save

    from explorer.arch import cost
    from explorer.cli.options import ConfigError, flag
    from explorer.cli.output import check_folder, write
    from explorer.compression.codec import container
    from explorer.training import files

    file = Path(str(config.file))
    if config.out is None and file.suffix != ".sqz":
        raise ConfigError(f"file is {config.file!r}, expected one that ends in .sqz, or out= a folder")
    folder = file.with_suffix("") if config.out is None else Path(str(config.out))
    check_folder(folder, (files.ARCHITECTURE,), "out", flag(config, "overwrite"))
    architecture, tensors = container.read(file)
    write(folder / files.WEIGHTS, save(tensors), "out")  # save_file would hide it from other users
    write(folder / files.ARCHITECTURE, architecture.to_json(), "out")
    dense = sum(4 * tensor.size for tensor in tensors.values())
    size = file.stat().st_size
    params = cost(architecture).params
    print(f"{folder}: {params:,} params, {dense:,} bytes in fp32, {dense / size:.1f} times the file's {size:,}")
    return 0


if __name__ == "__main__":
    from explorer.cli.config import command

    command("decompress", main, bare="file")
