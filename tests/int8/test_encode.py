"""Weights that TFLite Micro unpacks itself: whatever was encoded comes back, number by number."""

from __future__ import annotations

from collections import Counter
from math import log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.arch.tflite.operators import CONV, DEPTHWISE, Operator, Program
from explorer.int8 import encode, file
from explorer.int8.interpreter import Interpreter
from explorer.int8.quantized import Array, Encoded, Filters, Quantized

WAYS = {"lut": lambda weights: encode.lut(weights, 0), "pruned": encode.pruned, "huffman": encode.huffman}


def unpacked(weights: Array, packed: Encoded | None) -> Array:
    """What TFLite Micro makes of weights (filters, read): a convolution of 1x1 over an image that is the identity."""
    filters, read = weights.shape
    operator = Operator(CONV, (0,), 1, weights=(filters, 1, 1, read))
    whole = Program(((1, read, read), (1, read, filters)), (operator,), 1)
    own = Filters(weights.reshape(filters, 1, 1, read), np.ones(filters, np.float32), np.zeros(filters, np.int32))
    network = Quantized(whole, (1.0, 1.0), (0, 0), (own,), {} if packed is None else {0: packed})
    answer: Array = Interpreter(file.write(network)).run(np.eye(read, dtype=np.int8).reshape(1, 1, read, read))
    return answer.reshape(read, filters).T


def four(weights: Array) -> Array:
    return weights.reshape(*weights.shape[:1], 1, 1, *weights.shape[1:])


@pytest.mark.parametrize("bits", range(1, 8))
def test_tables_of_every_width(bits: int) -> None:
    chance = np.random.default_rng(bits)
    values = np.stack([chance.choice(np.arange(-127, 128), 2**bits, replace=False) for _ in range(5)])
    places = chance.integers(0, 2**bits, (5, 150))
    places[:, : 2**bits] = np.arange(2**bits)  # every value occurs
    weights = np.take_along_axis(values, places, 1).astype(np.int8)
    packed = encode.lut(four(weights), 0)
    assert len(packed.data) == -(-weights.size * bits // 8)
    np.testing.assert_array_equal(unpacked(weights, packed), weights)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_weights_that_are_mostly_zero(share: float) -> None:
    chance = np.random.default_rng(1)
    weights = chance.integers(1, 128, (7, 60)).astype(np.int8) * (chance.random((7, 60)) >= share)
    packed = encode.pruned(four(weights.astype(np.int8)))
    assert packed.bytes == 16 + -(-weights.size // 8) + np.count_nonzero(weights)
    np.testing.assert_array_equal(unpacked(weights.astype(np.int8), packed), weights)


@pytest.mark.parametrize("symbols", [1, 2, 3, 7, 15, 100, 255])
def test_huffman_codes_near_the_entropy(symbols: int) -> None:
    chance = np.random.default_rng(symbols)
    drawn = np.round(chance.standard_normal((40, 200)) * symbols / 6).clip(-(symbols // 2), symbols // 2)
    weights = drawn.astype(np.int8)
    packed = encode.huffman(four(weights))
    counts = Counter(weights.ravel().tolist())
    entropy = -sum(number * log2(number / weights.size) for number in counts.values()) / 8
    # Of 255 symbols, which plain bytes hold as well, the one table is large.
    assert packed.bytes <= max(1.04 * entropy, weights.size / 8) + (600 if symbols < 255 else 1100)
    np.testing.assert_array_equal(unpacked(weights, packed), weights)


def test_one_weight_and_many() -> None:
    for weights in (np.array([[5]], np.int8), np.array([[0]], np.int8)):
        for way in WAYS.values():
            np.testing.assert_array_equal(unpacked(weights, way(four(weights))), weights)
    weights = np.random.default_rng(0).integers(-7, 8, (500, 2000)).astype(np.int8)
    for name in ("huffman", "lut"):
        np.testing.assert_array_equal(unpacked(weights, WAYS[name](four(weights))), weights)


@given(
    st.integers(1, 12).flatmap(
        lambda filters: st.lists(
            st.lists(st.integers(-127, 127), min_size=9, max_size=9), min_size=filters, max_size=filters
        )
    ),
    st.sampled_from(sorted(WAYS)),
)
@settings(max_examples=60)
def test_any_weights_come_back(rows: list[list[int]], way: str) -> None:
    weights = np.array(rows, np.int8)
    np.testing.assert_array_equal(unpacked(weights, WAYS[way](four(weights))), weights)


@given(st.dictionaries(st.integers(-128, 127), st.integers(1, 10_000), min_size=2, max_size=60), st.integers(6, 14))
def test_codes_are_prefix_codes_of_the_length_that_is_allowed(counts: dict[int, int], longest: int) -> None:
    lengths = encode.code_lengths(counts, longest)
    assert lengths.keys() == counts.keys()
    assert max(lengths.values()) <= longest
    assert sum(2.0**-length for length in lengths.values()) == 1.0  # Kraft: nothing is left unused
    texts = [f"{word:0{lengths[symbol]}b}" for symbol, word in encode.canonical(lengths).items()]
    assert not any(a != b and b.startswith(a) for a in texts for b in texts)
    entropy = sum(n * log2(sum(counts.values()) / n) for n in counts.values())
    if longest >= 14:
        assert sum(counts[symbol] * length for symbol, length in lengths.items()) <= entropy + sum(counts.values())


def test_depthwise_weights_have_their_channels_last() -> None:
    chance = np.random.default_rng(3)
    weights = chance.integers(-3, 4, (1, 3, 3, 6)).astype(np.int8)
    own = Filters(weights, chance.uniform(0.01, 0.02, 6).astype(np.float32), np.zeros(6, np.int32))
    operator = Operator(DEPTHWISE, (0,), 1, kernel=(3, 3), weights=(1, 3, 3, 6))
    whole = Program(((5, 5, 6), (3, 3, 6)), (operator,), 1)
    image = chance.integers(-128, 128, (1, 5, 5, 6)).astype(np.int8)
    answers = [
        Interpreter(file.write(Quantized(whole, (0.5, 0.05), (0, 0), (own,), packed))).run(image)
        for packed in ({}, {0: encode.lut(weights, 3)}, {0: encode.huffman(weights)}, {0: encode.pruned(weights)})
    ]
    for answer in answers[1:]:
        np.testing.assert_array_equal(answer, answers[0])


def test_too_many_values_for_a_table_are_refused() -> None:
    with pytest.raises(encode.EncodeError, match="a channel has 200 different weights, expected 128 at most"):
        encode.lut(np.arange(-100, 100, dtype=np.int8).reshape(1, 1, 1, 200), 0)
