"""The model: what it prints, which priors it has, and what `fit` returns."""

from __future__ import annotations

import logging
import pkgutil
import warnings

import filbert as fb
import numpy as np
import pandas as pd
import pytest


def frame(n: int = 120, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({"x": rng.normal(5, 2, n), "z": rng.normal(size=n), "g": rng.choice(["a", "b", "c"], n)})
    data["y"] = 1 + 2 * data["x"] - data["z"] + (data["g"] == "b") + rng.normal(0, 0.5, n)
    return data


@pytest.fixture(scope="module")
def model() -> fb.Model:
    return fb.Model("y ~ x + z + g", frame())


@pytest.fixture(scope="module")
def idata(model: fb.Model):
    return model.fit(draws=500, tune=500, random_seed=1)


def test_version_is_that_of_the_core() -> None:
    from filbert import _core

    assert fb.__version__ == _core.__version__


def test_unknown_name_of_the_package_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Modell'"):
        fb.Modell  # noqa: B018


def test_print_shows_formula_rows_and_scaled_priors_with_their_rule(model: fb.Model) -> None:
    text = str(model)
    sd = frame()["y"].std(ddof=0)
    assert "Formula: y ~ x + z + g" in text
    assert "Observations: 120" in text
    assert f"sigma ~ HalfStudentT(nu: 4.0, sigma: {sd:.4f}".rstrip("0") in text
    assert "2.5 sd(y)/sd(x)" in text
    assert "mean response at the predictor means" in text
    assert "reference level of g is a" in text


def test_default_priors_are_bambis_slopes_and_a_centred_intercept(model: fb.Model) -> None:
    data = frame()
    sd = data["y"].std(ddof=0)
    assert model.priors["x"].params["sigma"] == pytest.approx(2.5 * sd / data["x"].std(ddof=0), rel=1e-12)
    dummies = np.column_stack([data["g"] == "b", data["g"] == "c"]).std(axis=0)
    np.testing.assert_allclose(model.priors["g"].params["sigma"], 2.5 * sd / dummies, rtol=1e-12)
    assert model.priors["Intercept"] == fb.Normal(
        model.priors["Intercept"].params["mu"], model.priors["Intercept"].params["sigma"]
    )
    assert model.priors["Intercept"].params["mu"] == pytest.approx(data["y"].mean(), rel=1e-12)
    assert model.priors["Intercept"].params["sigma"] == pytest.approx(2.5 * sd, rel=1e-12)


def test_set_priors_replaces_some_and_keeps_the_others() -> None:
    model = fb.Model("y ~ x + z", frame(), priors={"x": fb.Normal(1, 2)})
    before = model.priors
    model.set_priors({"z": fb.Laplace(0, 1)})
    model.set_priors(sigma=fb.HalfNormal(3))
    assert model.priors == {**before, "z": fb.Laplace(0, 1), "sigma": fb.HalfNormal(3)}


def test_a_refused_prior_leaves_the_model_as_it_was() -> None:
    model = fb.Model("y ~ x", frame())
    before = model.priors
    with pytest.raises(fb.PriorError):
        model.set_priors({"nope": fb.Normal(0, 1)})
    assert model.priors == before
    model.set_priors({"x": fb.Normal(0, 1)})
    assert model.priors["x"] == fb.Normal(0, 1)


def test_groups_variables_and_coordinates(idata) -> None:
    posterior = idata["posterior"]
    assert list(posterior.data_vars) == ["Intercept", "x", "z", "g", "sigma"]
    assert posterior["x"].dims == ("chain", "draw")
    assert posterior["x"].shape == (4, 500)
    assert posterior["g"].dims == ("chain", "draw", "g_dim")
    assert list(posterior["g_dim"].values) == ["b", "c"]
    assert set(idata["sample_stats"].data_vars) == {
        "lp",
        "energy",
        "energy_error",
        "max_energy_error",
        "acceptance_rate",
        "step_size",
        "step_size_bar",
        "tree_depth",
        "n_steps",
        "diverging",
        "reached_max_treedepth",
        "index_in_trajectory",
    }
    np.testing.assert_array_equal(idata["observed_data"]["y"].values, frame()["y"])
    assert set(idata["constant_data"].data_vars) == {"x", "z", "g"}


def test_attributes_say_how_it_was_made(idata) -> None:
    attributes = idata["posterior"].attrs
    assert attributes["inference_library"] == attributes["modeling_interface"] == "filbert"
    assert attributes["inference_library_version"] == fb.__version__
    assert attributes["tuning_steps"] == 500
    assert attributes["formula"] == "y ~ x + z + g"
    assert attributes["random_seed"] == "1"
    assert 0 < attributes["sampling_time"] < attributes["fit_time"]


def test_lp_is_the_log_joint_of_the_draw(model: fb.Model, idata) -> None:
    from scipy import stats

    data = frame()
    posterior = {name: values.values for name, values in idata["posterior"].data_vars.items()}
    at = (2, 17)
    slopes = {name: posterior[name][at] for name in ("x", "z", "g")}
    effect = slopes["x"] * data["x"] + slopes["z"] * data["z"]
    effect += slopes["g"][0] * (data["g"] == "b") + slopes["g"][1] * (data["g"] == "c")
    sigma = posterior["sigma"][at]
    priors = {name: prior.params for name, prior in model.priors.items()}
    expected = stats.norm(posterior["Intercept"][at] + effect, sigma).logpdf(data["y"]).sum() + np.log(sigma)
    centred = posterior["Intercept"][at] + effect.mean()
    expected += stats.norm(priors["Intercept"]["mu"], priors["Intercept"]["sigma"]).logpdf(centred)
    expected += sum(stats.norm(priors[n]["mu"], priors[n]["sigma"]).logpdf(slopes[n]).sum() for n in ("x", "z", "g"))
    expected += stats.t(4, scale=priors["sigma"]["sigma"]).logpdf(sigma) + np.log(2)
    assert idata["sample_stats"]["lp"].values[at] == pytest.approx(expected, rel=1e-10)


def test_warm_up_is_kept_on_request() -> None:
    idata = fb.Model("y ~ x", frame()).fit(draws=600, tune=150, discard_tuned_samples=False, random_seed=1)
    assert idata["warmup_posterior"]["x"].shape == (4, 150)
    assert idata["warmup_sample_stats"]["step_size"].shape == (4, 150)
    assert idata["posterior"]["x"].shape == (4, 600)


def test_interactions_and_splines_have_labelled_columns() -> None:
    idata = fb.Model("y ~ x:g + bs(z, df=4)", frame()).fit(random_seed=1)
    assert idata["posterior"]["bs(z, df=4)"].dims == ("chain", "draw", "bs(z, df=4)_dim")
    assert idata["posterior"].sizes["x:g_dim"] == 3


def test_terms_with_a_division_keep_their_draws() -> None:
    posterior = fb.Model("y ~ I(x/2) + I(z/3):g", frame()).fit(random_seed=1)["posterior"]
    assert list(posterior.data_vars) == ["Intercept", "I(x ÷ 2)", "I(z ÷ 3):g", "sigma"]


def test_intercept_only_and_no_intercept() -> None:
    data = frame()
    only = fb.Model("y ~ 1", data).fit(random_seed=1)["posterior"]
    assert list(only.data_vars) == ["Intercept", "sigma"]
    assert float(only["Intercept"].mean()) == pytest.approx(data["y"].mean(), abs=0.1)
    without = fb.Model("y ~ 0 + g", data).fit(random_seed=1)["posterior"]
    assert list(without.data_vars) == ["g", "sigma"]
    assert list(without["g_dim"].values) == ["a", "b", "c"]


def test_one_line_says_what_was_sampled(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="filbert"):
        fb.Model("y ~ x", frame()).fit(draws=1500, tune=1000, chains=4, random_seed=1)
    (line,) = [record.getMessage() for record in caplog.records if "Sampled" in record.getMessage()]
    assert line.startswith(
        "Sampled 4 chains for 1_000 tune and 1_500 draw iterations (4_000 + 6_000 draws total) took 0."
    )


def test_importing_filbert_loads_nothing_heavy() -> None:
    import subprocess
    import sys

    heavy = ("pandas", "formulaic", "xarray", "arviz", "rich")
    code = f"import sys, filbert; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_fitting_does_not_load_matplotlib_with_arviz_1() -> None:
    import importlib.metadata
    import subprocess
    import sys

    code = (
        "import sys, numpy, pandas, filbert; "
        "filbert.Model('y ~ x', pandas.DataFrame({'x': [1., 2, 3, 4], 'y': [1., 3, 2, 5]})).fit(progressbar=False); "
        "print('matplotlib' in sys.modules or 'arviz' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    is_arviz_1 = importlib.metadata.version("arviz").startswith("1.")
    assert result.stdout.strip() == str(not is_arviz_1)


@pytest.mark.parametrize("formula", ["y ~ x", "y ~ x + g", "y ~ x + (1 | g)"])
def test_fitting_does_not_load_dasks_arrays(formula: str) -> None:
    import subprocess
    import sys

    code = (
        "import sys, numpy, pandas, filbert; x = numpy.arange(1., 13); "
        "data = pandas.DataFrame({'x': x, 'y': numpy.sin(x), 'g': list('aabbccddeeff')}); "
        f"filbert.Model({formula!r}, data).fit(draws=100, progressbar=False); print('dask.array' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


# What groups and Python code in formulas need, by a formula that needs it; and what rows in parts, files and others do.
LOADED_BY = {
    "y ~ x + (1 | g)": ("formula.brackets", "formula.groups", "regression.groups", "regression.group_priors"),
    "y ~ np.log(x)": (
        *("formula.expressions", "formula.allowed", "formula.guard", "formula.interpreter", "formula.names"),
        *("formula.quoting", "formula.rowwise"),
    ),
}
NOT_FOR_A_FRAME = (
    *("data.readers", "data.files", "data.engines", "formula.streaming", "formula.streamed_rows", "formula.further"),
    *("families.passes", "families.bernoulli", "families.custom", "storage", "predict", "interpret", "plots"),
)


def modules_after_fit(formula: str) -> set[str]:
    """The modules of filbert that a process has loaded when a model of a data frame is fitted."""
    import subprocess
    import sys

    code = (
        "import sys, numpy, pandas, filbert; x = numpy.arange(1., 13); "
        "data = pandas.DataFrame({'x': x, 'y': numpy.sin(x), 'g': list('aabbccddeeff')}); "
        f"filbert.Model({formula!r}, data).fit(draws=20, chains=1, progressbar=False); "
        "print(' '.join(name[8:] for name in sys.modules if name.startswith('filbert.')))"
    )
    result = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


def test_a_fit_loads_what_its_formula_needs() -> None:
    plain = modules_after_fit("y ~ x")
    unneeded = {name for names in LOADED_BY.values() for name in names} | set(NOT_FOR_A_FRAME)
    assert not plain & unneeded
    assert len(plain) <= 58  # each costs a cold start about half a millisecond: load another where it is needed
    for formula, names in LOADED_BY.items():
        assert modules_after_fit(formula) >= set(names)  # they have their names still


def test_a_good_fit_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fb.Model("y ~ x + z + g", frame()).fit(random_seed=5)


def test_weights_count_as_rows() -> None:
    data = frame(40)
    counts = np.arange(40) % 3
    repeated = fb.Model("y ~ x", data.loc[np.repeat(data.index, counts)].reset_index(drop=True)).least_squares()
    weighted = fb.Model("y ~ x", data.assign(w=counts), weights="w").least_squares()
    pd.testing.assert_frame_equal(repeated, weighted, rtol=1e-11)


def test_offset_has_coefficient_one() -> None:
    data = frame()
    moved = fb.Model("y ~ z", data, offset=2 * data["x"]).least_squares()
    by_hand = fb.Model("rest ~ z", data.assign(rest=data["y"] - 2 * data["x"])).least_squares()
    pd.testing.assert_frame_equal(moved, by_hand, rtol=1e-11)


def test_prior_log_density_agrees_with_scipy() -> None:
    from filbert import _core
    from scipy import stats

    references = {
        ("Normal", (1.0, 2.0)): stats.norm(1, 2),
        ("StudentT", (3.0, 1.0, 2.0)): stats.t(3, 1, 2),
        ("Cauchy", (1.0, 2.0)): stats.cauchy(1, 2),
        ("Laplace", (1.0, 2.0)): stats.laplace(1, 2),
        ("Uniform", (-1.0, 2.0)): stats.uniform(-1, 3),
        ("HalfNormal", (2.0,)): stats.halfnorm(scale=2),
        ("HalfCauchy", (2.0,)): stats.halfcauchy(scale=2),
        ("Exponential", (2.0,)): stats.expon(scale=0.5),
        ("Gamma", (2.0, 3.0)): stats.gamma(2, scale=1 / 3),
        ("InverseGamma", (2.0, 3.0)): stats.invgamma(2, scale=3),
    }
    for (name, parameters), reference in references.items():
        value, _ = _core.prior_log_density(name, parameters, 1.3)
        assert value == pytest.approx(reference.logpdf(1.3), rel=1e-12), name
    value, _ = _core.prior_log_density("HalfStudentT", (4.0, 2.0), 1.3)
    assert value == pytest.approx(stats.t(4, scale=2).logpdf(1.3) + np.log(2), rel=1e-12)


def test_no_module_shadows_a_public_name():
    """A submodule becomes an attribute of the package once it is imported, in the place of a function of its name."""
    modules = {module.name for module in pkgutil.iter_modules(fb.__path__)}
    assert modules & set(fb.__all__) == {"interpret"}  # which is that module
