"""Fit the polynomials of cpp/include/filbert/families/simd_math.hpp, and print them with their greatest error.

Each is the Chebyshev interpolant, in double precision monomials, of a smooth function on the interval where the kernels
use it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import mpmath as mp

mp.mp.dps = 60

Function = Callable[[mp.mpf], mp.mpf]


def interpolant(f: Function, low: float, high: float, degree: int) -> list[mp.mpf]:
    """Return monomial coefficients of the interpolant at Chebyshev points, lowest degree first."""
    low, high = mp.mpf(low), mp.mpf(high)
    n = degree + 1
    nodes = [(low + high) / 2 + (high - low) / 2 * mp.cos(mp.pi * (2 * k + 1) / (2 * n)) for k in range(n)]
    matrix = mp.matrix(n, n)
    for i, x in enumerate(nodes):
        for j in range(n):
            matrix[i, j] = x**j
    return list(mp.lu_solve(matrix, mp.matrix([f(x) for x in nodes])))


def report(name: str, f: Function, low: float, high: float, degree: int) -> None:
    """Print one polynomial as a C++ array."""
    coefficients = [float(c) for c in interpolant(f, low, high, degree)]
    worst = mp.mpf(0)
    for k in range(401):
        x = mp.mpf(low) + (mp.mpf(high) - mp.mpf(low)) * k / 400
        value = mp.polyval([mp.mpf(c) for c in reversed(coefficients)], x)
        worst = max(worst, abs(value / f(x) - 1))
    sys.stdout.write(f"// {name}: [{low:.6g}, {high:.6g}], relative error {float(worst):.1e}\n")
    numbers = ", ".join(repr(c) for c in coefficients)
    sys.stdout.write(f"inline constexpr double {name}[] = {{{numbers}}};\n")


def exponential_rest(r: mp.mpf) -> mp.mpf:
    """Return (e^r - 1 - r) / r^2."""
    return mp.nsum(lambda k: r**k / mp.factorial(k + 2), [0, 30])


def inverse_tanh_rest(w: mp.mpf) -> mp.mpf:
    """Return (2 atanh(s) / s - 2) / s^2 with w = s^2."""
    return mp.nsum(lambda k: 2 * w**k / (2 * k + 3), [0, 200])


def inverse_tanh(w: mp.mpf) -> mp.mpf:
    """Return 2 atanh(s) / s with w = s^2."""
    return 2 + w * inverse_tanh_rest(w)


def scaled_erfcx(t: mp.mpf) -> mp.mpf:
    """Return (1 + 2x) erfcx(x) where t = (x - 4) / (x + 4)."""
    if t == 1:
        return 2 / mp.sqrt(mp.pi)
    x = 4 * (1 + t) / (1 - t)
    if x > 1e4:
        series = mp.nsum(lambda k: (-1) ** k * mp.fac2(2 * k - 1) / (2 * x * x) ** k, [0, 8])
        return (1 + 2 * x) * series / (x * mp.sqrt(mp.pi))
    return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x)


def stirling_error(w: mp.mpf) -> mp.mpf:
    """Return x s(x), with s the error of Stirling's formula for log gamma, where w = 1 / x^2."""
    if w == 0:
        return mp.mpf(1) / 12
    x = 1 / mp.sqrt(w)
    return x * (mp.loggamma(x) - ((x - 0.5) * mp.log(x) - x + mp.log(2 * mp.pi) / 2))


def digamma_rest(w: mp.mpf) -> mp.mpf:
    """Return x^2 (log x - 1 / (2x) - digamma x) where w = 1 / x^2."""
    if w == 0:
        return mp.mpf(1) / 12
    x = 1 / mp.sqrt(w)
    return x * x * (mp.log(x) - 1 / (2 * x) - mp.digamma(x))


def trigamma_rest(w: mp.mpf) -> mp.mpf:
    """Return x^3 (trigamma x - 1 / x - 1 / (2 x^2)) where w = 1 / x^2."""
    if w == 0:
        return mp.mpf(1) / 6
    x = 1 / mp.sqrt(w)
    return x**3 * (mp.polygamma(1, x) - 1 / x - 1 / (2 * x * x))


if __name__ == "__main__":
    half_log_2 = float(mp.log(2) / 2) * 1.0001
    report("exp_coefficients", exponential_rest, -half_log_2, half_log_2, 10)
    report("log_coefficients", inverse_tanh_rest, 0, 0.0295, 7)
    report("log1p_coefficients", inverse_tanh, 0, 1 / 9, 11)
    report("erfcx_coefficients", scaled_erfcx, -1, 1, 25)
    report("stirling_coefficients", stirling_error, 0, 1 / 64, 7)
    report("digamma_coefficients", digamma_rest, 0, 1 / 64, 8)
    report("trigamma_coefficients", trigamma_rest, 0, 1 / 64, 8)
