"""Published weights into a Network: npz or safetensors, with our names, Caffe's or torchvision's."""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from explorer.training.network import Network

Layers = dict[str, dict[str, Tensor]]
"""{'conv1': {'weight': ..., 'bias': ...}}, in the order of the network."""
PARALLEL = "module."
"""What torch's DataParallel puts before every name."""
MOST_BYTES = 2**31
"""Of the arrays in a file; VGG-19's come to a quarter of it."""


class WeightsError(ValueError):
    """Weights that cannot be read, or that belong to another network."""


def load(network: Network, path: Path) -> None:
    """Reads weights from a file into a network.

    Args:
        network: its names, or Caffe's (`fire2/squeeze1x1.weight`), or torchvision's (`features.3.squeeze.weight`), are
            those in the file.
        path: an .npz or .safetensors file.

    Raises:
        WeightsError: one line that names the file and the first layer that differs; the network is unchanged.
    """
    try:
        assign(network, read(path))
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None


def read(path: Path) -> dict[str, Tensor]:
    """Every array of an .npz or .safetensors file by name; nothing in it is run.

    Raises:
        WeightsError: if the file is absent, of another kind, or broken.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise WeightsError("no such file")
    try:
        match path.suffix:
            case ".npz":
                _check_npz(path)
                with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                    return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
            case ".safetensors":
                return load_file(path)
    except OSError as error:
        raise WeightsError(error.strerror or str(error)) from None
    except WeightsError:
        raise
    except (ValueError, TypeError, KeyError, EOFError, SafetensorError, zipfile.BadZipFile, zlib.error) as error:
        raise WeightsError(f"no {path.suffix} file of arrays: {str(error).splitlines()[0]}") from None
    raise WeightsError(f"the name ends in {path.suffix!r}, expected .npz or .safetensors")


def _check_npz(path: Path) -> None:
    """Looks at what the arrays of an .npz claim to be before any memory is taken for them."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        names = [member.filename for member in members]
        if len(set(names)) < len(names):
            raise WeightsError(f"{max(names, key=names.count)} is in it twice")
        if sum(member.file_size for member in members) > MOST_BYTES:
            raise WeightsError(f"its arrays come to more than {MOST_BYTES:,} bytes")
        for member in members:
            if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise WeightsError(f"{member.filename} is encrypted, or compressed in a way that numpy does not write")
            with archive.open(member) as file:
                version = np.lib.format.read_magic(file)
                header = (
                    np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                )
                shape, _, dtype = header(file)
                if dtype.hasobject:
                    raise ValueError(f"{member.filename} holds Python objects")
                claimed, held = math.prod(shape) * dtype.itemsize, member.file_size - file.tell()
            if claimed != held:
                raise WeightsError(f"{member.filename} claims {claimed:,} bytes of values and holds {held:,}")


def assign(network: Network, tensors: Mapping[str, Tensor]) -> None:
    """Copies tensors into a network, as float32.

    Layers are paired by name where the names are ours or Caffe's, else by their order (`features` before `classifier`,
    as torchvision has it). Every pair must agree in shape.

    Raises:
        WeightsError: naming the first layer that differs; the network is unchanged.
    """
    ours, theirs = _layers(network.state_dict()), _layers(tensors)
    pairs = _pairs(list(ours), list(theirs))
    state: dict[str, Tensor] = {}
    for our_name, their_name in pairs:
        layer = theirs[their_name]
        for kind, tensor in ours[our_name].items():
            if kind == "num_batches_tracked":  # batch norm's counter, of no use once trained; Caffe has none
                state[f"{our_name}.{kind}"] = tensor
                continue
            state[f"{our_name}.{kind}"] = _fitting(our_name, their_name, kind, tensor, layer)
        unknown = set(layer) - set(ours[our_name])
        if unknown - {"num_batches_tracked"}:
            raise WeightsError(f"{their_name} has a {min(unknown)}, the network's {our_name} has none")
    network.load_state_dict(state)


def _fitting(our_name: str, their_name: str, kind: str, expected: Tensor, layer: dict[str, Tensor]) -> Tensor:
    found = layer.get(kind)
    if found is None:
        raise WeightsError(f"{their_name} lacks its {kind}, the network's {our_name} has one")
    if found.shape != expected.shape:
        raise WeightsError(
            f"{their_name}.{kind} is {tuple(found.shape)}, the network's {our_name}.{kind} {tuple(expected.shape)}"
        )
    if not found.is_floating_point():
        raise WeightsError(f"{their_name}.{kind} is of type {found.dtype}, expected floating point")
    if not found.isfinite().all():
        raise WeightsError(f"{their_name}.{kind} holds values that are not finite")
    fitting = found.to(expected.dtype)
    if not fitting.isfinite().all():
        raise WeightsError(f"{their_name}.{kind} holds values too large for {expected.dtype}")
    return fitting


def _layers(tensors: Mapping[str, Tensor]) -> Layers:
    """Tensors by layer, in the order in which they came."""
    layers: Layers = {}
    parallel = all(name.startswith(PARALLEL) for name in tensors)
    for name, tensor in tensors.items():
        layer, _, kind = (name.removeprefix(PARALLEL) if parallel else name).rpartition(".")
        layers.setdefault(layer, {})[kind] = tensor
    return layers


def _pairs(ours: list[str], theirs: list[str]) -> list[tuple[str, str]]:
    """Which of their layers goes into which of ours."""
    named = {_plain(name): name for name in theirs}
    if named.keys() & set(ours):
        if missing := next((name for name in ours if name not in named), None):
            raise WeightsError(f"no layer {missing}")
        if extra := next((theirs_ for plain, theirs_ in named.items() if plain not in set(ours)), None):
            raise WeightsError(f"layer {extra} has no place in the network")
        return [(name, named[name]) for name in ours]
    if len(ours) != len(theirs):
        raise WeightsError(f"{len(theirs)} layers with weights, the network has {len(ours)}")
    return list(zip(_in_order(ours), sorted(theirs, key=_torchvision_order), strict=True))


def _plain(name: str) -> str:
    """Caffe's or torchvision's name of a layer as ours.

    `fire2/squeeze1x1` is `fire2.squeeze`, `conv4-1024` is `conv4`, `block1.block1-0.proj` is `block1.block1_0.proj`.
    """
    plain = re.sub(r"-\d+$", "", re.sub(r"/squeeze1x1$", ".squeeze", name))
    return plain.replace("/", ".").replace("-", "_")


# A safetensors file keeps no order. torchvision numbers its modules and names the parts of a Fire module as we do, so
# modules go by number and parts by name, on both sides.
def _torchvision_order(name: str) -> tuple[bool, list[tuple[int, str]]]:
    parts = [(int(part), "") if part.isdigit() else (0, part) for part in name.split(".")]
    return not name.startswith("features."), parts


def _in_order(names: list[str]) -> list[str]:
    modules = list(dict.fromkeys(name.partition(".")[0] for name in names))
    return sorted(names, key=lambda name: (modules.index(name.partition(".")[0]), name))
