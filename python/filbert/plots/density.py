"""Estimates the density of draws."""

from __future__ import annotations

import math

import numpy as np

from .style import FloatArray

_POINTS = 512


def density(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Estimate the density of some draws on a grid that reaches a little past them, but not past zero.

    A Gaussian kernel of Scott's width runs over a fine histogram, which is continued by its mirror image at both ends,
    so that a density that starts at zero keeps its mass.

    Parameters
    ----------
    values : array, (draws,)

    Returns
    -------
    at, height : array, (points,)
    """
    low, high = float(values.min()), float(values.max())
    unit = high - low or 1.0  # the square of a draw may be out of the range of doubles
    quartiles = np.quantile(values, [0.25, 0.75])
    spreads = (unit * float(np.std(values / unit)), float(np.diff(quartiles)[0]) / 1.349)
    width = 1.06 * min((spread for spread in spreads if spread > 0), default=0.0) * len(values) ** -0.2
    if not (0 < width < math.inf and low + width > low):  # one value only, or steps too small for doubles
        return np.array([low, low]), np.array([0.0, 1.0])
    low = max(low - 3 * width, 0.0) if low >= 0 else low - 3 * width
    high = min(high + 3 * width, 0.0) if high <= 0 else high + 3 * width
    counts, edges = np.histogram(values, bins=_POINTS, range=(low, high))
    step = (high - low) / _POINTS
    reach = min(math.ceil(4 * width / step), _POINTS - 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / width) ** 2)
    mirrored = np.concatenate([counts[:reach][::-1], counts, counts[-reach:][::-1]])
    smooth = np.convolve(mirrored, kernel / kernel.sum(), mode="valid")
    return (edges[:-1] + edges[1:]) / 2, smooth / (len(values) * step)
