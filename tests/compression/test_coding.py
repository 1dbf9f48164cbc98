"""Lossless coding of integers and floats."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from explorer.compression.codec import coding, floats, mixing
from explorer.compression.codec.coded import CodedTensor, Codes, CompressionError
from explorer.compression.codec.prediction import solve

SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=6)


def sparse(shape: tuple[int, ...], seed: int = 0, density: float = 0.3, scale: float = 6.0) -> Codes:
    """Codes as a pruned layer has them; rows differ in density and size."""
    draw = np.random.default_rng(seed)
    rows = draw.uniform(0.1, 2.5, (shape[0], *[1] * (len(shape) - 1)))
    codes = np.rint(draw.laplace(0, scale, shape) * rows)
    return np.where(draw.random(shape) < density * rows, codes, 0).astype(np.int32)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(SHAPES, min_size=1, max_size=3), st.integers(0, 24), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_any_integers_come_back(shapes: list[tuple[int, ...]], digits: int, density: float, seed: int) -> None:
    draw = np.random.default_rng(seed)
    top = max(0, 2**digits - 1)
    tensors = [
        np.where(draw.random(shape) < density, draw.integers(-top, top + 1, shape), 0).astype(np.int32)
        for shape in shapes
    ]
    content = coding.encode(tensors)
    for tensor, back in zip(tensors, coding.decode(content, shapes), strict=True):
        np.testing.assert_array_equal(back, tensor)


@pytest.mark.parametrize("shape", [(70, 200), (40, 24, 3, 3), (12, 3, 7, 7), (300,), (0, 4), (2, 1, 1, 1500)])
def test_layers_come_back(shape: tuple[int, ...]) -> None:
    codes = sparse(shape)
    np.testing.assert_array_equal(coding.decode(coding.encode([codes]), [shape])[0], codes)


def test_the_bits_are_those_of_every_machine() -> None:
    """Written elsewhere, read here: whoever changes a probability changes the format and its version."""
    draw = np.random.default_rng(0)  # whole numbers alone: floats drawn may differ in their last bit
    shapes = [(24, 16, 3, 3), (64, 96)]
    tensors = [(draw.integers(-40, 41, shape) * (draw.integers(0, 3, shape) == 0)).astype(np.int32) for shape in shapes]
    content = coding.encode(tensors)
    assert hashlib.sha256(content).hexdigest()[:16] == "10f8ea624a83507a"
    assert hashlib.sha256(mixing.SQUASH.astype("<i8").tobytes()).hexdigest()[:16] == "12687ae0d6622dac"


@pytest.mark.slow
def test_code_is_near_the_entropy_and_below_it_where_rows_differ() -> None:
    codes = sparse((128, 256))
    counts = np.unique(codes, return_counts=True)[1]
    entropy = -(counts * np.log2(counts / codes.size)).sum() / 8
    assert len(coding.encode([codes])) < 0.99 * entropy
    assert coding.bits([codes]) / 8 == pytest.approx(len(coding.encode([codes])), rel=0.002)


@pytest.mark.slow
def test_kernels_that_are_smooth_are_predicted() -> None:
    draw = np.random.default_rng(0)
    smooth = np.rint(np.cumsum(draw.normal(0, 4, (48, 16, 3, 3)), axis=3) + draw.normal(0, 20, (48, 16, 1, 1)))
    shuffled = draw.permuted(smooth.reshape(48, -1), axis=1).reshape(smooth.shape)
    assert coding.bits([smooth.astype(np.int32)]) < 0.85 * coding.bits([shuffled.astype(np.int32)])


def test_too_large_codes_are_refused() -> None:
    with pytest.raises(CompressionError, match="magnitude 16777216"):
        coding.encode([np.array([2**24], np.int32)])


def test_half_a_word_is_refused() -> None:
    with pytest.raises(CompressionError, match="whole words"):
        coding.decode(b"abc", [(2,)])


@pytest.mark.slow
def test_no_code_is_shorter_than_the_bound() -> None:
    nothing = np.zeros((400, 400), np.int32)
    assert nothing.size <= coding.most(len(coding.encode([nothing])))


def test_logarithms() -> None:
    x = np.concatenate([np.arange(1, 5000), np.random.default_rng(0).integers(1, 2**36, 5000)])
    np.testing.assert_allclose(mixing.ln(x) / 256, np.log(x), atol=0.01)


def test_least_squares_are_exact() -> None:
    draw = np.random.default_rng(0)
    inputs = draw.integers(-50, 50, (5, 60))
    wanted = np.array([3, -1, 0, 2, 1])
    system = [[*map(int, row), int(b)] for row, b in zip(inputs @ inputs.T, inputs @ (wanted @ inputs), strict=True)]
    np.testing.assert_allclose(np.array(solve(system)) / 4096, wanted, atol=0.01)


FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(FINITE.filter(bool), min_size=0, max_size=9, unique=True), min_size=0, max_size=5))
def test_any_codebooks_come_back(values: list[list[float]]) -> None:
    codebooks = [np.sort(np.array(each, np.float32)) for each in values]
    writer = floats.BitWriter()
    tensors = floats.split_levels(codebooks, writer)
    lengths = [len(each) for each in codebooks]
    assert [tensor.shape for tensor in tensors] == floats.level_shapes(lengths)
    reader = floats.BitReader(writer.content())
    for one, back in zip(codebooks, floats.join_levels(lengths, tensors, reader), strict=True):
        np.testing.assert_array_equal(back.view(np.uint32), one.view(np.uint32))
    reader.finish()


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.float32, SHAPES, elements=FINITE))
def test_any_floats_come_back(values: np.ndarray) -> None:  # type: ignore[type-arg]
    writer = floats.BitWriter()
    codes = floats.split_floats(values, writer)
    reader = floats.BitReader(writer.content())
    back = floats.join_floats(codes, floats.width(values), reader)
    np.testing.assert_array_equal(back.view(np.uint32), values.view(np.uint32))
    reader.finish()


def test_short_mantissas_take_few_bits() -> None:
    assert floats.width(np.array([0.5, -2.0, 0.0], np.float32)) == 0
    assert floats.width(np.array([0.75, 1.125], np.float32)) == 3
    assert floats.width(np.array([0.1], np.float32)) > 20


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.float32, SHAPES, elements=FINITE))
def test_any_weights_are_their_own_codes(weights: np.ndarray) -> None:  # type: ignore[type-arg]
    np.testing.assert_array_equal(CodedTensor.of(weights).dense(), weights)


def test_a_code_says_which_weight() -> None:
    tensor = CodedTensor.of(np.array([0.5, -2.0, 0.0, -1.0, 3.0], np.float32))
    assert tensor.levels is not None
    assert tensor.levels.tolist() == [-2.0, -1.0, 0.5, 3.0]
    assert tensor.codes.tolist() == [1, -2, 0, -1, 2]


def test_a_grid_has_a_step_a_row() -> None:
    tensor = CodedTensor(np.array([[1, -2], [3, 0]], np.int32), steps=np.array([0.5, 2.0], np.float32))
    assert tensor.dense().tolist() == [[0.5, -1.0], [6.0, 0.0]]


@pytest.mark.parametrize(
    ("levels", "steps"),
    [
        (None, None),
        ([1.0], [1.0]),
        ([2.0, 1.0], None),
        ([0.0, 1.0], None),
        ([1.0], None),
        (None, [0.0]),
        (None, [1.0, 1.0]),
    ],
)
def test_what_codes_cannot_stand_for_is_refused(levels: list[float] | None, steps: list[float] | None) -> None:
    with pytest.raises(CompressionError):
        CodedTensor(
            np.array([0, 1, 2], np.int32),
            None if levels is None else np.array(levels, np.float32),
            None if steps is None else np.array(steps, np.float32),
        )
