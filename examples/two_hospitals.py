"""Two hospitals that may not share patients' rows exchange summaries, and both get the posterior of all patients."""

import tempfile
from pathlib import Path

import filbert as fb
import numpy as np
import pandas as pd

FORMULA = "stay ~ age * treatment + C(ward)"
LEVELS = {"treatment": ["new", "old"], "ward": [1, 2, 3, 4]}


def patients(n: int, wards: list[int], older: float, seed: int) -> pd.DataFrame:
    """Make up a hospital's patients."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.normal(50 + older, 12, n).clip(18, 95),
            "treatment": rng.choice(LEVELS["treatment"], n),
            "ward": rng.choice(wards, n),
        }
    )
    effect = 0.05 * frame.age - 2 * (frame.treatment == "new") + 0.5 * frame.ward
    return frame.assign(stay=3 + effect + rng.normal(0, 1.5, n))


# Neither hospital has all wards, nor would show its patients.
hospitals = {"north": patients(400, [1, 2], 0, 1), "south": patients(250, [2, 3, 4], 10, 2)}
exchange = Path(tempfile.mkdtemp())

# Beforehand they agree on what is summarised: formula, levels, and which of them is the reference. A made-up table
# that has every combination of levels says it all, and its model goes to both.
made_up = pd.MultiIndex.from_product([[20.0, 50.0, 80.0], *LEVELS.values()], names=["age", *LEVELS]).to_frame(
    index=False
)
made_up["stay"] = np.arange(len(made_up)) % 7.0
fb.Model(FORMULA, made_up).save(exchange / "agreed.filbert")

# Each hospital summarises its own rows in these columns, and sends a file of a few kilobytes.
for name, rows in hospitals.items():
    agreed = fb.load(exchange / "agreed.filbert")
    agreed.summarise(rows).save(exchange / f"{name}.summary")

# Either of them, or anybody, merges the files, and has the model of all patients.
summaries = [fb.SufficientStatistics.load(path) for path in sorted(exchange.glob("*.summary"))]
pooled = summaries[0].merge(summaries[1])
model = fb.Model.from_summary(pooled, like=fb.load(exchange / "agreed.filbert"))
idata = model.fit(random_seed=1, progressbar=False)
print(model)
print(fb.summary(model, idata))
typical = pd.DataFrame({"age": [50.0, 50.0], "treatment": LEVELS["treatment"], "ward": [2, 2]})
print(fb.predictions(model, idata, data=typical))

# The same as if all rows had been in one table: least squares and default priors to rounding, and so the posterior.
together = fb.Model(FORMULA, pd.concat(hospitals.values(), ignore_index=True))
pd.testing.assert_frame_equal(model.least_squares(), together.least_squares(), rtol=1e-9)
for name, prior in together.priors.items():
    for key, value in prior.params.items():
        np.testing.assert_allclose(model.priors[name].params[key], value, rtol=1e-9)
of_rows = fb.summary(together, together.fit(random_seed=1, progressbar=False))
error = (of_rows["mean"] - fb.summary(model, idata)["mean"]).abs() / of_rows["sd"]
assert error.max() < 0.1  # of two runs of 4000 draws
assert model.regression.rows is None

# Next month the south has 40 more patients: their summary is merged in, and the fit takes milliseconds again.
model = fb.Model.from_summary(
    pooled.merge(fb.load(exchange / "agreed.filbert").summarise(patients(40, [3], 10, 3))), like=model
)
assert model.sufficient_statistics.n_rows == 690

sizes = {path.name: path.stat().st_size for path in sorted(exchange.iterdir())}
print(f"What was exchanged, in bytes: {sizes}.")
