"""python -m benchmarks.coding FILE.npz: bytes of one set of codes by coder, and how far each is from the entropy.

The file holds weights of SqueezeNet v1.0 that share at most 255 values a layer, as the authors published them. All rows
are of the same codes; "file" adds codebooks, biases (float32, exact) and what else the format needs.
"""

from __future__ import annotations

import heapq
import shutil
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import numpy as np

from explorer.arch import architecture
from explorer.compression.codec import coding, container, header
from explorer.compression.codec.coded import CodedTensor, Codes


def main() -> int:
    """Prints the table."""
    arguments = sys.argv[1:] or ["../shared/reference/squeezenet_v1_0.npz"]
    file = Path(arguments[0])
    if not file.is_file():
        print(f"{file}: no such file; give the weights, an .npz", file=sys.stderr)
        return 2
    network = architecture("squeezenet_v1_0", (3, 227, 227), 1000, {"conv10_padding": 1})
    given = np.load(file)
    tensors: dict[str, container.Tensor] = {}
    for name in header.tensor_shapes(network):
        layer, _, kind = name.rpartition(".")
        array = given[f"{layer.replace('.', '/').replace('squeeze', 'squeeze1x1')}.{kind}"]
        tensors[name] = CodedTensor.of(array) if kind == "weight" else array
    coded = [tensor for tensor in tensors.values() if isinstance(tensor, CodedTensor)]
    codes = [tensor.codes for tensor in coded]
    start = time.process_time()
    ours = coding.encode(codes)
    encoding = time.process_time() - start
    start = time.process_time()
    back = coding.decode(ours, [each.shape for each in codes])
    decoding = time.process_time() - start
    assert all(np.array_equal(one, other) for one, other in zip(codes, back, strict=True))
    whole = container.pack(network, tensors)
    _, unpacked = container.unpack(whole)
    for name, tensor in unpacked.items():
        assert np.array_equal(container.dense(tensor), container.dense(tensors[name])), name
    bound = sum(entropy(each) for each in codes) / 8
    rest = len(whole) - len(ours)
    print(f"{sum(each.size for each in codes):,} weights, {sum(map(np.count_nonzero, codes)):,} of them not zero\n")
    print(f"{'codes by':34}{'bytes':>10}{'to the bound':>15}{'whole file':>13}")
    rows = {
        "zero-order entropy, layer by layer": bound,
        "Huffman, layer by layer": float(sum(map(huffman, codes))),
        "zstd -19": zstd(codes),
        "ours": float(len(ours)),
    }
    for name, size in rows.items():
        if size:
            print(f"{name:34}{size:>10,.0f}{100 * (size / bound - 1):>+14.2f} %{size + rest:>13,.0f}")
        else:
            print(f"{name:34}{'not run: no zstd here':>25}")
    print(f"\nours: encoded in {encoding:.1f} s, decoded in {decoding:.1f} s of one core; every bit came back")
    print(f"beside the codes: {rest:,} bytes of header, codebooks and float32 biases; the file {len(whole):,}")
    return 0 if len(ours) < rows["Huffman, layer by layer"] else 1


def entropy(codes: Codes) -> float:
    """Bits of a layer's codes, zeros included, at their entropy: no code that takes them one by one is shorter."""
    counts = np.unique(codes, return_counts=True)[1]
    return float(-(counts * np.log2(counts / codes.size)).sum())


def huffman(codes: Codes) -> int:
    """Bytes of a layer as the paper keeps it: gaps of 4 bits to the next nonzero code; both Huffman-coded, with tables.

    A table costs a byte for each symbol's length.
    """
    places = np.flatnonzero(codes)
    gaps = np.diff(places, prepend=-1) - 1
    fillers = gaps // 16
    symbols = np.concatenate([codes.reshape(-1)[places], np.zeros(int(fillers.sum()), np.int32)])
    steps = np.concatenate([gaps % 16, np.full(int(fillers.sum()), 15)])
    bits = sum(int(huffman_bits(np.unique(part, return_counts=True)[1])) for part in (symbols, steps))
    return -(-bits // 8) + len(np.unique(symbols)) + len(np.unique(steps))


def huffman_bits(counts: np.ndarray) -> int:  # type: ignore[type-arg]
    """Bits of the best prefix code: the sum of all inner nodes of its tree."""
    order = count()
    heap = [(int(each), next(order)) for each in counts]
    if len(heap) == 1:
        return heap[0][0]
    heapq.heapify(heap)
    total = 0
    while len(heap) > 1:
        both = heapq.heappop(heap)[0] + heapq.heappop(heap)[0]
        total += both
        heapq.heappush(heap, (both, next(order)))
    return total


def zstd(codes: list[Codes]) -> float:
    """Bytes of all codes, a byte each, by `zstd -19`; 0 where there is no zstd."""
    if shutil.which("zstd") is None:
        return 0.0
    assert max(int(np.ptp(each)) for each in codes) < 256
    planes = b"".join((each - each.min()).astype(np.uint8).tobytes() for each in codes)
    done = subprocess.run(["zstd", "-19", "-c", "-q"], input=planes, capture_output=True, check=True)
    return float(len(done.stdout))


if __name__ == "__main__":
    sys.exit(main())
