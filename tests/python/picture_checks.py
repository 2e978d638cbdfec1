"""What tests of pictures share: a fitted frame, what is drawn into axes, and whether it can be read."""

from __future__ import annotations

import filbert as fb
import matplotlib as mpl
import numpy as np
import pandas as pd

mpl.use("agg")

RNG = np.random.default_rng(5)
N = 80
FRAME = pd.DataFrame(
    {
        "x": RNG.uniform(2, 6, N),
        "z": RNG.normal(size=N),
        "g": RNG.choice(["ann", "bob", "cat"], N),
        "h": RNG.choice(["low", "high"], N),
    }
)
FRAME["y"] = 1 + 2 * FRAME.x + FRAME.g.map({"ann": 0, "bob": 1, "cat": -1}) * FRAME.z + RNG.normal(size=N)


def fitted(formula, **arguments):
    model = fb.Model(formula, FRAME, **arguments)
    return model, model.fit(draws=500, tune=500, random_seed=1, progressbar=False)


def entries(axes):
    legend = axes.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


def band(axes):
    """Corners of the filled band, (corners, 2)."""
    (filled,) = [c for c in axes.collections if isinstance(c, mpl.collections.FillBetweenPolyCollection)]
    return filled.get_paths()[0].vertices


def drawn(axes):
    return np.atleast_1d(np.asarray(axes, dtype=object)).ravel()


def check_legible(axes):
    """All text is at least 9 points and inside the figure, and no two texts lie on each other."""
    figure = drawn(axes)[0].get_figure()
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    unseen = {
        tick.label1
        for one in figure.axes
        for axis in (one.xaxis, one.yaxis)
        for tick in axis.get_major_ticks()
        if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
    }
    boxes, slanted = [], []
    for text in set(figure.findobj(mpl.text.Text)) - unseen:
        box = text.get_window_extent(renderer)
        if not text.get_text() or not text.get_visible() or not box.width:
            continue
        assert text.get_fontsize() >= 9, text.get_text()
        assert min(box.x0, box.y0) >= -1, text.get_text()
        assert max(box.x1 - figure.bbox.x1, box.y1 - figure.bbox.y1) <= 1, text.get_text()
        (boxes if text.get_rotation() in (0, 90) else slanted).append((text.get_text(), box))
    for place, (one, a) in enumerate(boxes):
        for other, b in boxes[:place]:
            assert not (a.x0 < b.x1 - 1 and b.x0 < a.x1 - 1 and a.y0 < b.y1 - 1 and b.y0 < a.y1 - 1), (one, other)
    check_slanted(slanted, 9 * figure.dpi / 72)


def check_slanted(boxes, height):
    """Names of levels that lean to the right by 35 degrees are at least their height apart, though boxes overlap."""
    ends = np.sort([box.x1 for text, box in boxes if text])
    assert np.all(np.diff(ends) * np.sin(np.radians(35)) >= height)
