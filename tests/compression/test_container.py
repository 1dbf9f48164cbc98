"""The .sqz file."""

from __future__ import annotations

import hashlib
import json
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.arch import Architecture, architecture
from explorer.arch.families import named
from explorer.compression.codec import container, header
from explorer.compression.codec.coded import CodedTensor, CompressionError
from explorer.training.network import build

SHARED = Path(__file__).parents[3] / "shared/reference/squeezenet_v1_0.npz"


def micro() -> Architecture:
    """A network that packs in milliseconds."""
    from explorer import load_space

    return load_space("fire_micro").architecture(
        {"base_e": 16, "incr_e": 0, "freq": 4, "pct_3x3": 0.5, "squeeze_ratio": 0.125}, (1, 8, 8), 2
    )


SMALL = micro()


def tensors(network: Architecture, seed: int = 0, levels: int = 5) -> dict[str, container.Tensor]:
    """Weights with a codebook or on a grid, the rest as it is."""
    draw = np.random.default_rng(seed)
    found: dict[str, container.Tensor] = {}
    for number, (name, shape) in enumerate(header.tensor_shapes(network).items()):
        values = draw.normal(size=shape).astype(np.float32)
        if len(shape) < 2:
            found[name] = values
        elif number % 3:
            codes = np.where(draw.random(shape) < 0.3, draw.integers(-levels, levels + 1, shape), 0).astype(np.int32)
            codebook = np.sort(draw.normal(size=levels)).astype(np.float32)
            codebook = np.concatenate([-np.abs(codebook) - 1e-3, np.abs(codebook) + 1e-3])
            found[name] = CodedTensor(codes, levels=np.unique(codebook))
        else:
            codes = np.rint(draw.laplace(0, levels / 3, shape)).astype(np.int32)
            found[name] = CodedTensor(codes, steps=draw.uniform(0.1, 1, shape[0]).astype(np.float32))
    return found


PACKED = container.pack(SMALL, tensors(SMALL))


def signed(content: bytes) -> bytes:
    """With the checksum that it should have: what a hostile writer would do."""
    start, rest = content[: container.START.size], content[container.BEHIND :]
    return start + hashlib.sha256(start + rest).digest() + rest


def forged(change: object, sections: list[bytes] | None = None) -> bytes:
    """The packed file with its header's JSON changed by a function."""
    lengths = container.START.unpack_from(PACKED)[2:]
    ends = [container.BEHIND + sum(lengths[: i + 1]) for i in range(4)]
    head, *rest = [PACKED[end - length : end] for end, length in zip(ends, lengths, strict=True)]
    data = json.loads(zlib.decompress(head))
    assert callable(change)
    head = zlib.compress(json.dumps(change(data)).encode())
    parts = [head, *(sections or rest)]
    start = container.START.pack(container.MAGIC, container.VERSION, *map(len, parts))
    return signed(start + bytes(32) + b"".join(parts))


@pytest.mark.parametrize("name", sorted(named()))
def test_shapes_are_those_of_the_torch_module(name: str) -> None:
    network = architecture(name, (3, 227, 227), 10)
    state = build(network).state_dict()
    expected = {key: tuple(value.shape) for key, value in state.items() if not key.endswith("num_batches_tracked")}
    assert header.tensor_shapes(network) == expected


@pytest.mark.slow
@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_any_weights_and_any_code_length_come_back(seed: int, levels: int) -> None:
    given_ = tensors(SMALL, seed, levels)
    network, found = container.unpack(container.pack(SMALL, given_))
    assert network == SMALL
    assert list(found) == list(header.tensor_shapes(network))
    for name, tensor in found.items():
        one, other = container.dense(tensor), container.dense(given_[name])
        np.testing.assert_array_equal(one.view(np.uint32), other.view(np.uint32))


@pytest.mark.slow
def test_a_file_comes_back(tmp_path: Path) -> None:
    given_ = tensors(SMALL)
    size = container.write(tmp_path / "a.sqz", SMALL, given_)
    assert size == (tmp_path / "a.sqz").stat().st_size
    network, found = container.read(tmp_path / "a.sqz")
    assert network.identity == SMALL.identity
    assert all(np.array_equal(found[name], container.dense(tensor)) for name, tensor in given_.items())


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(PACKED) - 1), st.integers(1, 255))
def test_a_flipped_byte_is_refused(place: int, change: int) -> None:
    content = bytearray(PACKED)
    content[place] ^= change
    with pytest.raises(CompressionError):
        container.unpack(bytes(content))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(PACKED) - 1))
def test_a_truncated_file_is_refused(length: int) -> None:
    with pytest.raises(CompressionError):
        container.unpack(PACKED[:length])


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.integers(container.BEHIND, len(PACKED) - 1), st.integers(1, 255))
def test_a_flipped_byte_with_a_good_checksum_is_refused_or_decodes(place: int, change: int) -> None:
    content = bytearray(PACKED)
    content[place] ^= change
    try:
        network, found = container.unpack(signed(bytes(content)))
    except CompressionError:
        return
    assert {name: tensor.shape for name, tensor in found.items()} == header.tensor_shapes(network)


def test_longer_than_it_says_is_refused() -> None:
    with pytest.raises(CompressionError, match="torn"):
        container.unpack(PACKED + b"x")


def test_another_version_is_refused() -> None:
    content = container.START.pack(container.MAGIC, 2, *container.START.unpack_from(PACKED)[2:])
    with pytest.raises(CompressionError, match="version 2 of the format, expected 1"):
        container.unpack(content + PACKED[len(content) :])


def test_terabytes_are_refused_before_they_are_allocated() -> None:
    huge = architecture("squeezenet_v1_0", (2**20, 64, 64), 2**20)
    entries = {name: header.Entry(levels=0) for name in header.tensor_shapes(huge)}
    data = json.loads(zlib.decompress(header.pack(huge, entries)))
    with pytest.raises(CompressionError, match="numbers, at most"):
        container.unpack(forged(lambda _: data))


def test_more_than_the_bytes_can_hold_is_refused() -> None:
    large = architecture("squeezenet_v1_0", (3, 227, 227), 100_000)
    entries = {name: header.Entry(levels=0) for name in header.tensor_shapes(large)}
    data = json.loads(zlib.decompress(header.pack(large, entries)))
    with pytest.raises(CompressionError, match="too many for"):
        container.unpack(forged(lambda _: data))


def test_a_bomb_is_refused() -> None:
    bomb = zlib.compress(b" " * (header.LARGEST + 10))
    with pytest.raises(CompressionError, match="longer than"):
        header.unpack(bomb)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: [],
        lambda data: data | {"more": 1},
        lambda data: data | {"tensors": dict(list(data["tensors"].items())[1:])},
        lambda data: data | {"tensors": {name: ["levels", -1] for name in data["tensors"]}},
        lambda data: data | {"tensors": {name: ["levels", 2**40] for name in data["tensors"]}},
        lambda data: data | {"tensors": {name: ["floats", 24] for name in data["tensors"]}},
        lambda data: data | {"tensors": {name: ["steps", 7, 3] for name in data["tensors"]}},
        lambda data: data | {"tensors": dict.fromkeys(data["tensors"], None)},
        lambda data: data | {"architecture": data["architecture"] | {"identity": "0" * 16}},
        lambda data: data | {"architecture": 3},
    ],
)
def test_a_forged_header_is_refused(change: object) -> None:
    with pytest.raises(CompressionError) as caught:
        container.unpack(forged(change))
    assert "\n" not in str(caught.value)


def test_what_is_not_the_networks_is_not_written() -> None:
    given_ = tensors(SMALL)
    name = "conv1.bias"
    shape = header.tensor_shapes(SMALL)[name]
    for wrong in (np.zeros(3, np.float32), np.zeros(shape), np.full(shape, np.nan, np.float32)):
        with pytest.raises(CompressionError, match=name):
            container.pack(SMALL, given_ | {name: wrong})  # type: ignore[dict-item]
    with pytest.raises(CompressionError, match="missing"):
        container.pack(SMALL, {key: value for key, value in given_.items() if key != name})
    with pytest.raises(CompressionError, match="no tensor of the network"):
        container.pack(SMALL, given_ | {"conv99.bias": np.zeros(1, np.float32)})


def test_errors_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(CompressionError, match=r"absent\.sqz: No such file"):
        container.read(tmp_path / "absent.sqz")
    (tmp_path / "a.sqz").write_bytes(b"PK")
    with pytest.raises(CompressionError, match=r"a\.sqz: no \.sqz file"):
        container.read(tmp_path / "a.sqz")


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_file(), reason=f"needs {SHARED}")
def test_the_authors_weights_lossless_within_515_000_bytes() -> None:
    network = architecture("squeezenet_v1_0", (3, 227, 227), 1000, {"conv10_padding": 1})
    arrays = np.load(SHARED)
    given_: dict[str, container.Tensor] = {}
    for name in header.tensor_shapes(network):
        layer, _, kind = name.rpartition(".")
        array = arrays[f"{layer.replace('.', '/').replace('squeeze', 'squeeze1x1')}.{kind}"]
        given_[name] = CodedTensor.of(array) if kind == "weight" else array
    content = container.pack(network, given_)
    assert len(content) <= 515_000
    _, found = container.unpack(content)
    assert all(np.array_equal(container.dense(found[name]), container.dense(given_[name])) for name in found)
