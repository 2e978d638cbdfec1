# %% [markdown]
# # Wells in Bangladesh: a logistic regression
#
# Many wells in Araihazar have more arsenic than is safe. 3020 households with such a well were told so, and some years
# later it was asked who had switched to another one (Gelman and Hill 2006, chapter 5). What makes a household switch:
# the arsenic of its own well (in units of 100 µg/l), or the distance to the nearest safe one (in metres)?

# %%
from pathlib import Path

import arviz as az
import filbert as fb
import numpy as np
import pandas as pd

SEED = 11
here = Path("examples") if Path("examples/wells.csv").exists() else Path()
wells = pd.read_csv(here / "wells.csv")
wells["dist100"] = wells["dist"] / 100
wells.describe().round(2)

# %% [markdown]
# ## The model and its priors
#
# `switched` is 0 or 1, and its log odds are linear in the predictors. Printing the model shows the default priors,
# which are wide for log odds: a standard deviation of a predictor changes them by 1 or so.

# %%
model = fb.Model("switched ~ dist100 + arsenic", wells, family="bernoulli")
model

# %%
idata = model.fit(random_seed=SEED)
fb.summary(idata)

# %% [markdown]
# ## Odds ratios
#
# Exponentiated, a coefficient is what the odds of switching are multiplied by: for 100 m more, and for 100 µg/l more.
# A function of parameters is computed draw by draw.

# %%
odds_ratios = pd.DataFrame({name: np.exp(idata.posterior[name].to_numpy().ravel()) for name in ("dist100", "arsenic")})
odds_ratios.describe(percentiles=[0.03, 0.5, 0.97]).T.drop(columns=["count", "min", "max"]).round(3)

# %% [markdown]
# ## Does it fit?
#
# Households in ten bins of predicted probability: in each, the share that switched should be near the diagonal, within
# what data from the model itself do. It is, everywhere.

# %%
axes = fb.plot_calibration(model, idata)

# %% [markdown]
# Over arsenic alone there is more to see. The shares of the data (diamonds) rise steeply at first and then level off,
# across the curve: should a factor of two count, and not a difference?

# %%
axes = fb.plot_lm(model, idata, x="arsenic", num_samples=0)

# %%
logarithmic = fb.Model("switched ~ dist100 + log(arsenic)", wells, family="bernoulli")
fits = {"arsenic": idata, "log(arsenic)": logarithmic.fit(random_seed=SEED)}
for name, each in {"arsenic": model, "log(arsenic)": logarithmic}.items():
    each.log_likelihood(fits[name])
az.compare(fits)

# %% [markdown]
# Leave-one-out cross-validation agrees: the logarithm predicts better, by several standard errors of the difference.

# %%
model, idata = logarithmic, fits["log(arsenic)"]
axes = fb.plot_lm(model, idata, x="arsenic", num_samples=0)

# %% [markdown]
# ## On the scale of probabilities
#
# Curves over arsenic at three distances. Those of logistic models are not parallel: what a distance changes depends on
# where on the curve a household is.

# %% picture="wells_predictions"
axes = fb.plot_predictions(
    model, idata, conditional={"arsenic": np.linspace(0.5, 6, 50), "dist100": [0.0, 0.5, 1.5]}, points=True
)

# %% [markdown]
# One number for all: the average over the households of what a change does to the probability of each (the average
# marginal effect). First 100 m more for everybody, then twice the arsenic.

# %%
fb.comparisons(model, idata, contrast="dist100", average_by="all")

# %%
twice = {"arsenic": [1.0, 2.0]}
fb.comparisons(model, idata, contrast=twice, average_by="all")

# %% [markdown]
# The same by how far the next safe well is: `average_by` takes any column of the data.

# %%
wells["nearest"] = pd.cut(wells["dist"], [0, 50, 100, 350], labels=["under 50 m", "50 to 100 m", "over 100 m"])
fb.comparisons(model, idata, contrast=twice, average_by="nearest", data=wells)
