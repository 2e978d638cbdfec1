"""Group-specific terms are found in the text of a formula, and hostile texts are refused at once with a sentence."""

from __future__ import annotations

import random
import time
import warnings

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.errors import FilbertError, FormulaError
from filbert.formula.brackets import split_brackets

N = 60
RNG = np.random.default_rng(5)
FRAME = pd.DataFrame(
    {
        "y": RNG.normal(size=N),
        "x": RNG.normal(size=N) + 1,
        "z": RNG.normal(size=N),
        "w": RNG.uniform(1, 2, N),
        "g": RNG.choice(list("abcd"), N),
        "h": RNG.choice(list("pqr"), N),
        "f": RNG.choice(list("uvw"), N),
        "k": RNG.integers(0, 5, N),
        "my x": RNG.normal(size=N),
        "a|b": RNG.choice(list("ab"), N),
        "(": RNG.choice(list("ab"), N),
    }
)


@pytest.mark.parametrize(
    ("formula", "rest", "brackets"),
    [
        ("y ~ x + (1 | g)", "y ~ x", [("1", "g", True)]),
        ("y ~ (1|g)", "y ~ 1", [("1", "g", True)]),
        ("y ~ (x || g) + z", "y ~ z", [("x", "g", False)]),
        ("y ~ x + (x|g) - 1", "y ~ x - 1", [("x", "g", True)]),
        ("y ~ (1|g) - 1", "y ~ - 1", [("1", "g", True)]),
        ("y ~ x\n  + (1 | g)\n  + z", "y ~ x + z", [("1", "g", True)]),
        ("y ~ (1|g) + x + (0 + z|h) + w", "y ~ x + w", [("1", "g", True), ("0 + z", "h", True)]),
        ("y ~ (poly(x, 2) | C(k)) + (x + z)", "y ~ (x + z)", [("poly(x, 2)", "C(k)", True)]),
        ("y ~ (1 | `a|b`)", "y ~ 1", [("1", "`a|b`", True)]),
        ("y ~ x + (1 | `(`)", "y ~ x", [("1", "`(`", True)]),
        ("y ~ (C(f, levels=['|', '(']) | g)", "y ~ 1", [("C(f, levels=['|', '('])", "g", True)]),
        ("y ~ I(x | z) + {x | z}", "y ~ I(x | z) + {x | z}", []),
        ("y ~ x", "y ~ x", []),
    ],
)
def test_terms_are_taken_out_of_the_text(formula, rest, brackets):
    without, found = split_brackets(formula)
    assert " ".join(without.split()) == rest
    assert [(term.expression, term.factor, term.is_correlated) for term in found] == brackets


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("y ~ x * (1 | g)", "can only be added"),
        ("y ~ (1 | g) : x", "can only be added"),
        ("y ~ x - (1 | g)", "can only be added"),
        ("y ~ -(1 | g)", "can only be added"),
        ("y ~ ((1 | g))", "stands by itself"),
        ("y ~ (x + (1 | g))", "stands by itself"),
        ("y ~ (1 | g | h)", "one bar, or two side by side"),
        ("y ~ (1 ||| g)", "one bar, or two side by side"),
        ("y ~ (1 | | g)", "one bar, or two side by side"),
        ("y ~ ( | g)", "Nothing stands before the bar"),
        ("y ~ (1 | )", "No grouping factor stands after the bar"),
        ("y ~ (0 | g)", "nothing before its bar"),
        ("y ~ (1 | 1)", "no grouping factor after its bar"),
        ("y ~ (1 | g - g)", "no grouping factor after its bar"),
        ("y ~ (1 | 2:g)", "'2:g' is no grouping factor"),
        ("y ~ 1 | g", "in brackets of its own"),
        ("y ~ (1 | g", "in brackets of its own"),
        ("y | trials(n) ~ x", r"p\(y, n\) ~"),
        ("y ~ (offset(x) | g)", "cannot vary by group"),
        ("y ~ (x ~ z | g)", "no '~' of its own"),
        ("y ~ (1 | g ~ h)", "no '~' of its own"),
        ("y ~ (. | g)", r"'\.' stands for all other columns, and not in \(\. \| g\)"),
        ("y ~ (1 | .)", "name those that you mean"),
        ("y ~ (1 | x > 0)", "Unknown operator '>'.*\n  x > 0\n"),
        ("y ~ (1 | 'g')", "String literals"),
        ("y ~ (1 | g['a'])", "subscript"),
        ("y ~ (1 | y)", "also on the right-hand side"),
        ("y ~ (y | g)", "also on the right-hand side"),
        ("y ~ (1 | g) +", "insufficient arguments"),
        ("y ~ (1 | gg)", "'gg', not a column"),
        ("y ~ (xx | g)", "'xx', not a column"),
    ],
)
def test_what_is_no_term_is_refused(formula, message):
    with pytest.raises((FormulaError, fb.DataError), match=message):
        fb.Model(formula, FRAME)


MANY = 100_000
HOSTILE = {
    "openings around": "y ~ " + "(" * MANY + "1 | g" + ")" * MANY,
    "calls": "y ~ " + "C(" * MANY + "|",
    "bars": "y ~ (1" + "|" * MANY + " g)",
    "bars between": "y ~ (" + "1|" * MANY + "g)",
    "terms": "y ~ " + " + ".join(["(1 | g)"] * 10_000),
    "bars in brackets": "y ~ " + "(1|" * MANY + "g" + ")" * MANY,
    "closings": "y ~ (1 | g)" + ")" * MANY,
    "quotes": "y ~ (1 | g) + " + "'" * (MANY + 1),
    "interaction": "y ~ (1 | " + "g:" * 90_000 + "h)",
    "name": "y ~ (1 | " + "g" * 10**6 + ")",
    "power": "y ~ (1 | g**99999999)",
    "power of sums": "y ~ ((x + z)**99999999 | g)",
}


@pytest.mark.filterwarnings("ignore:In a formula")
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_formulas_are_refused_at_once_and_in_short(name):
    start = time.process_time()
    with pytest.raises(FormulaError) as caught:
        fb.Model(HOSTILE[name], FRAME)
    assert time.process_time() - start < 2  # quadratic time is a minute and more
    assert len(str(caught.value)) < 2000


def test_spaces_cost_nothing_and_a_hundred_terms_can_be_read():
    fb.Model("y ~ x +" + " " * MANY + "(1 | g)" + " " * 90_000, FRAME)
    model = fb.Model("y ~ 1" + "".join(f" + (0 + I(x + {i}) | g)" for i in range(100)), FRAME)
    assert len(model.design.group_terms) == 100


SEEDS = (
    "y ~ x + (1|g)",
    "y ~ x*z + (x*z||g/h) + offset(w)",
    "y ~ . + (poly(x,2) | C(k))",
    "weighted(y, w) ~ `my x` + (`my x` | `a|b`) + (0+f|g:h)",
    "log(y+10) ~ bs(x, df=4) + (scale(x) - 1 | `(`)",
    "y ~ (x|g) + (0 + z | h + f)",
)
PIECES = [*"()|[]{}`'\"~+-*:/^.,01 xyzgfhk\\\n=#%@&;é\0", "||", "(1|g)", "(x|g)", "C(", "I(", "offset(", "**", "%in%"]


def mutated(rng: random.Random) -> str:
    text = list(rng.choice(SEEDS))
    for _ in range(rng.randint(1, 5)):
        place, choice = rng.randrange(len(text) + 1), rng.random()
        if choice < 0.45:
            text.insert(place, rng.choice(PIECES))
        elif choice < 0.8 and text:
            text.pop(min(place, len(text) - 1))
        else:
            first, last = sorted((place, rng.randrange(len(text) + 1)))
            text[first:last] = text[first:last] * 2
    return "".join(text)


def test_mutated_formulas_are_read_or_refused_by_filberts_errors():
    rng, n_read = random.Random(8), 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(400):
            formula = mutated(rng)
            try:
                fb.Model(formula, FRAME)
                n_read += 1
            except FilbertError:
                pass
            except Exception as error:
                pytest.fail(f"{formula!r} raises {error!r}")
    assert n_read > 5
