# %% [markdown]
# # Linear regression: the inference button
#
# Most statistics is done by people who are not statisticians, and what keeps them from Bayesian methods is usability.
# This notebook goes from data to posterior predictions twice: once with every prior written down, once with a formula
# and one call. It follows the outline of PyMC's tutorial *GLM: Linear regression* (Thomas Wiecki), whose model code
# runs here unchanged; each fit takes some hundredths of a second.

# %%
import arviz as az
import filbert as fb
import filbert.explicit as pm
import numpy as np
import pandas as pd

RANDOM_SEED = 8927
rng = np.random.default_rng(RANDOM_SEED)

# %% [markdown]
# ## Data
#
# A straight line, `y = 1 + 2 x`, with normal noise.

# %%
size = 200
true_intercept = 1
true_slope = 2

x = np.linspace(0, 1, size)
true_regression_line = true_intercept + true_slope * x
y = true_regression_line + rng.normal(scale=0.5, size=size)
data = pd.DataFrame({"x": x, "y": y})
data.head()

# %%
axes = fb.plot_lm(fb.Model("y ~ x", data), true_line=(true_intercept, true_slope))

# %% [markdown]
# ## The model, written out
#
# Priors first, then the likelihood. `mu` may be any expression that is linear in the parameters; what is not is
# refused on the line that writes it. Nothing is compiled when the model runs.

# %%
with pm.Model() as model:
    sigma = pm.HalfCauchy("sigma", beta=10)
    intercept = pm.Normal("Intercept", 0, sigma=20)
    slope = pm.Normal("slope", 0, sigma=20)

    likelihood = pm.Normal("y", mu=intercept + slope * x, sigma=sigma, observed=y)

    idata = pm.sample(3000, random_seed=RANDOM_SEED)

print(model)

# %% [markdown]
# ## The same in one line
#
# A formula says the same: an intercept is understood, and parameters are named after the columns. Priors that are not
# given are scaled by the data; printing the model shows them, and which intercept the prior of `Intercept` is about.

# %%
model = fb.Model("y ~ x", data)
idata = model.fit(draws=3000, random_seed=RANDOM_SEED)
print(model)

# %% [markdown]
# ## Looking at the posterior
#
# Left, the marginal posterior of each parameter, a line a chain; right, the chains themselves. They should lie on
# each other and wander about one level. `idata` is the object that ArviZ reads, so that all of its functions work on
# it.

# %%
axes = fb.plot_trace(idata)

# %%
az.summary(idata)

# %% [markdown]
# Each parameter has a distribution, not a number, and the truth (1, 2 and 0.5) is well inside. The classical
# estimates, from the same pass over the data, for comparison:

# %%
fb.summary(model, idata, least_squares=True)

# %% [markdown]
# ## Regression lines
#
# Every draw of the posterior is a regression line that the data allow. A hundred of them show how sure we can be of
# the line; the band holds 94 % of them at each x.

# %% picture="regression_lines"
axes = fb.plot_lm(model, idata, true_line=(true_intercept, true_slope), num_samples=100)

# %% [markdown]
# ## Checks
#
# Before the fit: do the priors allow what could be seen, and not much else? After it: does the model produce data
# like ours, and how much of the variance does it explain? `log_likelihood` is what `az.loo` and `az.compare` need.

# %%
axes = fb.plot_prior_posterior(model, idata)

# %%
prior = model.prior_predictive(draws=1000, random_seed=RANDOM_SEED)
simulated = prior["prior_predictive"]["y"].to_numpy()
print(f"Prior predictive: 90 % of responses within {np.quantile(simulated, [0.05, 0.95]).round(1)}.")

model.predict(idata, kind="response", random_seed=RANDOM_SEED)
replicated = idata["posterior_predictive"]["y"].std(dim="__obs__").to_numpy()
print(f"Standard deviation of y: {y.std():.2f}; of replicated data: {replicated.mean():.2f} ± {replicated.std():.2f}.")
print(f"R²: {model.r2(idata)['r2']:.2f}")

# %%
model.log_likelihood(idata)
az.loo(idata)

# %% [markdown]
# ## Predictions
#
# The mean response at new values of x, and where a new observation would fall. Transforms and levels are those of the
# fit.

# %%
new = pd.DataFrame({"x": [0.25, 0.5, 1.5]})
fb.predictions(model, idata, data=new)

# %%
fb.predictions(model, idata, data=new, pps=True, random_seed=RANDOM_SEED)
