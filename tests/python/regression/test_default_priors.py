"""Priors: construction, refusals, default scales, and which prior each parameter gets."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from filbert.errors import DataTypeError, FilbertError, PriorError
from filbert.families.gaussian import Gaussian
from filbert.priors.named import Flat, HalfCauchy, HalfNormal, HalfStudentT, Normal, StudentT, Uniform
from filbert.priors.prior import Prior, columns
from filbert.regression.default_priors import (
    checked_priors,
    default_priors,
    merged_priors,
    resolve_priors,
    unscaled_priors,
)


@dataclass
class FakeTerm:
    name: str
    columns: tuple[str, ...]


TERMS = [FakeTerm("x", ("x",)), FakeTerm("I(x ** 2)", ("I(x ** 2)",)), FakeTerm("C(g)", ("C(g)[T.b]", "C(g)[T.c]"))]
NAMES = [term.name for term in TERMS]
SLICES = {"x": slice(0, 1), "I(x ** 2)": slice(1, 2), "C(g)": slice(2, 4)}
X_MEAN, X_SD = np.array([1.0, -2.0, 0.3, 0.4]), np.array([1.0, 2.0, 0.3, 0.4])
GAUSSIAN = Gaussian()
UNSCALED = {"sigma": GAUSSIAN.unscaled_auxiliary_prior("sigma")}


def scaled(slices, x_mean, x_sd, y_mean, y_sd, *, has_intercept, center_predictors=True):
    auxiliaries = {"sigma": GAUSSIAN.auxiliary_prior("sigma", y_sd)}
    scales = GAUSSIAN.coefficient_scales("identity", y_mean, y_sd)
    return default_priors(slices, (), x_mean, x_sd, scales, auxiliaries, has_intercept, center_predictors)


def defaults(*, y_sd=2.0, x_mean=X_MEAN, x_sd=X_SD, has_intercept=True, center_predictors=True):
    return scaled(SLICES, x_mean, x_sd, 5.0, y_sd, has_intercept=has_intercept, center_predictors=center_predictors)


def resolve(user, made, terms):
    return resolve_priors(checked_priors(user), made, terms, {"sigma"})[0]


# Construction


def test_parameters_are_stored_in_positional_order_whatever_the_order_given():
    prior = Prior("StudentT", sigma=2, mu=1, nu=4)
    assert list(prior.params) == ["nu", "mu", "sigma"]
    assert prior == StudentT(4, 1, 2)


def test_repr_looks_like_bambi():
    assert repr(Normal(0, 20)) == "Normal(mu: 0.0, sigma: 20.0)"
    assert repr(Normal([0, 0], [23.12661, 24.33184])) == "Normal(mu: [0.0, 0.0], sigma: [23.1266, 24.3318])"
    assert repr(Flat()) == "Flat()"


def test_repr_never_rounds_a_small_scale_to_zero():
    assert repr(HalfNormal(1.2344e-7)) == "HalfNormal(sigma: 1.234e-07)"


def test_repr_shortens_long_arrays():
    assert repr(Normal(np.arange(50.0), 1)) == "Normal(mu: [0.0, 1.0, 2.0, 3.0, ..., 49.0], sigma: 1.0)"


def test_priors_differ_by_name_value_and_length():
    assert Normal(0, 1) != Normal(0, 2)
    assert HalfNormal(1) != HalfCauchy(1)
    assert Normal([0, 0], 1) != Normal(0, 1)
    assert Normal(0, 1) != "Normal(0, 1)"


def test_prior_cannot_be_changed():
    values = np.array([1.0, 2.0])
    prior = Normal(values, 1)
    values[0] = 99
    assert prior == Normal([1, 2], 1)
    with pytest.raises(AttributeError, match="cannot be changed"):
        prior.name = "Cauchy"
    with pytest.raises(AttributeError, match="cannot be changed"):
        del prior.params
    with pytest.raises(TypeError):
        prior.params["mu"] = 3
    with pytest.raises(ValueError, match="read-only"):
        prior.params["mu"][0] = 3


def test_prior_can_be_pickled_and_copied():
    prior = Normal([1, 2], 3)
    for twin in (pickle.loads(pickle.dumps(prior)), copy.deepcopy(prior), copy.copy(prior)):
        assert twin == prior
        assert not twin.params["mu"].flags.writeable


def test_auto_scale_is_accepted_as_in_bambi():
    assert Prior("Normal", auto_scale=False, mu=0, sigma=3) == Prior("Normal", auto_scale=True, mu=0, sigma=3)
    with pytest.raises(DataTypeError, match="auto_scale must be True or False"):
        Prior("Normal", auto_scale="yes")


def test_numpy_numbers_are_numbers():
    assert Normal(np.float32(1), np.int64(2)) == Normal(1, 2)
    assert Normal(np.array(1), (2,)).params["mu"] == 1.0


# Refusals


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: Prior("Norml"),
            PriorError,
            r"no prior named 'Norml'\. Did you mean 'Normal' or 'HalfNormal'\? The priors are ",
        ),
        (lambda: Prior("normal"), PriorError, "Did you mean 'Normal'"),
        (lambda: Prior(3), DataTypeError, r"name of a prior must be a string.*3 \(int\)"),
        (
            lambda: Prior("Normal", mean=0),
            PriorError,
            r"Normal takes Normal\(mu=0, sigma=1\), and not 'mean': write mu=mean, that is mu=0",
        ),
        (lambda: Prior("Normal", sigm=1), PriorError, "Did you mean 'sigma'"),
        (lambda: Prior("Flat", mu=0), PriorError, r"Flat has no parameter 'mu': write Flat\(\)"),
        (lambda: Prior("StudentT", mu=0), PriorError, r"StudentT needs nu: write StudentT\(nu, mu=0, sigma=1\)"),
        (lambda: Prior("Cauchy"), PriorError, "needs alpha and beta"),
        (lambda: Normal(0, 0), PriorError, r"Normal: sigma must be positive, and is 0\.0"),
        (lambda: Normal(0, [1, -2]), PriorError, r"sigma must be positive, and is \[1\.0, -2\.0\]"),
        (lambda: HalfStudentT(0, 1), PriorError, "HalfStudentT: nu must be positive"),
        (lambda: Normal(np.nan, 1), PriorError, "mu must be finite, and is nan"),
        (lambda: Normal(0, np.inf), PriorError, "sigma must be finite, and is inf"),
        (lambda: Normal("0", 1), DataTypeError, r"mu must be a number or a list of numbers, and not '0' \(str\)"),
        (lambda: Normal(None, 1), DataTypeError, "not None"),
        (lambda: Normal(True, 1), DataTypeError, r"not True \(bool\)"),
        (lambda: Normal([True, 1.0], 1), DataTypeError, r"not \[True, 1\.0\]"),
        (lambda: Normal(1 + 2j, 1), DataTypeError, "complex"),
        (lambda: Normal([1, [2, 3]], 1), DataTypeError, "list of numbers"),
        (lambda: Normal([[1, 2]], 1), PriorError, r"has shape \(1, 2\)"),
        (lambda: Normal([], 1), PriorError, r"has shape \(0,\)"),
        (lambda: Normal([1, 2], [1, 2, 3]), PriorError, "but mu has 2, sigma has 3"),
        (lambda: Uniform(2, 1), PriorError, r"lower must be below upper, and lower=2\.0, upper=1\.0 is not"),
        (lambda: Uniform([0, 1], 1), PriorError, "lower must be below upper"),
        (lambda: Uniform(-1e308, 1e308), PriorError, r"upper - lower must be a finite number"),
        (lambda: Prior("StudentT", nu=4, sigma=HalfNormal(1)), PriorError, "is itself a prior.*group-specific"),
        (lambda: Prior("Normal", mu=0, sigma=Normal(0, 1)), PriorError, "is itself a prior.*of positive values"),
        (lambda: Prior("Normal", dist=len), PriorError, "cannot take a Python function"),
    ],
)
def test_bad_parameters_are_refused(make, error, message):
    with pytest.raises(error, match=message) as caught:
        make()
    assert isinstance(caught.value, FilbertError)
    assert isinstance(caught.value, (ValueError, TypeError))


@pytest.mark.parametrize(
    ("name", "params", "instead"),
    [
        ("Normal", {"tau": 4}, r"sigma=1/sqrt\(tau\), that is sigma=0\.5"),
        ("Normal", {"sd": 4}, r"sigma=sd, that is sigma=4"),
        ("HalfNormal", {"tau": 4}, r"that is sigma=0\.5"),
        ("StudentT", {"nu": 4, "lam": 4}, r"that is sigma=0\.5"),
        ("HalfStudentT", {"nu": 4, "lam": 4}, r"that is sigma=0\.5"),
        ("Exponential", {"scale": 4}, r"lam=1/scale, that is lam=0\.25"),
        ("Gamma", {"mu": 1, "sigma": 2}, r"alpha=mu\*\*2/sigma\*\*2 and beta=mu/sigma\*\*2"),
        ("InverseGamma", {"mu": 1, "sigma": 2}, r"alpha=2 \+ mu\*\*2/sigma\*\*2"),
        ("Normal", {"tau": "4"}, r"sigma=1/sqrt\(tau\)\."),
    ],
)
def test_alternative_parameterisations_are_refused_with_the_right_one(name, params, instead):
    with pytest.raises(PriorError, match=instead):
        Prior(name, **params)


# Default scales


def test_default_scales_are_bambis():
    priors = defaults()
    assert list(priors) == ["Intercept", "x", "I(x ** 2)", "C(g)", "sigma"]
    assert priors["Intercept"].prior == Normal(5, 2.5 * 2)
    assert priors["x"].prior == Normal(0, 2.5 * 2 / 1)
    assert priors["I(x ** 2)"].prior == Normal(0, 2.5 * 2 / 2)
    assert priors["C(g)"].prior == Normal([0, 0], 2.5 * 2 / np.array([0.3, 0.4]))
    assert priors["sigma"].prior == HalfStudentT(4, 2)
    assert all(resolved.is_default for resolved in priors.values())


def test_rules_say_how_defaults_were_scaled():
    priors = defaults()
    assert priors["x"].rule == "Normal(mu: 0, sigma: 2.5 sd(y)/sd(x))"
    assert priors["Intercept"].rule == "Normal(mu: mean(y), sigma: 2.5 sd(y))"
    assert priors["sigma"].rule == "HalfStudentT(nu: 4, sigma: sd(y))"


def test_uncentred_intercept_gets_bambis_wider_prior():
    slopes = 2.5 * 2 / X_SD
    expected = np.sqrt((2.5 * 2) ** 2 + np.sum(slopes**2 * X_MEAN**2))
    intercept = defaults(center_predictors=False)["Intercept"]
    assert intercept.prior.params["sigma"] == pytest.approx(expected, rel=1e-14)
    assert "sum(" in intercept.rule


def test_wider_intercept_prior_does_not_overflow_early():
    priors = defaults(center_predictors=False, x_mean=X_MEAN * 1e200, x_sd=X_SD * 1e200)
    expected = defaults(center_predictors=False)["Intercept"].prior.params["sigma"]
    assert priors["Intercept"].prior.params["sigma"] == pytest.approx(expected, rel=1e-12)


def test_model_without_intercept_has_no_intercept_prior():
    assert "Intercept" not in defaults(has_intercept=False)


def test_constant_column_without_intercept_stands_for_the_intercept():
    priors = scaled({"c": slice(0, 1)}, np.array([-4.0]), np.zeros(1), 8.0, 2.0, has_intercept=False)
    assert priors["c"].prior == Normal(-2, 2.5 * 2 / 4)
    assert priors["c"].rule == "Normal(mu: mean(y)/x, sigma: 2.5 sd(y)/|x|)"


def test_unscaled_priors_are_bambis():
    """bambi 0.21.0 prints Flat() for every coefficient and HalfNormal(sigma: 1.0) for sigma."""
    priors = unscaled_priors(["x", "C(g)"], UNSCALED, has_intercept=True)
    assert {name: resolved.prior for name, resolved in priors.items()} == {
        "Intercept": Flat(),
        "x": Flat(),
        "C(g)": Flat(),
        "sigma": HalfNormal(1),
    }
    assert "Intercept" not in unscaled_priors(["x"], UNSCALED, has_intercept=False)


@pytest.mark.parametrize("factor", [1e-150, 1e150])
def test_extreme_units_only_move_the_scales(factor):
    priors = defaults(x_mean=X_MEAN * factor, x_sd=X_SD * factor)
    assert priors["x"].prior.params["sigma"] == pytest.approx(5 / factor, rel=1e-14)


def test_default_scale_out_of_range_names_the_term():
    with pytest.raises(PriorError, match=r"default prior of 'x'.*rescale"):
        defaults(y_sd=1e200, x_sd=X_SD * 1e-150)


# Which prior each parameter gets


def test_user_priors_replace_defaults_and_keep_the_order():
    resolved = resolve({"sigma": HalfCauchy(10), "x": Normal(0, 20)}, defaults(), TERMS)
    assert list(resolved) == list(defaults())
    assert resolved["x"].prior == Normal(0, 20)
    assert resolved["x"].rule == "Normal(mu: 0.0, sigma: 20.0)"
    assert [name for name, prior in resolved.items() if not prior.is_default] == ["x", "sigma"]


def test_no_user_priors_are_the_defaults():
    assert resolve(None, defaults(), TERMS) == defaults()
    assert resolve({}, defaults(), TERMS) == defaults()


def test_spaces_in_a_terms_name_do_not_matter():
    assert resolve({"I(x**2)": Flat()}, defaults(), TERMS)["I(x ** 2)"].prior == Flat()


def test_common_stands_for_the_terms_without_their_own_prior():
    resolved = resolve({"common": Normal(0, 7), "x": Flat()}, defaults(), TERMS)
    assert [resolved[name].prior for name in ("x", "I(x ** 2)", "C(g)")] == [Flat(), Normal(0, 7), Normal(0, 7)]
    assert resolved["Intercept"].is_default
    assert resolved["sigma"].is_default


def test_term_called_common_keeps_its_name():
    terms = [FakeTerm("common", ("common",)), FakeTerm("x", ("x",))]
    slices = {"common": slice(0, 1), "x": slice(1, 2)}
    made = scaled(slices, np.zeros(2), np.ones(2), 0.0, 1.0, has_intercept=True)
    resolved = resolve({"common": Flat()}, made, terms)
    assert resolved["common"].prior == Flat()
    assert resolved["x"].is_default


def test_one_value_per_column():
    resolved = resolve({"C(g)": Normal([1, 2], 3), "x": Normal([1], 1)}, defaults(), TERMS)
    assert resolved["C(g)"].prior == Normal([1, 2], 3)


def test_uniform_from_zero_fits_sigma():
    assert resolve({"sigma": Uniform(0, 10)}, defaults(), TERMS)["sigma"].prior == Uniform(0, 10)


@pytest.mark.parametrize(
    ("user", "error", "message"),
    [
        ({"X": Flat()}, PriorError, r"priors has 'X'.*Did you mean 'x'\? Its terms: 'x', 'I\(x \*\* 2\)', 'C\(g\)'"),
        ({"intercept": Flat()}, PriorError, r"Did you mean 'Intercept'\?"),
        ({"comon": Flat()}, PriorError, "Did you mean 'common'"),
        ({"sigma": {"x": Flat()}}, DataTypeError, "'sigma' is a dict.*one number"),
        ({"C(g)[T.b]": Flat()}, PriorError, r"Did you mean 'C\(g\)'"),
        ({"zzz": Flat()}, PriorError, "no such term. Its terms"),
        ({"I(x**2)": Flat(), "I(x ** 2)": Flat()}, PriorError, "two entries"),
        ({"C(g)": Normal([1, 2, 3], 1)}, PriorError, r"'C\(g\)' has 3 values, and the term 'C\(g\)' has 2 columns"),
        ({"x": Normal([1, 2], 1)}, PriorError, "has 2 values, and the term 'x' has 1 column:"),
        ({"common": Normal([1, 2], 1)}, PriorError, "'common' has 2 values, and the term 'x' has 1 column"),
        ({"sigma": HalfNormal([1, 2])}, PriorError, "'sigma' must have one number"),
        ({"Intercept": Normal([1], 2)}, PriorError, "'Intercept' must have one number"),
        ({"sigma": Normal(0, 1)}, PriorError, "positive values only.*HalfNormal is its positive half"),
        ({"sigma": Uniform(-1, 1)}, PriorError, "positive values only"),
        ({"x": 3}, DataTypeError, "number 3.*offset="),
        ({"x": "Normal(0, 1)"}, DataTypeError, r"must be a prior such as .* \(str\)"),
        ({"x": None}, DataTypeError, "NoneType"),
        ({3: Flat()}, DataTypeError, "3 is a int"),
        ({"x": Normal(0, HalfNormal(1))}, PriorError, "for group-specific terms"),
        ({"x": Prior("LKJCorr", eta=2)}, PriorError, "for group-specific terms"),
        ([Flat()], DataTypeError, "must be a dict"),
    ],
)
def test_priors_that_fit_nothing_are_refused(user, error, message):
    with pytest.raises(error, match=message):
        resolve(user, defaults(), TERMS)


@pytest.mark.parametrize("name", ["Intercept", "intercept"])
def test_intercept_prior_without_intercept_is_refused(name):
    with pytest.raises(PriorError, match="the formula has no intercept"):
        resolve({name: Flat()}, defaults(has_intercept=False), TERMS)


# Which of several wins


def test_a_later_prior_replaces_an_earlier_one_however_it_is_spaced():
    assert merged_priors({"I(x**2)": Flat(), "x": Flat()}, {"I( x ** 2 )": Normal(0, 1)}, NAMES) == {
        "x": Flat(),
        "I( x ** 2 )": Normal(0, 1),
    }


def test_a_later_common_replaces_those_of_all_terms_and_no_others():
    earlier = {"I(x**2)": Flat(), "x": Flat(), "sigma": HalfCauchy(1), "Intercept": Flat(), "common": Normal(0, 2)}
    kept = {"sigma": HalfCauchy(1), "Intercept": Flat()}
    assert merged_priors(earlier, {"common": Normal(0, 1)}, NAMES) == {**kept, "common": Normal(0, 1)}
    # Of one call the term's own prior wins.
    both = {"common": Normal(0, 1), "x": Normal(0, 3)}
    assert merged_priors(earlier, both, NAMES) == {**kept, **both}
    assert merged_priors({"x": Flat()}, {"common": Normal(0, 1)}, ["common", "x"])["x"] == Flat()


def test_priors_of_the_parent_parameter_may_be_nested_and_win():
    given = {"mu": {"x": Normal(0, 1)}, "x": Flat(), "sigma": HalfCauchy(1)}
    assert checked_priors(given, "mu") == {"x": Normal(0, 1), "sigma": HalfCauchy(1)}


def test_message_lists_only_the_first_of_many_terms():
    terms = [FakeTerm(f"x{i}", (f"x{i}",)) for i in range(300)]
    slices = {term.name: slice(i, i + 1) for i, term in enumerate(terms)}
    made = scaled(slices, np.zeros(300), np.ones(300), 0.0, 1.0, has_intercept=True)
    with pytest.raises(PriorError, match="and 280 more") as caught:
        resolve({"zzz": Flat()}, made, terms)
    assert len(str(caught.value)) < 400


# What _core takes


def test_columns_gives_one_prior_a_column_in_positional_order():
    assert columns(StudentT(4, [0, 1], 3), 2) == [("StudentT", (4.0, 0.0, 3.0)), ("StudentT", (4.0, 1.0, 3.0))]
    assert columns(Flat(), 2) == [("Flat", ()), ("Flat", ())]
    assert columns(Normal([2], 1), 1) == [("Normal", (2.0, 1.0))]
    assert all(type(value) is float for _, values in columns(Normal([1, 2], 3), 2) for value in values)


def test_columns_refuses_another_number_of_values():
    with pytest.raises(PriorError, match="2 values for 3 columns"):
        columns(Normal([0, 1], 1), 3)
