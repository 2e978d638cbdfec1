"""Priors written as text on the command line: read strictly, never executed."""

from __future__ import annotations

import pytest
from filbert.errors import PriorError
from filbert.priors.named import Exponential, Flat, HalfCauchy, HalfNormal, HalfStudentT, LKJCorr, Normal, StudentT
from filbert.priors.text import read_prior


@pytest.mark.parametrize(
    ("text", "term", "prior"),
    [
        ("mom_iq=Normal(0, 2)", "mom_iq", Normal(0, 2)),
        (" mom_iq = Normal( mu = -1.5e0 , sigma = +2 ) ", "mom_iq", Normal(-1.5, 2)),
        ("sigma=HalfCauchy(10)", "sigma", HalfCauchy(10)),
        ("x=Flat()", "x", Flat()),
        ("x=StudentT(4)", "x", StudentT(4)),
        ("g=Normal(0, [1, 2.5])", "g", Normal(0, [1, 2.5])),
        ("g=Normal((0, -1), 1)", "g", Normal([0, -1], 1)),
        ("bs(x, df=4)=Normal(0, 1)", "bs(x, df=4)", Normal(0, 1)),
        ("1|g=Normal(0, sigma=HalfNormal(2))", "1|g", Normal(0, sigma=HalfNormal(2))),
        ("I(x / 2)|g:h = Normal(0, HalfStudentT(4, [1, 2]))", "I(x / 2)|g:h", Normal(0, HalfStudentT(4, [1, 2]))),
        ("x|C(k, levels=[1, 2])_sigma=Exponential(2)", "x|C(k, levels=[1, 2])_sigma", Exponential(2)),
        ("g_corr=LKJCorr(eta=4)", "g_corr", LKJCorr(4)),
        ("C(g, levels=['a=', 'b'])=Normal(0, 1)", "C(g, levels=['a=', 'b'])", Normal(0, 1)),
    ],
)
def test_priors_are_read(text, term, prior):
    assert read_prior(text) == (term, prior)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "not of the form TERM=PRIOR"),
        ("=Normal(0, 1)", "not of the form TERM=PRIOR"),
        ("x=", "not of the form TERM=PRIOR"),
        ("x=Normal", r"lacks its parentheses: write Normal\(mu, sigma\)"),
        ("x=Normal(0,", "cannot be read as a prior"),
        ("x=Normal(0 1)", r"cannot be read as a prior.*near '0 1\)'"),
        ("x=Normal(0, 2))", "cannot be read as a prior"),
        ("x=Normal(\0)", "cannot be read as a prior"),
        ("x=3", "'3' is not a prior"),
        ("x=Normal(0, 1) + 2", "is not a prior"),
        ("x=norm(0, 1)", r"no prior named 'norm'\. Did you mean .*'Normal'"),
        ("x=Prior('Normal')", "no prior named 'Prior'"),
        ("x=__import__('os').system('true')", "is not a prior"),
        ("x=print(1)", "no prior named 'print'"),
        ("x=Normal(0, two)", r"'two' in 'Normal\(0, two\)' is not a finite number"),
        ("x=Normal(0, 1+1)", r"'1\+1' in"),
        ("x=Normal(0, 10**9)", r"'10\*\*9' in"),
        ("x=Normal(0, True)", "'True' in"),
        ("x=Normal(0, '1')", r"\"'1'\" in"),
        ("x=Normal(0, 1j)", "'1j' in"),
        ("x=Normal(0, [1, [2]])", r"'\[2\]' in"),
        (f"x=Normal(1{'0' * 400}, 1)", "not a finite number"),
        ("x=Normal(0, 1e999)", "sigma must be finite"),
        ("x=Normal(0, -1)", "sigma must be positive"),
        ("x=Normal(0, 1, 2)", "Normal takes mu, sigma, and .* gives 3 values"),
        ("x=Flat(1)", "takes no parameters, and .* gives 1 value"),
        ("x=Normal(0, mu=2)", "gives 'mu' twice"),
        ("x=Normal(*[0, 1])", r"'\*\[0, 1\]' in"),
        ("x=Normal(**{})", r"'\*\*'"),
        ("x=Normal(tau=4)", r"sigma=1/sqrt\(tau\), that is sigma=0\.5"),
        ("x=StudentT()", "StudentT needs nu"),
        ("1|g=Normal(0, sigma=Normal(0, 1))", r"sigma is itself a prior \(Normal.* of positive values"),
        ("1|g=Normal(0, sigma=HalfNormal(HalfNormal(2)))", r"'HalfNormal\(2\)' in .* is not a finite number"),
        ("1|g=HalfNormal(HalfNormal(2))", "Only the sigma of Normal may be one"),
        ("1|g=Normal(HalfNormal(2))", "Only the sigma of Normal may be one"),
        ("1|g=Normal(0, sigma=HalfNormal)", r"'HalfNormal' lacks its parentheses: write HalfNormal\(sigma\)"),
        ("1|g=Normal(0, sigma=halfnormal(2))", "no prior named 'halfnormal'. Did you mean 'HalfNormal'"),
        ("1|g=Normal(0, sigma=[HalfNormal(2)])", r"'HalfNormal\(2\)' in"),
        ("1|g=Normal(0, sigma=x.HalfNormal(2))", r"'x.HalfNormal\(2\)' in"),
        ("1|g=Normal(0, sigma=print(2))", "no prior named 'print'"),
        ("g_corr=LKJCorr(n=2, eta=4)", "write eta alone"),
        ("g_corr=LKJCorr(eta=HalfNormal(2))", "Only the sigma of Normal may be one"),
    ],
)
def test_anything_else_is_refused_with_the_wrong_part_named(text, message):
    with pytest.raises(PriorError, match=message):
        read_prior(text)


@pytest.mark.parametrize(
    "written",
    [
        "(" * 10_000 + "0" + ")" * 10_000,
        "Normal(" + "[" * 10_000 + "]" * 10_000 + ", 1)",
        "Normal(0, sigma=" * 150 + "1" + ")" * 150,
        "Normal(0, sigma=" * 5000 + "1" + ")" * 5000,
        "Normal(" + "-" * 40_000 + "1, 1)",
        "Normal(" + "1+" * 40_000 + "1, 1)",
        "Normal" + ".x" * 40_000,
        "Normal(0, " + "x" * 90_000 + ")",
        "Normal(0, " + "9" * 90_000 + ")",
        "Normal(0, 1" + " " * 200_000 + ")",
    ],
)
def test_absurd_text_is_refused_in_one_short_line(written):
    with pytest.raises(PriorError) as caught:
        read_prior(f"x={written}")
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)
