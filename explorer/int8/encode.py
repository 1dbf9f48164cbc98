"""Weights as TFLite Micro's DECODE operator unpacks them, layer by layer, while a network runs.

Three ways, those of Deep Compression (Han et al., arXiv:1510.00149): a look-up table and indices of a few bits, a bit
mask and the weights that are not zero, a Huffman code. The formats are those of tensorflow/tflite-micro at 90b983c, in
decode_state_{lut,prune,huffman}.cc: an encoded tensor, and an ancillary one that begins with 16 bytes about it.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count

import numpy as np

from explorer.arch.tflite.arena import HUFFMAN, LUT, PRUNING
from explorer.arch.tflite.operators import DEPTHWISE
from explorer.int8.quantized import Array, Encoded, Quantized

VERSION = 1
HEADER = 16
WHOLE_TENSOR = 15
"""In place of an axis: one table for all channels."""
MOST_BITS = 7
LONGEST = 12
"""Bits of a Huffman code's word: its table has as many entries as there are words of that length."""
FOUND = 1 << 15
DESCRIBED = 160
"""Bytes that a file has for a DECODE operator and its tensors, about."""


class EncodeError(ValueError):
    """Weights that cannot be encoded so; one line."""


def packed(network: Quantized, layers: Collection[str] | None = None) -> Quantized:
    """The network with the weights of each layer packed, where that takes fewer bytes; None: of all layers."""
    found = {}
    for i, (operator, filters) in enumerate(zip(network.program.operators, network.filters, strict=True)):
        if filters is None or (layers is not None and operator.layer not in layers):
            continue
        way = cheapest(filters.weights, 3 if operator.kind == DEPTHWISE else 0)
        if way is not None:
            found[i] = way
    return replace(network, encoded=found)


def cheapest(weights: Array, axis: int) -> Encoded | None:
    """The way that takes the fewest bytes, what describes it in the file included; None: the weights as they are.

    Args:
        weights: int8, of any shape.
        axis: of the output channels.
    """
    ways = [huffman(weights), pruned(weights)]
    with suppress(EncodeError):
        ways.append(lut(weights, axis))
    best = min(ways, key=lambda each: each.bytes)
    return best if best.bytes + DESCRIBED < weights.size else None


def lut(weights: Array, axis: int) -> Encoded:
    """Indices of as few bits as suffice, and a table of values for each channel.

    A table for the whole tensor is not offered: where scales are per channel the kernel decodes it wrongly beyond the
    first.

    Args:
        weights: int8, of any shape.
        axis: of the output channels: the first, or the last for a depthwise convolution.

    Raises:
        EncodeError: if a channel has more than 128 values.
    """
    rows = np.moveaxis(weights, axis, 0)
    tables = [np.unique(row) for row in rows]
    stride = max(map(len, tables))
    bits = max(1, (stride - 1).bit_length())
    if bits > MOST_BITS:
        raise EncodeError(f"a channel has {stride} different weights, expected {2**MOST_BITS} at most")
    places = np.stack([np.searchsorted(table, row) for table, row in zip(tables, rows, strict=True)])
    indices = np.moveaxis(places, 0, axis).ravel()
    values = np.zeros((len(tables), stride), np.int8)
    for row, table in zip(values, tables, strict=True):
        row[: len(table)] = table
    return Encoded(_packed(indices, bits), _header(LUT, axis << 4 | bits, stride) + values.tobytes())


def pruned(weights: Array) -> Encoded:
    """A bit for each weight, 1 where it is not 0, and those that are not."""
    flat = weights.ravel()
    kept = flat[flat != 0]
    return Encoded(np.packbits(flat != 0).tobytes(), _header(PRUNING) + kept.tobytes())


def huffman(weights: Array) -> Encoded:
    """A Huffman code over the whole tensor, decoded by one table.

    The table has an entry for each word of the longest word's length, so a code of shorter longest words may be the
    smaller one with its table; the smallest is taken.
    """
    flat = weights.ravel()
    counts = Counter(flat.tolist())
    lengths = smallest_code(counts)
    words, most = canonical(lengths), max(lengths.values())
    table = np.zeros(2**most, np.uint16)
    for symbol, word in words.items():
        free = most - lengths[symbol]
        table[word << free : (word + 1) << free] = FOUND | lengths[symbol] << 11 | (symbol & 0xFF)
    text = np.zeros(_total(counts, lengths), np.uint8)
    ends = np.cumsum([lengths[symbol] for symbol in flat.tolist()])
    for symbol, word in words.items():
        starts = ends[flat == symbol] - lengths[symbol]
        for bit in range(lengths[symbol]):
            text[starts + bit] = word >> (lengths[symbol] - 1 - bit) & 1
    data = np.packbits(text).tobytes()
    data += bytes(-len(data) % 4)  # the kernel reads words of 32 bits
    return Encoded(data, _header(HUFFMAN, (most - 1) << 4) + table.astype("<u2").tobytes())


def smallest_code(counts: Mapping[int, int]) -> dict[int, int]:
    """Bits of each symbol's word in the code that is smallest with its table."""
    least = max(1, (len(counts) - 1).bit_length())
    codes = [code_lengths(counts, longest) for longest in range(least, max(LONGEST, least) + 1)]
    return min(codes, key=lambda code: huffman_bytes(counts, code))


def huffman_bytes(counts: Mapping[int, int], lengths: Mapping[int, int]) -> float:
    """Bytes of the words of everything that was counted, and of the table that decodes them."""
    table: int = 2 * 2 ** max(lengths.values())
    return _total(counts, lengths) / 8 + table


def _total(counts: Mapping[int, int], lengths: Mapping[int, int]) -> int:
    """Bits of everything that was counted."""
    return sum(number * lengths[symbol] for symbol, number in counts.items())


def code_lengths(counts: Mapping[int, int], longest: int) -> dict[int, int]:
    """Bits of each symbol's word in the shortest prefix code without longer words.

    By package-merge (Larmore and Hirschberg, J. ACM 37, 1990).

    Args:
        counts: how often each symbol occurs.
        longest: bits of the longest word; 2**longest symbols at most.
    """
    if len(counts) == 1:
        return dict.fromkeys(counts, 1)
    order = count()
    items = sorted((number, next(order), (symbol,)) for symbol, number in counts.items())
    packages: list[tuple[int, int, tuple[int, ...]]] = []
    for _ in range(longest):
        merged = list(heapq.merge(items, packages))
        packages = [
            (one[0] + other[0], next(order), one[2] + other[2])
            for one, other in zip(merged[::2], merged[1::2], strict=False)
        ]
    lengths: Counter[int] = Counter()
    for _, _, symbols in packages[: len(counts) - 1]:
        lengths.update(symbols)
    return dict(lengths)


def canonical(lengths: Mapping[int, int]) -> dict[int, int]:
    """A prefix code with words of these lengths."""
    words, word, before = {}, 0, 0
    for symbol, length in sorted(lengths.items(), key=lambda each: (each[1], each[0])):
        word <<= length - before
        words[symbol], word, before = word, word + 1, length
    return words


def _header(kind: int, *own: int) -> bytes:
    """The 16 bytes that an ancillary tensor begins with: of all kinds, then the kind's own."""
    return bytes([kind, VERSION, 0, 0, VERSION, *own]).ljust(HEADER, b"\0")


def _packed(numbers: Sequence[int] | Array, bits: int) -> bytes:
    """Numbers of a few bits each, the highest bit first."""
    wide = (np.asarray(numbers, np.uint8)[:, None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(wide.astype(np.uint8).ravel()).tobytes()
