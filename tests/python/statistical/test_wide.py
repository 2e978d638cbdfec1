"""Tests that wide models have the exact posterior, with more rows than coefficients and fewer; and of long formulas."""

from __future__ import annotations

import warnings
from typing import Any

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.formula import language
from filbert.formula.language import FormulaLanguage
from formulaic.parser import DefaultFormulaParser
from statistical.scores import Z_LIMIT, effective_sample_size

P = 300
SPREAD = 0.1


def rows(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(17)
    X = rng.normal(size=(n, P)) + rng.normal(size=(n, 1))  # correlated
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(P)])
    frame["y"] = X @ rng.normal(scale=SPREAD, size=P) + rng.normal(size=n)
    return frame


def exact(frame: pd.DataFrame, spread: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Return means and deviations of coefficients, and the mean of sigma, with sigma summed over a fine grid."""
    y = frame["y"].to_numpy()
    values, vectors = np.linalg.eigh(frame.drop(columns="y").to_numpy().T @ frame.drop(columns="y").to_numpy())
    values = np.maximum(values, 0)
    pull = vectors.T @ (frame.drop(columns="y").to_numpy().T @ y)
    log_weights, means, variances, sigmas = [], [], [], np.exp(np.linspace(np.log(0.02), np.log(5), 1500))
    for sigma in sigmas:
        precision = values / sigma**2 + spread**-2
        mean = pull / sigma**2 / precision
        likelihood = -len(y) * np.log(sigma) - 0.5 * (y @ y / sigma**2 - (mean**2 * precision).sum())
        log_weights.append(likelihood - 0.5 * np.log(precision).sum() - 0.5 * sigma**2 + np.log(sigma))
        means.append(vectors @ mean)
        variances.append((vectors**2) @ (1 / precision))
    weights = np.exp(np.array(log_weights) - max(log_weights))
    weights /= weights.sum()
    mean = weights @ np.array(means)
    variance = weights @ (np.array(variances) + (np.array(means) - mean) ** 2)
    return mean, np.sqrt(variance), float(weights @ sigmas)


def scores(idata: Any, frame: pd.DataFrame, spread: float) -> np.ndarray:
    """Return how far means of coefficients, their squares and sigma are from the exact ones, in Monte Carlo errors."""
    posterior = idata["posterior"]
    means, deviations, mean_sigma = exact(frame, spread)
    found = [score(posterior["sigma"].to_numpy(), mean_sigma)]
    for i, (mean, deviation) in enumerate(zip(means, deviations, strict=True)):
        standard = (posterior[f"x{i}"].to_numpy() - mean) / deviation
        found += [score(standard, 0), score(standard**2, 1)]
    return np.array(found)


def score(draws: np.ndarray, mean: float) -> float:
    return float((draws.mean() - mean) / draws.std() * np.sqrt(effective_sample_size(draws)))


@pytest.mark.parametrize("n", [450, 150])
def test_a_wide_posterior_is_the_exact_one(n: int) -> None:
    frame = rows(n)
    priors = {f"x{i}": fb.Normal(0, SPREAD) for i in range(P)} | {"sigma": fb.HalfNormal(1)}
    formula = "y ~ 0 + " + " + ".join(f"x{i}" for i in range(P))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the rows do not determine all coefficients
        idata = fb.Model(formula, frame, priors=priors).fit(random_seed=3, progressbar=False)
    right = scores(idata, frame, SPREAD)
    assert np.abs(right).max() < Z_LIMIT
    assert np.sqrt((right**2).mean()) < 1.3
    broken = scores(idata, frame, 0.9 * SPREAD)
    assert np.sqrt((broken**2).mean()) > 2


def plain_terms(formula: str, names: list[str], grammar: type[DefaultFormulaParser]) -> str:
    parser = FormulaLanguage()
    context = {"__formulaic_variables_available__": names}
    tree = parser.get_ast_from_tokens(parser.get_tokens_from_formula(formula, context=context), context=context)
    return repr(grammar.get_terms_from_ast(parser, tree, context=context))


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ a",
        "y ~ a + b + a + c + b:a - 1",
        "y ~ (a + b + c)**2 + d - a + e + f",
        "y ~ 0 + a + (b + (c + d)) + e",
        "y ~ . + a:b + c",
        "y ~ a*b + c + a + d + e + f",
    ],
)
def test_long_sums_have_the_terms_that_formulaic_gives_them(formula: str) -> None:
    names = list("abcdefy")
    assert plain_terms(formula, names, FormulaLanguage) == plain_terms(formula, names, DefaultFormulaParser)


def test_sums_of_thousands_of_terms_are_not_deep() -> None:
    """formulaic copies what is left of each sum: in a tree as deep as it has terms that is time by their square."""
    names = [f"x{i}" for i in range(4000)]
    parser = FormulaLanguage()
    context = {"__formulaic_variables_available__": ["y", *names]}
    tokens = parser.get_tokens_from_formula("y ~ " + " + ".join(names), context=context)
    tree = language._balanced(parser.get_ast_from_tokens(tokens, context=context))
    deepest, stack = 0, [(tree, 1)]
    while stack:
        node, depth = stack.pop()
        deepest = max(deepest, depth)
        stack += [(part, depth + 1) for part in getattr(node, "args", ())]
    assert deepest < 20
