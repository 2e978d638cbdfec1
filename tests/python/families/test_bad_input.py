"""What each family refuses before anything is sampled: each message names column, row, value and remedy."""

from __future__ import annotations

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.families import FAMILIES

ROWS = range(10, 16)
FRAME = pd.DataFrame(
    {
        "x": [0.5, 1.5, 2.5, 3.0, 4.1, 5.2],
        "negative": [1, 2, -3, 0, 1, 2],
        "fraction": [1, 2, 2.5, 0, 1, 2],
        "k": [0, 1, 2, 3, 4, 5],
        "n": 5,
        "many": [0, 1, 9, 3, 4, 5],
        "n_zero": [5, 0, 5, 5, 5, 5],
        "n_fraction": [5, 5.5, 5, 5, 5, 5],
        "n_missing": [5, np.nan, 5, 5, 5, 5],
        "zero": [0.1, 0.2, 0, 0.4, 0.5, 0.6],
        "one": [0.1, 0.2, 1, 0.4, 0.5, 0.6],
        "share": [0, 1, 0.3, 1, 0, 1],
        "three": [0, 1, 2, 1, 0, 1],
        "missing": [0, 1, np.nan, 1, 0, 1],
        "infinite": [0.1, 0.2, np.inf, 0.4, 0.5, 0.6],
        "text": list("yynnyn"),
        "text3": list("abcabc"),
        "flag": [True, False, True, False, True, False],
        "ok": [0, 1, 0, 1, 1, 0],
    },
    index=ROWS,
)
FRAME["category"] = pd.Categorical(FRAME["text"])
COUNTS = (
    r"'{}' has 1 value such as {} \(row 12\), and {} needs whole numbers of 0 or more\. .*offset\(log\(exposure\)\)"
)
POSITIVE = r"'zero' has 1 value such as 0 \(row 12\), and {} needs positive numbers"
INSIDE = r"'{}' has 1 value such as {} \(row 12\), and beta needs numbers between 0 and 1, both excluded.*p\(successes"
TRIALS = r"The trials of 'p\(k, {}\)' have 1 value such as {} \(row 11\), and they must be whole numbers of 1 or more"
LEVEL = r"write {0}\['n'\] ~ \.\.\. or {0}\['y'\] ~ \.\.\., or binary\({0}, 'y'\)"
BOOLEAN = r"'flag' is boolean, and must be a number. .*data\['flag'\].astype\(float\)"
UNTRIED = r"'p\(k, n\)' has trials, which family='{}' does not know. Use family='binomial'"

REFUSED = [
    *[("negative ~ x", name, COUNTS.format("negative", "-3", name)) for name in ("poisson", "negativebinomial")],
    *[("fraction ~ x", name, COUNTS.format("fraction", "2.5", name)) for name in ("poisson", "negativebinomial")],
    *[("missing ~ x", name, r"Column 'missing' has 1 missing value \(row 12\).*dropna=True") for name in FAMILIES],
    *[("infinite ~ x", name, r"'infinite' has 1 infinite value \(row 12\)") for name in FAMILIES],
    *[("zero ~ x", name, POSITIVE.format(name)) for name in ("gamma", "exponential", "lognormal")],
    ("zero ~ x", "beta", INSIDE.format("zero", "0")),
    ("one ~ x", "beta", INSIDE.format("one", "1")),
    (
        "share ~ x",
        "bernoulli",
        r"'share' has 1 value such as 0.3 \(row 12\), and bernoulli needs 0 or 1. .*'p\(share, ",
    ),
    ("three ~ x", "bernoulli", r"'three' has 1 value such as 2 \(row 12\), and bernoulli needs 0 or 1"),
    ("text ~ x", "bernoulli", LEVEL.format("text")),
    ("category ~ x", "bernoulli", LEVEL.format("category")),
    ("text3 ~ x", "bernoulli", r"write text3\['a'\] .*It has 3 levels; the others count as failures"),
    ("text['maybe'] ~ x", "bernoulli", r"Column 'text' has no value 'maybe'. It has 'y', 'n'"),
    *[
        (formula, name, r"one level against the others, which only family='bernoulli' models")
        for name in FAMILIES
        if name != "bernoulli"
        for formula in ("text['y'] ~ x", "binary(text, 'y') ~ x")
    ],
    *[("flag ~ x", name, BOOLEAN) for name in FAMILIES if name != "bernoulli"],
    *[("text ~ x", name, "'text' holds categories or text, and must hold") for name in FAMILIES if name != "bernoulli"],
    *[("p(k, n) ~ x", name, UNTRIED.format(name)) for name, family in FAMILIES.items() if not family.has_trials],
]
for _name in ("binomial", "beta_binomial"):
    REFUSED += [
        ("p(negative, n) ~ x", _name, r"'p\(negative, n\)' has 1 value such as -3 \(row 12\)"),
        ("p(fraction, n) ~ x", _name, r"'p\(fraction, n\)' has 1 value such as 2.5 \(row 12\)"),
        ("p(many, n) ~ x", _name, r"'p\(many, n\)' has more successes than trials in 1 row \(row 12\): 9 of 5"),
        ("prop(many, n) ~ x", _name, r"more successes than trials in 1 row \(row 12\): 9 of 5"),
        ("p(k, 4) ~ x", _name, r"more successes than trials in 1 row \(row 15\): 5 of 4"),
        ("p(k, n_zero) ~ x", _name, TRIALS.format("n_zero", "0")),
        ("p(k, n_fraction) ~ x", _name, TRIALS.format("n_fraction", "5.5")),
        ("p(k, n_missing) ~ x", _name, r"Column 'n_missing' has 1 missing value \(row 11\)"),
        ("p(k, 5.5) ~ x", _name, r"The trials of 'p\(k, 5.5\)' have 6 values such as 5.5 \(rows 10, .*whole numbers"),
        ("p(k, flag) ~ x", _name, "The trials 'flag' is boolean"),
        ("p(k) ~ x", _name, r"must be written p\(successes, trials\)"),
        ("k ~ x", _name, rf"family='{_name}' needs the number of trials .*'p\(k, trials\) ~ .*family='bernoulli'"),
    ]


@pytest.mark.parametrize(("formula", "family", "message"), REFUSED, ids=lambda value: str(value)[:30])
def test_responses_that_a_family_cannot_have(formula: str, family: str, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        fb.Model(formula, FRAME, family=family)


@pytest.mark.parametrize(
    ("formula", "family", "expected"),
    [
        ("ok ~ x", "bernoulli", FRAME["ok"]),
        ("flag ~ x", "bernoulli", FRAME["flag"]),
        ("text['y'] ~ x", "bernoulli", FRAME["text"] == "y"),
        ("binary(text3, 'a') ~ x", "bernoulli", FRAME["text3"] == "a"),
        ("category['n'] ~ x", "bernoulli", FRAME["category"] == "n"),
        ("k ~ x", "poisson", FRAME["k"]),
        ("p(k, n) ~ x", "binomial", FRAME["k"]),
        ("prop(k, 9) ~ x", "binomial", FRAME["k"]),
    ],
)
def test_responses_that_are_taken(formula: str, family: str, expected: pd.Series) -> None:
    rows = fb.Model(formula, FRAME, family=family).regression.rows
    np.testing.assert_array_equal(rows.response_values, expected.to_numpy(dtype=float))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"family": "poissn"}, r"family='poissn' is not available. Did you mean 'poisson'\?"),
        ({"family": "logistic"}, "It is called 'bernoulli' here"),
        ({"family": "neg_binomial_2"}, "It is called 'negativebinomial' here"),
        ({"family": "Student"}, "It is called 't' here"),
        ({"family": 3}, "family must be the name of a family"),
        ({"family": "bernoulli", "link": "probbit"}, r"Did you mean 'probit'\? Its links are 'logit', 'probit'"),
        ({"family": "bernoulli", "link": "log"}, "link='log' is not available for family 'bernoulli'"),
        ({"family": "bernoulli", "link": {"mu": "probit"}}, r"such as 'logit', or \{'p': 'logit'\}, not"),
        ({"family": "exponential", "link": "inverse"}, "Its link is 'log'"),
        ({"family": "poisson", "priors": {"alpha": fb.HalfNormal(1)}}, r"\(it has none beside .*'negativebinomial'"),
        ({"family": "bernoulli", "priors": {"sigma": 1.0}}, "priors has 'sigma', and the model's family has no such"),
        ({"family": "gaussian", "priors": {"nu": 4}}, r"\(it has 'sigma' beside the coefficients\).*one: 't'"),
        ({"family": "negativebinomial", "priors": {"alphaa": fb.HalfNormal(1)}}, r"Did you mean 'alpha'\?"),
        *[({"family": "t", "priors": {"nu": value}}, "'nu' is fixed at") for value in (-1, 0, np.inf, np.nan)],
        ({"family": "t", "priors": {"nu": "4"}}, "The prior for 'nu' must be a prior"),
        ({"family": "t", "priors": {"nu": True}}, "The prior for 'nu' must be a prior"),
        ({"family": "t", "priors": {"nu": fb.Normal(0, 1)}}, "must allow positive values only"),
        ({"family": "t", "priors": {"x": 1.0}}, r"A number fixes auxiliary parameters only \('sigma', 'nu'\)"),
        ({"family": "poisson", "priors": {"x": 1.0}}, "put coefficient [*] predictor into offset="),
    ],
)
def test_names_and_priors_that_a_family_does_not_have(arguments: dict, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        fb.Model("ok ~ x", FRAME, **arguments)
