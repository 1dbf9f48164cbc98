"""A model of accuracy: a Gaussian process with a Matern 5/2 kernel and a length scale for each parameter.

The length scales, the amplitude and the noise maximise the marginal likelihood times a prior, which guards against
overfitting a dozen points.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, solve_triangular
from scipy.optimize import minimize

Array: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.intp]

ROOT5 = 5**0.5
ITERATIONS = 15
JITTER = 1e-6


class Surrogate:
    """Predicts a target from vectors.

    Args:
        groups: for each column the number of its parameter; the columns of one parameter share a length scale.
        theta: of the kernel; see `fit`.
        x: (n, columns) vectors in about [0, 1].
        y: (n,) targets.
        noise: (n,) variance of each target beside the noise common to all.
    """

    def __init__(self, groups: Indices, theta: Array, x: Array, y: Array, noise: Array) -> None:
        self.groups, self.theta, self.count = groups, theta, int(groups.max()) + 1
        self.mean, self.scale = float(y.mean()), float(y.std()) + 1e-9
        self._condition(x, (y - self.mean) / self.scale, noise / self.scale**2)

    @property
    def misfit(self) -> float:
        """Negative log-likelihood of the targets under the kernel, up to a constant."""
        half = 0.5 * float(self._y @ self._weights)
        return half + float(np.log(np.diag(self._factor)).sum()) + len(self._y) * float(np.log(self.scale))

    def believe(self, x: Array) -> Array:
        """Adds its predictions at x, those of running trials, as observations; returns them."""
        mean, _ = self.predict(x)
        targets = np.concatenate([self._y, (mean - self.mean) / self.scale])
        self._condition(np.concatenate([self._x, x]), targets, np.concatenate([self._noise, np.zeros(len(x))]))
        return mean

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of the target at each row of x, the common noise left out."""
        kernel = self._kernel(x, self._x)
        prior = np.exp(self.theta[self.count])
        explained = (solve_triangular(self._factor, kernel.T, lower=True, check_finite=False) ** 2).sum(axis=0)
        deviation = np.sqrt(np.maximum(prior - explained, 1e-9))
        return self.mean + self.scale * (kernel @ self._weights), self.scale * deviation

    def _condition(self, x: Array, y: Array, noise: Array) -> None:
        self._x, self._y, self._noise = x, y, noise
        common = float(np.exp(self.theta[-1])) + JITTER
        self._factor = np.linalg.cholesky(self._kernel(x, x) + np.diag(common + noise))
        self._weights = cho_solve((self._factor, True), y, check_finite=False)

    def _kernel(self, a: Array, b: Array) -> Array:
        columns = np.exp(-self.theta[: self.count])[self.groups]
        squares = _squares(a * columns, b * columns)
        kernel = np.sqrt(squares)  # in place: allocating would take longer than computing
        kernel *= ROOT5
        decay = np.exp(-kernel)
        squares *= 5 / 3
        kernel += 1
        kernel += squares
        kernel *= decay
        kernel *= np.exp(self.theta[self.count])
        return kernel


def prior(groups: Indices) -> tuple[Array, Array]:
    """Mean and standard deviation of the prior of the kernel's parameters (see `fit`)."""
    count = int(groups.max()) + 1
    expected = np.array([*[np.log(0.7 * np.sqrt(count))] * count, 0.0, np.log(0.05)])
    return expected, np.array([1.0] * (count + 1) + [1.5])


def fit(groups: Indices, x: Array, y: Array, noise: Array) -> Array:
    """The kernel's parameters: log of the length scales, of the amplitude, of the noise; of the scaled target.

    Args: as of `Surrogate`. The time grows with the cube of the rows.
    """
    scale = float(y.std()) + 1e-9
    y, noise = (y - y.mean()) / scale, noise / scale**2
    count, eye = int(groups.max()) + 1, np.eye(len(x))
    distances = np.stack([_squares(x[:, groups == g], x[:, groups == g]) for g in range(count)])
    expected, width = prior(groups)

    def loss(theta: Array) -> tuple[float, Array]:
        amplitude, common = np.exp(theta[count:])
        inverse = np.exp(-2 * theta[:count])
        distance = np.tensordot(inverse, distances, 1)
        root = np.sqrt(distance)
        decay = np.exp(-ROOT5 * root)
        matern = (1 + ROOT5 * root + 5 / 3 * distance) * decay
        factor = np.linalg.cholesky(amplitude * matern + np.diag(common + JITTER + noise))
        half = solve_triangular(factor, eye, lower=True, check_finite=False)
        precision = half.T @ half
        weights = precision @ y
        pull = (theta - expected) / width
        value = 0.5 * y @ weights + np.log(np.diag(factor)).sum() + 0.5 * (pull**2).sum()
        slope = np.outer(weights, weights) - precision
        gradient = np.empty_like(theta)
        gradient[:count] = np.tensordot(distances, slope * (amplitude * 5 / 3 * (1 + ROOT5 * root) * decay), 2)
        gradient[:count] *= -0.5 * inverse
        gradient[count] = -0.5 * amplitude * (slope * matern).sum()
        gradient[count + 1] = -0.5 * common * np.trace(slope)
        return float(value), gradient + pull / width

    bounds = [(-3.0, 4.0)] * count + [(-6.0, 3.0), (-9.0, 1.0)]
    options = {"maxiter": ITERATIONS}
    return np.asarray(minimize(loss, expected, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x)


def _squares(a: Array, b: Array) -> Array:
    """Squared distances between the rows of a and those of b."""
    squares: Array = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None]
    squares -= 2 * a @ b.T
    return np.maximum(squares, 0.0, out=squares)
