"""Long data: draws for which a few rows a move are looked at, against draws by the whole likelihood."""

from __future__ import annotations

from typing import Any

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert import _core
from statistical.scores import differences

pytestmark = pytest.mark.statistical

ROWS = 120_000


def long_data(family: str) -> pd.DataFrame:
    """Few events with weights and an offset, so that the posterior is skewed for all its rows."""
    rng = np.random.default_rng(61)
    data = pd.DataFrame(rng.normal(size=(ROWS, 4)), columns=list("abcd"))
    data["shift"] = rng.normal(scale=0.3, size=ROWS)
    data["weight"] = rng.uniform(0.5, 1.5, size=ROWS)
    eta = -5 + 0.5 * data["a"] - 0.3 * data["b"] + data["shift"]
    if family == "poisson":
        data["y"] = rng.poisson(np.exp(eta))
    else:
        data["y"] = (rng.random(ROWS) < 1 / (1 + np.exp(-eta))).astype(int)
    return data


def model(family: str) -> fb.Model:
    data = long_data(family)
    return fb.Model("y ~ a + b + c + d + offset(shift)", data, family=family, weights="weight")


def fitted(family: str, **settings: Any) -> Any:
    return model(family).fit(random_seed=2, progressbar=False, **settings).posterior


def coefficients(posterior: Any) -> np.ndarray:
    return np.stack([posterior[name].to_numpy() for name in ("Intercept", "a", "b", "c", "d")])


@pytest.mark.parametrize("family", ["bernoulli", "poisson"])
def test_long_data_have_the_draws_of_the_whole_likelihood(family: str) -> None:
    posterior = fitted(family, draws=2500)
    assert posterior.attrs["sampler"] == "independence"
    assert posterior.attrs["sampler_note"] == ""
    rows, _, total = posterior.attrs["subsampling"].split()[:3]
    assert 0 < float(rows) < 20
    assert int(total) == ROWS
    found = coefficients(posterior)
    stated = model(family).regression
    whole = _core.sample_independence(
        stated.family.frame(stated), draws=1000, chains=4, cores=2, seed=3, subsample=False, report=None
    )
    assert "rows_a_move" not in whole
    expected = whole["sampling"]["values"]
    scores = differences(found, expected)
    assert np.abs(scores).max() < 4, scores
    # The check sees a shift of a tenth of a posterior deviation.
    shifted = found + 0.1 * expected.std(axis=(1, 2), keepdims=True)
    assert np.abs(differences(shifted, expected)).max() > 4
    ess = [_core.ess_bulk(np.ascontiguousarray(variable)) for variable in found]
    assert min(ess) > 0.6 * found[0].size


def test_draws_of_long_data_do_not_depend_on_cores() -> None:
    one, two = (
        coefficients(fitted("bernoulli", draws=100, cores=cores, compute_convergence_checks=False)) for cores in (1, 2)
    )
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one[:, 0], one[:, 1])


def test_the_attributes_say_where_rows_were_subsampled() -> None:
    short = fb.Model("y ~ a", long_data("bernoulli")[:2000], family="bernoulli")
    assert short.fit(draws=1000, random_seed=1, progressbar=False).posterior.attrs["subsampling"] == ""
    assert (
        fitted("bernoulli", draws=1000, sampler="independence").attrs["subsampling"].endswith(f"of {ROWS} rows a draw")
    )
