"""What models, priors and summaries look like in terminals and notebooks; the numbers in a summary stay as they are."""

from __future__ import annotations

import copy
import io
import pickle
import re
from html.parser import HTMLParser

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from containers import container
from filbert.results.frame import Summary
from filbert.results.report import print_summary
from filbert.results.statement import MOST_PRIORS
from filbert.results.text import printable, shortened

RNG = np.random.default_rng(3)
NASTY = "g\x1b[31m<b>&"
FRAME = pd.DataFrame({"x": RNG.normal(size=60), NASTY: RNG.choice(["a", "<i>\n", "c\u202e"], 60)})
FRAME["y"] = 1 + FRAME.x + RNG.normal(size=60)


class Cells(HTMLParser):
    """The rows of cells of a page, its tags, and the text outside of tables."""

    def __init__(self, page):
        super().__init__()
        self.rows, self.tags, self.text, self._open = [], [], "", False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._open = True

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._open = False

    def handle_data(self, data):
        if self._open:
            self.rows[-1][-1] += data
        else:
            self.text += data


@pytest.fixture(scope="module")
def fit():
    model = fb.Model(f"y ~ x + `{NASTY}`", FRAME)
    return model, model.fit(random_seed=1, progressbar=False)


@pytest.fixture(scope="module")
def table(fit):
    return fb.summary(fit[1])


# Names


def test_what_steers_a_terminal_is_escaped_and_other_letters_are_not():
    assert printable("a\x1b[31m\n\x00\x85\u2028\u202e") == r"a\x1b[31m\n\x00\x85\u2028\u202e"
    for name in ("größe", "x²", "年", "10\u00a0km", "‌می", "👩\u200d🔬", r"back\slash"):
        assert printable(name) == name


def test_long_texts_keep_both_ends():
    assert shortened("abcdefghijkl", 12) == "abcdefghijkl"
    assert shortened("abcdefghijklm", 12) == "abcdef...klm"


# Summaries


def test_summary_prints_its_interval_in_80_columns(table, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = str(table).splitlines()
    assert "hdi_3%" in lines[0]
    assert "hdi_97%" in lines[0]
    assert max(map(len, lines)) <= 80
    assert "..." not in str(table)
    assert "\x1b" not in str(table)
    row = next(line for line in lines if line.startswith("x ")).split()
    assert float(row[3]) == pytest.approx(table.loc["x", "hdi_3%"], abs=1e-3)
    monkeypatch.setenv("COLUMNS", "200")
    assert str(table).splitlines()[0].split() == ["parameter", *table.columns]


def test_all_columns_stand_in_one_block_where_they_can(table, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert str(table.loc[["Intercept", "x"]]).splitlines()[0].split() == ["parameter", *table.columns]
    monkeypatch.setenv("COLUMNS", "50")
    assert str(table).count("parameter") > 1
    assert max(map(len, str(table).splitlines())) <= 50


def test_terminal_is_not_steered_by_names(fit, table):
    file = io.StringIO()
    print_summary(table, 4, file)
    for text in (str(fit[0]), str(table), file.getvalue()):
        assert r"g\x1b[31m<b>&" in text
        assert not set(text) & {"\x1b", "\u202e"}
    assert r"The reference level of g\x1b[31m<b>& is <i>\n." in str(fit[0])


def test_summary_of_many_rows_shows_the_first_and_the_last():
    table = fb.summary(container({"b": RNG.normal(size=(2, 50, 300))}))
    lines = str(table).splitlines()
    assert [lines[1].split()[0], lines[30].split()[0], lines[32].split()[0]] == ["b[0]", "b[29]", "b[270]"]
    assert set(lines[31].split()) == {"..."}
    assert lines[-1] == "[300 parameters]"
    page = Cells(table._repr_html_())
    assert len(page.rows) == 1 + 60 + 1
    assert page.text == "300 parameters"
    with pd.option_context("display.max_rows", None):
        assert "b[150]" in str(table)


def test_notebooks_show_the_same_digits(table):
    page = Cells(table._repr_html_())
    assert page.rows[0] == ["", *table.columns]
    assert [row[0] for row in page.rows[1:]] == [printable(label) for label in table.index]
    with io.StringIO() as file:
        print_summary(table, 4, file)
        printed = [line.split()[-8:] for line in file.getvalue().splitlines()[1:]]
    assert [row[1:] for row in page.rows[1:]] == printed
    assert set(page.tags) <= {"div", "table", "thead", "tbody", "tr", "th", "td", "p"}  # names make no tags
    with pd.option_context("display.notebook_repr_html", False):
        assert table._repr_html_() is None


def test_notebooks_mark_diagnostics_that_say_not_to_trust_the_draws(table):
    assert "bold" not in table._repr_html_()
    doubtful = table.copy()
    doubtful.loc["x", "r_hat"] = 1.2
    doubtful.loc["sigma", "ess_tail"] = 399.0  # of four chains
    assert doubtful._repr_html_().count("font-weight: bold") == 2


def test_notebook_consoles_do_not_swallow_what_is_printed(table, monkeypatch):
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert "hdi_97%" in str(table)


def test_summary_is_a_frame_of_unrounded_floats(table, tmp_path):
    plain = pd.DataFrame(table.to_dict("list"), index=list(table.index))
    assert type(plain) is pd.DataFrame
    pd.testing.assert_frame_equal(table, plain, check_frame_type=False)
    pd.testing.assert_frame_equal(table, plain)
    assert table.equals(plain)
    assert plain.equals(table)
    assert (table == plain).all(axis=None)
    table.to_csv(tmp_path / "a.csv")
    plain.to_csv(tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert table.to_string() == plain.to_string()
    for twin in (pickle.loads(pickle.dumps(table)), copy.copy(table), copy.deepcopy(table), table.copy()):
        assert type(twin) is Summary
        pd.testing.assert_frame_equal(twin, table)
        assert (str(twin), twin.attrs) == (str(table), {"chains": 4})


def test_parts_of_a_summary_are_shown_well_and_what_is_no_summary_as_pandas_does(table):
    assert str(table.sort_values("mean").loc[["x"]]).split()[0] == "parameter"
    assert "hdi_97%" in str(table.assign(width=table["hdi_97%"] - table["hdi_3%"]))
    labels = ["one"] * len(table)
    for other in (
        table[["mean"]], table.T, table.iloc[:0], table.round(2), table.assign(label=labels), table.reset_index(),
        pd.concat([table], keys=["a"]), table.isna(),
    ):  # fmt: skip
        assert str(other) == str(pd.DataFrame(other))
        assert other._repr_html_() == pd.DataFrame(other)._repr_html_()
    assert type(table.round(2)) is pd.DataFrame
    assert type(table["mean"]) is pd.Series


# Models


def test_model_of_many_terms_stays_readable():
    n = 500
    data = pd.DataFrame(RNG.normal(size=(n + 20, n)), columns=[f"covariate_{k}" for k in range(n)])
    data["y"] = RNG.normal(size=n + 20)
    model = fb.Model("y ~ " + " + ".join(data.columns[:n]), data)
    lines = str(model).splitlines()
    assert len(lines) < MOST_PRIORS + 15
    assert max(map(len, lines)) < 400
    assert lines[0].startswith("       Formula: y ~ covariate_0 + covariate_1 + ")
    assert lines[0].endswith("+ covariate_498 + covariate_499")
    assert f"... and {n + 1 - MOST_PRIORS} more; model.priors has all of them" in str(model)
    assert "sigma ~ HalfStudentT" in str(model)
    page = Cells(model._repr_html_())
    assert sum(row[0].startswith("covariate") for row in page.rows) == MOST_PRIORS - 1
    assert [f"... and {n + 1 - MOST_PRIORS} more; model.priors has all of them"] in page.rows


def test_formula_of_several_lines_is_printed_on_one():
    assert str(fb.Model("y ~\n   x", FRAME)).splitlines()[0] == "       Formula: y ~ x"


def test_notebooks_show_a_model_as_print_does(fit):
    model, _ = fit
    page = Cells(model._repr_html_())
    assert page.rows[0] == ["parameter", "prior", "default scaled by the data"]
    stated = {row[0]: row[1:] for row in page.rows[1:]}
    text = str(model)
    for name, prior in model.priors.items():
        assert stated[printable(name)][0] == str(prior)
        assert f"{printable(name)} ~ {prior}    <- {stated[printable(name)][1]}" in text
    assert list(stated) == ["Common-level effects", "Intercept", "x", printable(NASTY), "Auxiliary parameters", "sigma"]
    assert {"b", "code", "ul", "li", "br"} <= set(page.tags)
    assert page.tags.count("b") == 4  # of ours, not of the column's name
    assert re.sub(r"\s", "", page.text).startswith("Formula:y~x+`g\\x1b[31m<b>&`Family:gaussian")
    assert model.priors["x"]._repr_html_() == f"<code>{model.priors['x']}</code>"
    assert fb.Flat()._repr_html_() == "<code>Flat()</code> (improper)"


def test_many_factors_are_counted():
    levels = pd.DataFrame({f"f{k}": RNG.choice(["a", "b"], 80) for k in range(25)}).assign(y=RNG.normal(size=80))
    text = str(fb.Model("y ~ " + " + ".join(levels.columns[:25]), levels))
    assert text.count("The reference level of") == 20
    assert text.endswith("* 5 more factors: model.design.baseline has their levels.")
