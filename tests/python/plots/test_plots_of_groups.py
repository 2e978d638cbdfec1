"""Pictures of mixed models: the numbers that are drawn, what is left out and said so, and refusals."""

from __future__ import annotations

import filbert as fb
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from filbert.errors import SettingError
from filbert.interpret import group_lines
from filbert.plots import groups as plots_of_groups
from filbert.results.summary import hdi
from group_models import FRAME, fitted, values
from picture_checks import check_legible, drawn

mpl.use("agg")
import matplotlib.pyplot as plt

SLOPES = "y ~ x + (x | g)"


@pytest.fixture(autouse=True)
def no_figures_left():
    yield
    plt.close("all")


def line(axes, label):
    (found,) = [one for one in axes.lines if one.get_label() == label]
    return found


def segments(axes):
    """Ends of the thin and the thick intervals, (groups, 2) each."""
    collections = [c for c in axes.collections if isinstance(c, mpl.collections.LineCollection)]
    return [np.array([one[:, 0] for one in c.get_segments()]) for c in collections]


# Effects of groups


def test_effects_are_sorted_with_their_intervals():
    model, idata = fitted(SLOPES)
    axes = fb.plot_group_effects(model, idata, hdi_prob=0.9)
    assert [one.get_title(loc="left") for one in axes] == ["1|g", "x|g"]
    for one, effect in zip(axes, ("1|g", "x|g"), strict=True):
        draws = values(idata, effect)
        order = np.argsort(draws.mean(axis=0))
        np.testing.assert_allclose(one.lines[1].get_xdata(), draws.mean(axis=0)[order])
        assert [text.get_text() for text in one.get_yticklabels()] == ["abcdefgh"[place] for place in order]
        thin, thick = segments(one)
        np.testing.assert_allclose(thin, [hdi(draws[:, place], 0.9) for place in order], rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(thick, [hdi(draws[:, place], 0.5) for place in order], rtol=1e-6, atol=1e-9)
    assert axes[0].get_figure().get_supxlabel() == "effect: mean, 50 % and 90 % HDI"
    check_legible(axes)


def test_a_factor_can_be_chosen_and_the_axes_be_the_users():
    model, idata = fitted("y ~ x + (1 | g/h)")
    figure, mine = plt.subplots()
    (axes,) = fb.plot_group_effects(model, idata, "g:h", ax=mine)
    assert axes is mine
    assert axes.get_title(loc="left") == "1|g:h"
    assert len(axes.get_yticklabels()) == 24
    assert "50 % and 94 % HDI" in axes.get_xlabel()
    assert figure.get_supxlabel() == ""


def test_of_many_groups_and_effects_some_are_drawn_and_the_picture_says_so(monkeypatch):
    model, idata = fitted("y ~ x + (x | g) + (1 | k)")
    monkeypatch.setattr(plots_of_groups, "MOST_GROUPS", 5)
    monkeypatch.setattr(plots_of_groups, "MOST_EFFECTS", 2)
    axes = fb.plot_group_effects(model, idata)
    assert len(axes) == 2
    note = axes[0].get_figure().get_suptitle()
    assert note == "2 of 3 effects; left out: 1|k\n5 of 8 groups, evenly spread by their means"
    means = np.sort(values(idata, "1|g").mean(axis=0))
    np.testing.assert_allclose(axes[0].lines[1].get_xdata(), means[[0, 2, 4, 5, 7]])
    check_legible(axes)


# Groups and their lines


def test_lines_of_groups_are_means_of_draws():
    model, idata = fitted(SLOPES)
    axes = fb.plot_groups(model, idata, prob=0.9, no_pooling=True)
    assert [one.get_title(loc="left") for one in axes] == list("abcdefgh")
    b = {name: values(idata, name) for name in ("Intercept", "x", "1|g", "x|g")}
    for place, (one, group) in enumerate(zip(axes, "abcdefgh", strict=True)):
        own = FRAME[FRAME.g == group]
        np.testing.assert_array_equal(one.collections[0].get_offsets(), own[["x", "y"]])
        at = line(one, "group").get_xdata()
        assert (at[0], at[-1]) == (FRAME.x.min(), FRAME.x.max())
        common = b["Intercept"][:, None] + b["x"][:, None] * at
        conditional = common + b["1|g"][:, place, None] + b["x|g"][:, place, None] * at
        np.testing.assert_allclose(line(one, "group").get_ydata(), conditional.mean(axis=0), rtol=1e-9)
        np.testing.assert_allclose(line(one, "population").get_ydata(), common.mean(axis=0), rtol=1e-9)
        corners = one.collections[1].get_paths()[0].vertices
        low = np.quantile(conditional[:, -1], 0.05)
        assert np.isclose(corners, [at[-1], low], rtol=1e-6).all(axis=1).any()
        alone = line(one, "its rows alone")
        slope, intercept = np.polyfit(own.x, own.y, 1)
        np.testing.assert_allclose(alone.get_ydata(), intercept + slope * alone.get_xdata(), rtol=1e-8)
        assert own.x.min() <= alone.get_xdata().min() < alone.get_xdata().max() <= own.x.max()
    figure = axes[0].get_figure()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "data", "90 % interval", "group", "population", "its rows alone",
    ]  # fmt: skip
    assert (figure.get_supxlabel(), figure.get_supylabel()) == ("x", "y")
    check_legible(axes)


def test_other_predictors_are_as_in_the_group_and_other_factors_add_nothing():
    frame = FRAME.assign(z=FRAME.g.map(dict(zip("abcdefgh", range(8), strict=True))), s=FRAME.g.isin(["a", "c"]))
    model = fb.Model("y ~ x * s + z + (x | g) + (1 | g:h) + (1 | k)", frame)
    idata = model.fit(draws=100, random_seed=1, progressbar=False, compute_convergence_checks=False)
    (axes,) = fb.plot_groups(model, idata, "x", groups=["c"])
    at = line(axes, "population").get_xdata()
    b = {name: values(idata, name).squeeze() for name in ("Intercept", "x", "s", "x:s", "z", "1|g", "x|g")}
    common = (b["Intercept"] + b["s"] + 2 * b["z"])[:, None] + (b["x"] + b["x:s"])[:, None] * at
    np.testing.assert_allclose(line(axes, "population").get_ydata(), common.mean(axis=0), rtol=1e-9)
    conditional = common + b["1|g"][:, 2, None] + b["x|g"][:, 2, None] * at
    np.testing.assert_allclose(line(axes, "group").get_ydata(), conditional.mean(axis=0), rtol=1e-9)


def test_combinations_and_numbers_as_groups():
    frame = FRAME.assign(n=FRAME.g.map(dict(zip("abcdefgh", range(1, 9), strict=True))), f=FRAME.f.astype("category"))
    model = fb.Model("y ~ x + f + (1 | n:h)", frame)
    idata = model.fit(draws=100, random_seed=1, progressbar=False, compute_convergence_checks=False)
    axes = fb.plot_groups(model, idata, "x", groups=["3:q", "8:p"])
    effects = values(idata, "1|n:h").mean(axis=0)
    labels = [f"{n}:{h}" for n in range(1, 9) for h in "pqr"]
    for one, label in zip(axes, ("3:q", "8:p"), strict=True):
        shift = line(one, "group").get_ydata() - line(one, "population").get_ydata()
        np.testing.assert_allclose(shift, effects[labels.index(label)], rtol=1e-8)


def test_an_offset_is_taken_off_data_and_lines():
    model, idata = fitted("y ~ x + offset(o) + (x | g)", weights="w")
    axes = fb.plot_groups(model, idata, "x", groups=["b"], no_pooling=True)[0]
    own = FRAME[FRAME.g == "b"]
    np.testing.assert_allclose(axes.collections[0].get_offsets()[:, 1], own.y - own.o)
    slope, intercept = np.polyfit(own.x, own.y - own.o, 1, w=np.sqrt(own.w))
    alone = line(axes, "its rows alone")
    np.testing.assert_allclose(alone.get_ydata(), intercept + slope * alone.get_xdata(), rtol=1e-8)
    assert axes.get_figure().get_supylabel() == "y - offset"


def test_a_group_alone_that_does_not_determine_its_line_has_none():
    frame = pd.concat([FRAME, pd.DataFrame({"y": [1.0, 2.0], "x": [1.0, 1.0], "g": ["one", "two"]})])
    model = fb.Model(SLOPES, frame)
    idata = model.fit(draws=100, random_seed=1, progressbar=False, compute_convergence_checks=False)
    one, other = fb.plot_groups(model, idata, groups=["one", "a"], no_pooling=True)
    assert "its rows alone" not in [each.get_label() for each in one.lines]
    line(other, "its rows alone")


def test_of_many_groups_some_are_drawn_and_the_picture_says_so(monkeypatch):
    sizes = [3, 40, 5, 20, 4, 30, 25, 10]
    frame = pd.concat([FRAME[FRAME.g == g].sample(n, replace=True, random_state=1)
                       for g, n in zip("abcdefgh", sizes, strict=True)])  # fmt: skip
    model = fb.Model(SLOPES, frame)
    idata = model.fit(draws=100, random_seed=1, progressbar=False, compute_convergence_checks=False)
    monkeypatch.setattr(group_lines, "MOST_GROUPS", 3)
    monkeypatch.setattr(plots_of_groups, "MOST_POINTS", 30)
    axes = fb.plot_groups(model, idata)
    assert [one.get_title(loc="left") for one in axes] == ["a", "b", "d"]  # smallest, largest, and between
    assert axes[0].get_figure().legends[0].get_title().get_text().split("\n") == [
        "30 of 63 points are shown",
        "3 of 8 groups, from the smallest to the largest; groups= names others",
    ]
    assert sum(len(one.collections[0].get_offsets()) for one in axes) == 30
    check_legible(axes)


def test_users_axes_are_labelled_themselves():
    model, idata = fitted(SLOPES)
    figure, mine = plt.subplots(1, 2, layout="constrained")
    axes = fb.plot_groups(model, idata, groups=["a", "b"], ax=mine)
    assert drawn(axes).tolist() == mine.tolist()
    assert (axes[0].get_xlabel(), axes[0].get_ylabel()) == ("x", "y")
    assert not figure.legends


def test_refusals_say_what_to_do():
    model, idata = fitted(SLOPES)
    with pytest.raises(SettingError, match=r"factor='G' is no grouping factor of the model. Did you mean 'g'\?"):
        fb.plot_group_effects(model, idata, "G")
    with pytest.raises(SettingError, match=r"hdi_prob must be above 0.5"):
        fb.plot_group_effects(model, idata, hdi_prob=0.4)
    with pytest.raises(SettingError, match=r"groups has 'z', which is no group. They are 'a', 'b'"):
        fb.plot_groups(model, idata, groups=["a", "z"])
    with pytest.raises(SettingError, match=r"groups is empty"):
        fb.plot_groups(model, idata, groups=[])
    with pytest.raises(SettingError, match=r"groups has 25 names, and the picture takes 24"):
        fb.plot_groups(model, idata, groups=["a"] * 25)
    plain, draws = fitted("y ~ x")
    for function in (fb.plot_group_effects, fb.plot_groups):
        with pytest.raises(SettingError, match="is for models with group-specific terms, and 'y ~ x' has none"):
            function(plain, draws)
    binary = fb.Model("b ~ x + (1 | g)", FRAME.assign(b=(FRAME.y > 3).astype(int)), family="bernoulli")
    with pytest.raises(SettingError, match=r"no_pooling=True draws least squares, .* family='bernoulli'"):
        fb.plot_groups(binary, idata, no_pooling=True)
