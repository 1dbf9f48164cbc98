"""The rate of a code, in bits, by the histogram of its tensor: weighed against the error while rounding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from explorer.compression.codec.coded import Codes, Floats


@dataclass(frozen=True)
class Rate:
    """Bits of the codes from -largest to largest.

    What the arithmetic coder needs depends on the context of each code; this is its mean over contexts, which a choice
    between neighbouring codes can do with.

    Attributes:
        bits: float32 (2 * largest + 1,).
        largest: codes beyond it are not chosen.
    """

    bits: Floats
    largest: int

    @staticmethod
    def of(codes: Codes) -> Rate:
        """The rate at which codes like these are coded; codes never seen have a Laplacian tail."""
        largest = int(np.abs(codes).max(initial=0)) + 5
        counts = np.bincount((codes + largest).reshape(-1), minlength=2 * largest + 1)
        nonzero = np.abs(codes[codes != 0])
        tail = np.exp(-np.abs(np.arange(-largest, largest + 1)) / max(float(nonzero.mean()) if nonzero.size else 1, 1))
        shares = counts + 4 * tail / tail.sum()
        return Rate(-np.log2(shares / shares.sum()).astype(np.float32), largest)

    def __call__(self, codes: Floats) -> Floats:
        """Bits of whole numbers held as floats."""
        return self.bits[codes.astype(np.intp) + self.largest]
