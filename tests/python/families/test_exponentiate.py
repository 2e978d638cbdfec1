"""fb.summary(exponentiate=True): odds ratios and ratios of means, draw by draw."""

from __future__ import annotations

import filbert as fb
import numpy as np
import pytest
from family_models import fitted, model, quickly
from filbert.families import FAMILIES

RATIOS = {
    "bernoulli": "odds ratios",
    "binomial": "odds ratios",
    "beta": "odds ratios",
    "beta_binomial": "odds ratios",
    "poisson": "ratios of means",
    "negativebinomial": "ratios of means",
    "gamma": "ratios of means",
    "exponential": "ratios of means",
    "lognormal": "ratios of medians",
}


@pytest.mark.parametrize("name", RATIOS)
def test_coefficients_are_exponentiated_draw_by_draw(name: str) -> None:
    made, idata = fitted(name)
    plain, table = fb.summary(idata), fb.summary(idata, exponentiate=True)
    assert list(table.index) == list(plain.index)
    assert table.attrs["exponentiated"] == RATIOS[name]
    assert table.loc["x", "mean"] == pytest.approx(float(np.exp(idata["posterior"]["x"]).mean()))
    assert table.loc["x", "mean"] > np.exp(plain.loc["x", "mean"])  # Jensen: it is not the exponential of the mean
    level = np.exp(np.asarray(idata["posterior"]["g"])[..., 1])
    assert table.loc["g[c]", "sd"] == pytest.approx(level.std(ddof=1))
    for auxiliary in FAMILIES[name].auxiliaries:
        np.testing.assert_array_equal(table.loc[auxiliary], plain.loc[auxiliary])
    np.testing.assert_array_equal(fb.summary(made, idata, exponentiate=True), table)


def test_hazard_ratios_of_cloglog() -> None:
    made = model("bernoulli", link="cloglog")
    assert fb.summary(quickly(made), exponentiate=True).attrs["exponentiated"] == "hazard ratios"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("gaussian", {}), ("t", {}), ("bernoulli", {"link": "probit"}), ("poisson", {"link": "sqrt"})],
)
def test_other_links_are_refused(name: str, arguments: dict) -> None:
    made = model(name, **arguments)
    idata = quickly(made)
    for call in ((idata,), (made, idata)):
        with pytest.raises(
            ValueError, match=r"on a log, logit or cloglog scale, and this model has link='\w+' .*ratio"
        ):
            fb.summary(*call, exponentiate=True)


def test_draws_of_strangers_need_the_model() -> None:
    made, idata = fitted("poisson")
    stranger = made.predict(idata, inplace=False)
    del stranger["posterior"].attrs["link"]
    with pytest.raises(ValueError, match=r"write summary\(model, idata, exponentiate=True\)"):
        fb.summary(stranger, exponentiate=True)


def test_it_does_not_go_with_least_squares() -> None:
    made, idata = fitted("lognormal")
    with pytest.raises(ValueError, match="Leave one of them out"):
        fb.summary(made, idata, exponentiate=True, least_squares=True)
