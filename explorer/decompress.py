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
    from explorer.cli.claimed_folder import claimed
    from explorer.cli.options import ConfigError, flag
    from explorer.compression.codec import container
    from explorer.training import files

    file = Path(str(config.file))
    if config.out is None and file.suffix != ".sqz":
        raise ConfigError(f"file is {config.file!r}, expected one that ends in .sqz, or out= a folder")
    folder = file.with_suffix("") if config.out is None else Path(str(config.out))
    architecture, tensors = container.read(file)
    overwrite = flag(config, "overwrite")
    with claimed(folder, overwrite=overwrite, earlier=(files.ARCHITECTURE,), key="out") as staging:
        (staging / files.WEIGHTS).write_bytes(save(tensors))  # save_file would hide it from other users
        (staging / files.ARCHITECTURE).write_text(architecture.to_json())
    dense = sum(4 * tensor.size for tensor in tensors.values())
    size = file.stat().st_size
    params = cost(architecture).params
    print(f"{folder}: {params:,} params, {dense:,} bytes in fp32, {dense / size:.1f} times the file's {size:,}")
    return 0


if __name__ == "__main__":
    from explorer.cli.config import command

    command("decompress", main, bare="file")
