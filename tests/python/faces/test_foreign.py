"""Arguments of bambi and PyMC that filbert lacks are refused with a sentence, and never by a bare TypeError."""

from __future__ import annotations

import copy
import inspect
import pickle
import re

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.errors import FilbertError

RNG = np.random.default_rng(1)
DATA = pd.DataFrame({"x": RNG.normal(size=50), "y": RNG.normal(size=50)})


@pytest.fixture(scope="module")
def model() -> fb.Model:
    return fb.Model("y ~ x", DATA)


@pytest.fixture(scope="module")
def idata(model: fb.Model):
    return model.fit(random_seed=1)


# bambi 0.21.0: the names of its arguments.
OF_BAMBI = {
    fb.Model.__init__: "formula data family priors link categorical potentials dropna auto_scale noncentered "
    "center_predictors extra_namespace",
    fb.Model.fit: "draws tune discard_tuned_samples omit_offsets include_mean include_response_params inference_method "
    "init n_init chains cores random_seed nuts",
    fb.Model.predict: "idata kind data inplace include_group_specific sample_new_groups random_seed",
    fb.Model.set_priors: "priors common group_specific",
    fb.Model.prior_predictive: "draws var_names omit_offsets random_seed",
    fb.Model.r2_score: "idata summary",
    fb.Model.compute_log_likelihood: "idata data inplace",
    fb.Prior.__init__: "name auto_scale dist noncentered",
}


@pytest.mark.parametrize("function", OF_BAMBI, ids=lambda function: function.__qualname__)
def test_every_argument_of_bambi_is_known(function, model) -> None:
    missing = dict.fromkeys(set(OF_BAMBI[function].split()) - set(inspect.signature(function).parameters))
    if not missing:
        return
    if function is fb.Model.__init__:
        fb.Model("y ~ x", DATA, **missing)
    else:
        assert function is fb.Model.fit
        model.fit(random_seed=1, **missing)


REFUSED = [
    (lambda m, i: fb.Model("y ~ x", DATA, potentials=[("x", lambda x: x)]), "Model: potentials= is not available"),
    (lambda m, i: fb.Model("y ~ x", DATA, prior={}), r"no argument 'prior'\. Did you mean 'priors'\?"),
    (lambda m, i: fb.Model("y ~ x", DATA, automatic_priors="mle"), "no argument 'automatic_priors'"),
    (lambda m, i: m.fit(inference_method="vi"), "inference_method='vi' is not available.*NUTS"),
    (lambda m, i: m.fit(inference_method="laplace"), "inference_method='laplace' is not available"),
    (lambda m, i: m.fit(inference_method=3), "inference_method must be a name"),
    (lambda m, i: m.fit(method="advi"), "method='advi' is not available"),
    (lambda m, i: m.fit(nuts_sampler="stan"), "nuts_sampler='stan'"),
    (lambda m, i: m.fit(step=object()), "step= is not available. There is one sampler"),
    (lambda m, i: m.fit(initvals={"x": 1}), "initvals= is not available"),
    (lambda m, i: m.fit(callback=print), "callback= is not available"),
    (lambda m, i: m.fit(var_names=["x"]), "var_names= is not available"),
    (lambda m, i: m.fit(trace="db"), r"trace= is not available.*to_netcdf"),
    (lambda m, i: m.fit(return_inferencedata=False), "return_inferencedata=False"),
    (lambda m, i: m.fit(nuts={"target_acept": 0.9}), "nuts has 'target_acept'. Did you mean 'target_accept'"),
    (lambda m, i: m.fit(nuts=0.9), "nuts must be a dict"),
    (lambda m, i: m.fit(nuts={"target_accept": 2}), "target_accept must be between 0 and 1"),
    (lambda m, i: m.fit(nuts_sampler_kwargs={"maxdepth": 3}), "nuts_sampler_kwargs has 'maxdepth'"),
    (lambda m, i: m.fit(idata_kwargs={"log_prior": True}), "idata_kwargs has 'log_prior'"),
    (lambda m, i: m.fit(idata_kwargs={"log_likelihood": "y"}), "idata_kwargs.'log_likelihood'. must be True"),
    (lambda m, i: m.fit(idata_kwargs=True), "idata_kwargs must be a dict"),
    (lambda m, i: m.fit(init="advi"), "init must be 'jitter'"),
    (lambda m, i: m.fit(draw=5), "Model.fit has no argument 'draw'. Did you mean 'draws'"),
    (lambda m, i: m.fit(1000, 1000, True), "chains must be a whole number, not True"),
    (lambda m, i: m.predict(i, sample_new_groups="yes"), "sample_new_groups must be True or False"),
    (lambda m, i: m.predict(i, hsgp_dict=None), "Model.predict has no argument 'hsgp_dict'"),
    (lambda m, i: m.predict(i, "response", None, True, True), "random_seed must be a non-negative int"),
    (lambda m, i: m.prior_predictive(var_names="z"), "var_names has 'z'"),
    (lambda m, i: m.prior_predictive(samples=5), "Model.prior_predictive has no argument 'samples'"),
    (lambda m, i: m.compute_log_likelihood(i, DATA), "data= is not available"),
    (lambda m, i: m.plot_priors(hdi_prob=0.9), "hdi_prob= is not available.*exact densities"),
    (lambda m, i: m.plot_priors(colour="red"), "no argument 'colour'"),
    (lambda m, i: m.set_priors(group_specific=fb.Normal()), "no group-specific terms"),
    (lambda m, i: m.set_priors({"x": fb.Normal()}, x=fb.Flat()), "two priors for 'x'"),
    (lambda m, i: m.set_priors(sigm=fb.HalfNormal()), "Did you mean 'sigma'"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_refused_with_a_sentence(call, message, model, idata) -> None:
    with pytest.raises(FilbertError, match=message) as caught:
        call(model, idata)
    assert str(caught.value).endswith((".", "?"))


def test_arguments_without_effect_give_the_same_draws(model, idata) -> None:
    again = model.fit(
        random_seed=1,
        inference_method="NUTS",
        n_init=3,
        omit_offsets=False,
        step=None,
        initvals=None,
        nuts=None,
        nuts_sampler="nutpie",
        jitter_max_retries=2,
        idata_kwargs={"log_likelihood": False},
        compute_convergence_checks=True,
        return_inferencedata=True,
        quiet=True,
        include_mean=None,
    )
    np.testing.assert_array_equal(again["posterior"]["x"].values, idata["posterior"]["x"].values)
    assert "mu" not in again["posterior"]


def test_convergence_checks_can_be_left_out(model) -> None:
    with pytest.warns(fb.ConvergenceWarning):
        model.fit(draws=20, chains=1, random_seed=1)
    model.fit(draws=20, chains=1, random_seed=1, compute_convergence_checks=False)


def test_the_log_likelihood_on_request_is_that_of_the_method(model) -> None:
    with_it = model.fit(random_seed=1, idata_kwargs={"log_likelihood": True})
    by_hand = model.log_likelihood(model.fit(random_seed=1), inplace=False)
    np.testing.assert_array_equal(with_it["log_likelihood"]["y"].values, by_hand["log_likelihood"]["y"].values)


@pytest.mark.parametrize(
    ("name", "instead"), [("graph", "print(model)"), ("set_alias", "rename"), ("compute_log_prior", "model.priors")]
)
def test_methods_of_bambi_that_are_missing_say_what_there_is(model, name, instead) -> None:
    with pytest.raises(AttributeError, match=re.escape(instead)):
        getattr(model, name)
    assert not hasattr(model, "nothing_of_the_kind")


@pytest.mark.parametrize(
    ("name", "instead"), [("Formula", "a formula is a text"), ("load_data", "pandas"), ("Family", "CustomFamily")]
)
def test_names_of_bambi_that_are_missing_say_what_there_is(name, instead) -> None:
    with pytest.raises(AttributeError, match=f"{name}.*of bambi.s.*{instead}"):
        getattr(fb, name)
    assert not hasattr(fb, "nothing")


def test_models_are_copied_and_pickled_all_the_same(model) -> None:
    for other in (copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other.priors == model.priors


def test_a_prior_given_again_with_other_spaces_replaces_the_first() -> None:
    model = fb.Model("y ~ x + I(x**2)", DATA, priors={"I(x**2)": fb.Normal(0, 1)})
    model.set_priors({"I(x ** 2)": fb.Normal(0, 2)})
    assert model.priors["I(x ** 2)"] == fb.Normal(0, 2)
    model.set_priors({"I( x**2 )": fb.Normal(0, 3)})
    assert model.priors["I(x ** 2)"] == fb.Normal(0, 3)
    assert list(model.given_priors.values()) == [fb.Normal(0, 3)]
