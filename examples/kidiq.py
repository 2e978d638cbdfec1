# %% [markdown]
# # Children's test scores: a factor, an interaction, and which model to believe
#
# 434 children, their test score at the age of three or four, whether the mother finished high school, and her IQ
# (Gelman and Hill 2006, chapter 3). Does the mother's IQ matter as much in both groups, and what would we expect of
# another child?

# %%
from pathlib import Path

import arviz as az
import filbert as fb
import pandas as pd

SEED = 3
here = Path("examples") if Path("examples/kidiq.csv").exists() else Path()
children = pd.read_csv(here / "kidiq.csv")
children["mother"] = children["mom_hs"].map({0: "no high school", 1: "high school"})
children.head()

# %% [markdown]
# ## Three models
#
# One slope for all, a shift between the groups, and a slope for each group. `center(mom_iq)` makes the intercept the
# score at the mean IQ.

# %%
formulas = {
    "IQ": "kid_score ~ center(mom_iq)",
    "IQ + school": "kid_score ~ center(mom_iq) + mother",
    "IQ * school": "kid_score ~ center(mom_iq) * mother",
}
models = {name: fb.Model(formula, children) for name, formula in formulas.items()}
fits = {name: model.fit(random_seed=SEED) for name, model in models.items()}
models["IQ * school"]

# %%
axes = fb.plot_forest(fits["IQ * school"], var_names=["mother", "center(mom_iq)", "center(mom_iq):mother"])

# %%
fb.summary(models["IQ * school"], fits["IQ * school"], least_squares=True)

# %% [markdown]
# ## Which one predicts best?
#
# Leave-one-out cross-validation, from the pointwise log likelihood.

# %%
for name, model in models.items():
    model.log_likelihood(fits[name])
az.compare(fits)

# %% [markdown]
# The interaction predicts best, though not by much for the uncertainty of the comparison (`dse`). What it says: an IQ
# point of the mother goes with more of a score where she did not finish high school.

# %%
best, idata = models["IQ * school"], fits["IQ * school"]
fb.slopes(best, idata, wrt="mom_iq", conditional="mother")

# %% picture="kidiq_predictions"
axes = fb.plot_predictions(best, idata, conditional=["mom_iq", "mother"])

# %% [markdown]
# The difference that the mother's schooling makes, at three values of her IQ:

# %%
fb.comparisons(best, idata, contrast="mother", conditional={"mom_iq": [85, 100, 115]})

# %% [markdown]
# ## Another child
#
# The mother's IQ is 110 and she did not finish high school. The first row is the mean of such children, the second is
# where one child of them would fall: knowing the mean well does not make a single child predictable.

# %%
child = pd.DataFrame({"mom_iq": [110.0], "mother": ["no high school"]})
pd.concat(
    {
        "mean of such children": fb.predictions(best, idata, data=child),
        "this child": fb.predictions(best, idata, data=child, pps=True, random_seed=SEED),
    }
)

# %% [markdown]
# ## Keeping the model
#
# A saved model has the formula, what its terms learnt, the priors and the summary of the data, not the rows. It
# predicts, and can be fitted again with other priors.

# %%
import tempfile

with tempfile.TemporaryDirectory() as folder:
    best.save(Path(folder) / "kidiq.filbert")
    again = fb.load(Path(folder) / "kidiq.filbert")
again.set_priors(common=fb.Normal(0, 1))
fb.summary(again.fit(random_seed=SEED))
