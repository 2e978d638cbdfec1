"""Write rows.csv: row log likelihoods with derivatives at random and extreme points, by mpmath from textbook forms.

Run with mpmath installed: ``python tests/data/glm/make_rows.py``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import mpmath as mp

mp.mp.dps = 60
Real = mp.mpf
Likelihood = Callable[[Real, Real, Real, list[Real]], Real]

LINKS: dict[str, Callable[[Real], Real]] = {
    "identity": lambda e: e,
    "log": mp.exp,
    "logit": lambda e: 1 / (1 + mp.exp(-e)),
    "probit": lambda e: mp.erfc(-e / mp.sqrt(2)) / 2,
    "cloglog": lambda e: -mp.expm1(-mp.exp(e)),
    "inverse": lambda e: 1 / e,
    "sqrt": lambda e: e * e,
}
COMPLEMENTS: dict[str, Callable[[Real], Real]] = {
    "identity": lambda e: 1 - e,
    "logit": lambda e: 1 / (1 + mp.exp(e)),
    "probit": lambda e: mp.erfc(e / mp.sqrt(2)) / 2,
    "cloglog": lambda e: mp.exp(-mp.exp(e)),
}


def log_choose(n: Real, y: Real) -> Real:
    return mp.loggamma(n + 1) - mp.loggamma(y + 1) - mp.loggamma(n - y + 1)


def binomial(link: str) -> Likelihood:
    def value(eta: Real, y: Real, n: Real, aux: list[Real]) -> Real:
        successes = y * mp.log(LINKS[link](eta)) if y > 0 else mp.mpf(0)
        failures = (n - y) * mp.log(COMPLEMENTS[link](eta)) if n > y else mp.mpf(0)
        return log_choose(n, y) + successes + failures

    return value


def of_mean(link: str, density: Callable[[Real, Real, list[Real]], Real]) -> Likelihood:
    return lambda eta, y, n, aux: density(y, LINKS[link](eta), aux)


def poisson(y: Real, mu: Real, aux: list[Real]) -> Real:
    return y * mp.log(mu) - mu - mp.loggamma(y + 1)


def negative_binomial(y: Real, mu: Real, aux: list[Real]) -> Real:
    a = aux[0]
    return (
        mp.loggamma(y + a)
        - mp.loggamma(a)
        - mp.loggamma(y + 1)
        - a * mp.log1p(mu / a)
        + y * (mp.log(mu) - mp.log(mu + a))
    )


def student_t(y: Real, mu: Real, aux: list[Real]) -> Real:
    sigma, nu = aux
    r = (y - mu) / sigma
    return (
        mp.loggamma((nu + 1) / 2)
        - mp.loggamma(nu / 2)
        - mp.log(nu * mp.pi) / 2
        - mp.log(sigma)
        - (nu + 1) / 2 * mp.log1p(r * r / nu)
    )


def gamma(y: Real, mu: Real, aux: list[Real]) -> Real:
    a = aux[0]
    return a * mp.log(a / mu) - mp.loggamma(a) + (a - 1) * mp.log(y) - a * y / mu


def exponential(y: Real, mu: Real, aux: list[Real]) -> Real:
    return -mp.log(mu) - y / mu


def gaussian(y: Real, mu: Real, aux: list[Real]) -> Real:
    return -mp.log(2 * mp.pi) / 2 - mp.log(aux[0]) - ((y - mu) / aux[0]) ** 2 / 2


def beta(link: str) -> Likelihood:
    def value(eta: Real, y: Real, n: Real, aux: list[Real]) -> Real:
        k = aux[0]
        a, b = LINKS[link](eta) * k, COMPLEMENTS[link](eta) * k
        return mp.loggamma(k) - mp.loggamma(a) - mp.loggamma(b) + (a - 1) * mp.log(y) + (b - 1) * mp.log1p(-y)

    return value


def beta_binomial(link: str) -> Likelihood:
    def value(eta: Real, y: Real, n: Real, aux: list[Real]) -> Real:
        k = aux[0]
        a, b = LINKS[link](eta) * k, COMPLEMENTS[link](eta) * k
        log_beta = lambda u, v: mp.loggamma(u) + mp.loggamma(v) - mp.loggamma(u + v)  # noqa: E731
        return log_choose(n, y) + log_beta(a + y, b + n - y) - log_beta(a, b)

    return value


# What responses and auxiliaries are drawn from.
COUNTS = [0, 1, 2, 7, 40, 1000]
SHAPES = [1e-2, 0.3, 1.0, 7.9, 8.1, 60.0, 1e4, 1e7, 1e10]


def cases() -> Iterator[tuple[str, str, Likelihood, list[tuple[float, float, float, list[float]]]]]:
    rng = random.Random(8)
    normal = lambda s: rng.gauss(0, s)  # noqa: E731
    size = 24

    def points(
        draw: Callable[[int], tuple[float, float, float, list[float]]],
    ) -> list[tuple[float, float, float, list[float]]]:
        return [draw(i) for i in range(size)]

    def trials() -> tuple[float, float]:
        n = rng.choice([1, 2, 10, 300])
        return float(rng.randint(0, n)), float(n)

    far = {"logit": [-700, -40, 40, 700], "probit": [-300, -37, -8, 8, 37, 300], "cloglog": [-300, -38, -36, 3, 5, 6]}
    for link in ("logit", "probit", "cloglog"):
        edges = [(float(e), y, n, []) for e in far[link] for y, n in ((0.0, 1.0), (1.0, 1.0), (3.0, 10.0))]
        yield "binomial", link, binomial(link), points(lambda i: (normal(1.5), *trials(), [])) + edges
    yield "binomial", "identity", binomial("identity"), points(lambda i: (rng.random(), *trials(), []))

    yield (
        "poisson",
        "log",
        of_mean("log", poisson),
        [*points(lambda i: (normal(2), float(rng.choice(COUNTS)), 1, [])), (-700.0, 3.0, 1, []), (700.0, 3.0, 1, [])],
    )
    for link in ("identity", "sqrt"):
        yield (
            "poisson",
            link,
            of_mean(link, poisson),
            points(lambda i: (rng.expovariate(0.2), float(rng.choice(COUNTS)), 1, [])),
        )
    for link in ("log", "identity"):
        yield (
            "negativebinomial",
            link,
            of_mean(link, negative_binomial),
            points(
                lambda i: (
                    normal(2) if link == "log" else rng.expovariate(0.2),  # noqa: B023
                    float(rng.choice(COUNTS)),
                    1,
                    [SHAPES[i % len(SHAPES)]],
                )
            )
            + ([(-700.0, 2.0, 1, [3.0]), (700.0, 2.0, 1, [3.0])] if link == "log" else []),
        )
    nus = [0.3, 1.0, 4.0, 15.9, 30.0, 1e4, 1e10]
    for link in ("identity", "log", "inverse"):
        yield (
            "t",
            link,
            of_mean(link, student_t),
            points(
                lambda i: (
                    normal(1),
                    normal(3) * (1e6 if i % 8 == 0 else 1),
                    1,
                    [rng.expovariate(0.5), nus[i % len(nus)]],
                )
            ),
        )
        yield (
            "gaussian",
            link,
            of_mean(link, gaussian),
            points(lambda i: (normal(1), normal(3), 1, [rng.expovariate(0.5)])),
        )
    for link in ("log", "inverse", "identity"):

        def positive(i: int, link: str = link) -> tuple[float, float, float, list[float]]:
            eta = normal(1) if link == "log" else rng.expovariate(1)
            mean = float(LINKS[link](mp.mpf(eta)))
            return eta, mean * (rng.expovariate(1) if i % 2 else 1 + normal(1e-4)), 1, [SHAPES[i % len(SHAPES)]]

        yield "gamma", link, of_mean(link, gamma), points(positive)
    yield (
        "exponential",
        "log",
        of_mean("log", exponential),
        [*points(lambda i: (normal(1), rng.expovariate(1), 1, [])), (700.0, 2.0, 1, []), (-690.0, 1e-300, 1, [])],
    )
    for link in ("logit", "probit", "cloglog"):
        spread = 1.0 if link == "cloglog" else 1.5

        def share(i: int, link: str = link, spread: float = spread) -> tuple[float, float, float, list[float]]:
            eta = min(normal(spread), 2.0)
            mean = float(LINKS[link](mp.mpf(eta)))
            y = rng.random() if i % 2 else min(max(mean * (1 + normal(1e-4)), 1e-9), 1 - 1e-9)
            return eta, y, 1, [SHAPES[i % len(SHAPES)]]

        edges = [(-700.0, 0.2, 1, [3.0]), (700.0, 0.2, 1, [3.0]), (30.0, 0.999, 1, [1e4])] if link == "logit" else []
        yield "beta", link, beta(link), points(share) + edges
        edges = [(-700.0, 2.0, 5, [3.0]), (700.0, 5.0, 5, [3.0])] if link == "logit" else []
        yield (
            "beta_binomial",
            link,
            beta_binomial(link),
            points(lambda i, s=spread: (min(normal(s), 2.0), *trials(), [SHAPES[i % len(SHAPES)]])) + edges,
        )


def main() -> None:
    lines = ["family,link,eta,y,trials,aux1,aux2,value,d1,d2,daux1,daux2"]
    for family, link, likelihood, points in cases():
        for eta, y, n, aux in points:
            mp.mp.dps = 700 if abs(eta) > 25 else 60  # a probability next to 1 keeps its complement
            e, response, trials, a = mp.mpf(eta), mp.mpf(y), mp.mpf(n), [mp.mpf(v) for v in aux]
            f = lambda t: likelihood(t, response, trials, a)  # noqa: B023, E731
            scale = (
                mp.mpf(10) ** -14 * max(abs(e), mp.mpf(10) ** -3)
                if link in ("identity", "inverse", "sqrt")
                else mp.mpf(10) ** -14
            )
            below, here, above = f(e - scale), f(e), f(e + scale)
            slopes = []
            for k in range(len(a)):
                step = mp.mpf(10) ** -15
                up = [v * mp.exp(step) if i == k else v for i, v in enumerate(a)]
                down = [v * mp.exp(-step) if i == k else v for i, v in enumerate(a)]
                slopes.append(
                    (likelihood(e, response, trials, up) - likelihood(e, response, trials, down)) / (2 * step)
                )
            numbers = [here, (above - below) / (2 * scale), (above - 2 * here + below) / scale**2, *slopes]
            given = [repr(v) for v in (eta, y, float(n))] + [repr(v) for v in aux] + [""] * (2 - len(aux))
            found = [mp.nstr(v, 17) for v in numbers] + [""] * (2 - len(slopes))
            lines.append(",".join([family, link, *given, *found]))
    Path(__file__).with_name("rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
