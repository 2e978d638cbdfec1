# %% [markdown]
# # Counts: rates with an offset, and more scatter than a Poisson's
#
# Two small classics: damage to ships, where months at sea differ, and days that children were absent from school, which
# scatter far more than counts of independent events do.

# %%
import warnings
from pathlib import Path

import arviz as az
import filbert as fb
import numpy as np
import pandas as pd

SEED = 5
here = Path("examples") if Path("examples/ships.csv").exists() else Path()
ships = pd.read_csv(here / "ships.csv")
ships.head()

# %% [markdown]
# ## Incidents per month of service
#
# Waves damaged the bows of cargo ships of five types, built and operated in different years (McCullagh and Nelder
# 1983). A ship that is at sea twice as long has twice the incidents to expect: `offset(log(service))` adds the
# logarithm of the months to the linear predictor, with no coefficient, so that the others are about incidents per
# month.

# %%
model = fb.Model("incidents ~ type + year + period + offset(log(service))", ships, family="poisson")
idata = model.fit(random_seed=SEED)
fb.summary(idata)

# %% [markdown]
# Exponentiated, coefficients are ratios of rates: later years of operation (`p75`) had more incidents per month.

# %%
ratio = np.exp(idata.posterior["period"].to_numpy().ravel())
print(f"Rate ratio of the later period: {ratio.mean():.2f}, 94 % in {np.quantile(ratio, [0.03, 0.97]).round(2)}.")

# %%
axes = fb.plot_predictions(model, idata, conditional={"type": None, "period": None, "service": [1000.0]})
text = axes[0].set_ylabel("incidents in 1000 months of service")

# %% [markdown]
# ## Days absent from school
#
# 146 children in rural New South Wales (Aitkin 1978): age group, sex, ethnicity, and whether they learn slowly.

# %%
children = pd.read_csv(here / "quine.csv")
formula = "days ~ ethnicity + age + sex + learner"
poisson = fb.Model(formula, children, family="poisson")
poisson_fit = poisson.fit(random_seed=SEED)
axes = fb.plot_rootogram(poisson, poisson_fit)

# %% [markdown]
# How many children missed each number of days, hanging from how many the model expects. The bars hang far below zero at
# both ends and above it in the middle: the days scatter more than a Poisson distribution allows, and the intervals of
# this fit are much too narrow. A negative binomial distribution has a parameter for that, `alpha`: the variance is
# µ + µ²/alpha.

# %% picture="quine_rootogram"
negative_binomial = fb.Model(formula, children, family="negativebinomial")
negative_binomial_fit = negative_binomial.fit(random_seed=SEED)
axes = fb.plot_rootogram(negative_binomial, negative_binomial_fit)

# %%
pd.concat({"poisson": fb.summary(poisson_fit), "negativebinomial": fb.summary(negative_binomial_fit)}).iloc[:, :4]

# %% [markdown]
# The standard deviations are three times as large, which is what the data say: a few children are absent often, for
# reasons that no column has. Prediction agrees, by hundreds of units of the log score.

# %%
fits = {"poisson": poisson_fit, "negativebinomial": negative_binomial_fit}
for name, each in {"poisson": poisson, "negativebinomial": negative_binomial}.items():
    each.log_likelihood(fits[name])
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the table has it too: the Poisson fit leans on three children (k > 0.7)
    comparison = az.compare(fits)
comparison

# %% [markdown]
# How many days fewer or more, averaged over the children:

# %%
axes = fb.plot_comparisons(negative_binomial, negative_binomial_fit, contrast="ethnicity", average_by="age")
