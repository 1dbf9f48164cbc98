"""CodedTensor: a weight tensor as small integers and what they stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]


class CompressionError(ValueError):
    """A network that cannot be compressed, or a compressed file that cannot be read: one line for people."""


@dataclass(frozen=True, eq=False)
class CodedTensor:
    """Integers of a tensor's shape; exactly one of `levels` and `steps` says which weights they stand for.

    Code 0 is the weight 0.0 in both kinds, and larger codes stand for larger weights, so that a code has a sign and a
    magnitude that mean something to the entropy coder.

    Attributes:
        codes: int32 of the tensor's shape (out, in / groups, height, width) or (out, in).
        levels: a codebook: the nonzero weights in rising order, float32 (L,). With n negative ones, code -n is
            levels[0], code -1 is levels[n - 1], code 1 is levels[n], code L - n is levels[L - 1].
        steps: a uniform grid: float32, (1,) for the tensor or (out,) with one for each output row. The weight is
            code * step, in float32.
    """

    codes: Codes
    levels: Floats | None = None
    steps: Floats | None = None

    def __post_init__(self) -> None:
        if self.codes.dtype != np.int32 or self.codes.ndim < 1:
            raise CompressionError(
                f"codes are {self.codes.dtype} {self.codes.shape}, expected int32 of a weight's shape"
            )
        if (self.levels is None) == (self.steps is None):
            raise CompressionError("a coded tensor has either levels or steps")
        if self.levels is not None:
            self._check_levels(self.levels)
        if self.steps is not None:
            self._check_steps(self.steps)

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's shape."""
        return self.codes.shape

    def dense(self) -> Floats:
        """The weights, float32 of the codes' shape: the same bits on every machine."""
        if self.levels is not None:
            negative = int((self.levels < 0).sum())
            table = np.insert(self.levels, negative, np.float32(0))
            return table[self.codes + negative]
        assert self.steps is not None
        # + 0.0: a negative step or code leaves no -0.0 behind.
        rows = self.steps.reshape(-1, *[1] * (self.codes.ndim - 1))
        return self.codes.astype(np.float32) * rows + np.float32(0)

    @staticmethod
    def of(weights: Floats) -> CodedTensor:
        """The codes of weights that are already shared: as many levels as there are distinct nonzero values.

        `dense()` gives equal weights back; a -0.0 comes back as 0.0.

        Raises:
            CompressionError: if a weight is not finite.
        """
        if not np.isfinite(weights).all():
            raise CompressionError("a weight is not finite")
        values, where = np.unique(np.append(weights.reshape(-1), np.float32(0)), return_inverse=True)
        zero = int(np.searchsorted(values, 0))
        codes = (where[:-1].reshape(weights.shape) - zero).astype(np.int32)
        return CodedTensor(codes, levels=np.delete(values, zero).astype(np.float32))

    def _check_levels(self, levels: Floats) -> None:
        if levels.dtype != np.float32 or levels.ndim != 1:
            raise CompressionError(f"levels are {levels.dtype} {levels.shape}, expected float32 (L,)")
        if not np.isfinite(levels).all() or (levels == 0).any() or (levels[1:] <= levels[:-1]).any():
            raise CompressionError("levels are not finite, nonzero and rising")
        negative = int((levels < 0).sum())
        if self.codes.size and not -negative <= self.codes.min() <= self.codes.max() <= len(levels) - negative:
            raise CompressionError(
                f"codes from {self.codes.min()} to {self.codes.max()}, but {negative} levels below 0 "
                f"and {len(levels) - negative} above"
            )

    def _check_steps(self, steps: Floats) -> None:
        if steps.dtype != np.float32 or steps.shape not in ((1,), (self.codes.shape[0],)):
            raise CompressionError(
                f"steps are {steps.dtype} {steps.shape}, expected float32 (1,) or {(self.codes.shape[0],)}"
            )
        if not np.isfinite(steps).all() or (steps <= 0).any():
            raise CompressionError("a step is not finite and above 0")
        if self.codes.size and max(-int(self.codes.min()), int(self.codes.max())) >= 2**24:
            raise CompressionError("codes of a grid lie within 24 bits, which float32 holds exactly")
