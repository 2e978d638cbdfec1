"""How draws are put into containers: under the right labels, and without a copy."""

from __future__ import annotations

import numpy as np
from filbert.priors.prior import Prior
from filbert.regression.parameters import ChosenPrior, Parameter
from filbert.results.container import parameters_group

VALUES = np.random.default_rng(7).normal(size=(9, 4, 25))  # rows, chains, draws


def group_of(rows, dims=(), coordinates=None):
    chosen = ChosenPrior(Prior("Normal", mu=0, sigma=1), True, "")
    return parameters_group(VALUES, [Parameter("b", np.asarray(rows), chosen, None, dims, coordinates or {})], {})


def test_rows_that_follow_each_other_are_not_copied():
    """Draws of the effects of many groups are most of what a fit holds, and a copy would be as much again."""
    labels = {"f": np.array(["u", "v"]), "g": np.array(["a", "b", "c"])}
    for rows, dims in ((4, ()), ([3, 4, 5], ("g",)), ([[3, 4, 5], [6, 7, 8]], ("f", "g"))):
        group = group_of(rows, dims, {dim: labels[dim] for dim in dims})
        np.testing.assert_array_equal(group["b"], np.moveaxis(VALUES[np.array(rows)], (-2, -1), (0, 1)))
        assert np.shares_memory(group["b"].values, VALUES)
        assert list(group.coords) == ["chain", "draw", *dims]


def test_rows_in_another_order_keep_it():
    for rows in ([5, 3, 4], [0, 2, 3], [3, 2, 1]):
        group = group_of(rows, ("g",), {"g": np.array(["a", "b", "c"])})
        np.testing.assert_array_equal(group["b"].sel(g="b"), VALUES[rows[1]])
        np.testing.assert_array_equal(group["b"].sel(g="c"), VALUES[rows[2]])
