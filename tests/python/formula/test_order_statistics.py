"""Quantiles of columns that come in parts are exact, whether values are kept or their digits counted."""

from __future__ import annotations

import numpy as np
import pytest
from filbert.formula import order_statistics
from filbert.formula.order_statistics import OrderStatistics


@pytest.mark.parametrize("most_kept", [1 << 22, 300, 0])
def test_order_statistics_are_exact(most_kept, monkeypatch):
    monkeypatch.setattr(order_statistics, "_MOST_KEPT", most_kept)
    rng = np.random.default_rng(7)
    values = np.concatenate([rng.normal(size=5000) * 100, np.round(rng.normal(size=3000)), [-0.0, 0.0, 1e300, -1e-300]])
    order = OrderStatistics([0, 0.01, 0.25, 0.5, 0.9, 0.999, 1])
    found = None
    while found is None:
        for part in np.array_split(values, 7):
            order.fold(part)
        found = order.end_of_pass()
    assert np.array_equal(found, np.quantile(values, order.quantiles))


def test_order_statistics_merge(monkeypatch):
    monkeypatch.setattr(order_statistics, "_MOST_KEPT", 100)
    values = np.random.default_rng(8).normal(size=3000)
    order, found = OrderStatistics([0.1, 0.5]), None
    while found is None:
        states = []
        for part in np.array_split(values, 5):
            states.append(order.fresh())
            states[-1].fold(part)
        merged = states[0].fresh()  # which has nothing of the first
        for state in states:
            merged.merge(state)
        order, found = merged, merged.end_of_pass()
    assert np.array_equal(found, np.quantile(values, order.quantiles))
