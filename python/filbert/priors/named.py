"""The priors as functions with PyMC's names, argument order and defaults.

Other arguments are refused by `Prior`, which knows what to write in their place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .prior import Prior

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "Cauchy",
    "Exponential",
    "Flat",
    "Gamma",
    "HalfCauchy",
    "HalfFlat",
    "HalfNormal",
    "HalfStudentT",
    "InverseGamma",
    "LKJCorr",
    "Laplace",
    "Normal",
    "StudentT",
    "Uniform",
]


def Normal(mu: npt.ArrayLike = 0.0, sigma: npt.ArrayLike | Prior = 1.0, **other: Any) -> Prior:
    r"""Normal prior, :math:`p(x) = \exp(-(x-\mu)^2/2\sigma^2) / (\sigma\sqrt{2\pi})` for every real x.

    Parameters
    ----------
    mu : float or 1-d array, default 0
        Mean, in the units of the parameter (for a slope: response units per predictor unit).
    sigma : float, 1-d array or Prior, default 1
        Standard deviation, positive, in the same units. Of the effects of groups it is a parameter, the deviation
        between them, and may have a prior: ``priors={"1|g": Normal(0, sigma=HalfNormal(2))}``.

    Returns
    -------
    Prior

    References
    ----------
    Johnson, Kotz and Balakrishnan (1994), Continuous Univariate Distributions 1, chapter 13.
    """
    return Prior("Normal", mu=mu, sigma=sigma, **other)


def StudentT(nu: npt.ArrayLike, mu: npt.ArrayLike = 0.0, sigma: npt.ArrayLike = 1.0, **other: Any) -> Prior:
    r"""Student-t prior, :math:`p(x) \propto (1 + ((x-\mu)/\sigma)^2/\nu)^{-(\nu+1)/2} / \sigma` for every real x.

    Parameters
    ----------
    nu : float or 1-d array
        Degrees of freedom, positive, without unit. The variance is finite only for nu > 2.
    mu : float or 1-d array, default 0
        Centre, in the units of the parameter.
    sigma : float or 1-d array, default 1
        Scale, positive, in the same units. It is not the standard deviation, which is sigma sqrt(nu/(nu-2)).

    Returns
    -------
    Prior

    References
    ----------
    Johnson, Kotz and Balakrishnan (1995), Continuous Univariate Distributions 2, chapter 28.
    """
    return Prior("StudentT", nu=nu, mu=mu, sigma=sigma, **other)


def Cauchy(alpha: npt.ArrayLike, beta: npt.ArrayLike, **other: Any) -> Prior:
    r"""Cauchy prior, :math:`p(x) = 1 / (\pi\beta(1 + ((x-\alpha)/\beta)^2))` for every real x.

    Parameters
    ----------
    alpha : float or 1-d array
        Centre, in the units of the parameter.
    beta : float or 1-d array
        Half width at half maximum, positive, in the same units.

    Returns
    -------
    Prior

    References
    ----------
    Gelman, Jakulin, Pittau and Su (2008), A weakly informative default prior distribution for logistic and other
    regression models, Annals of Applied Statistics 2.
    """
    return Prior("Cauchy", alpha=alpha, beta=beta, **other)


def Laplace(mu: npt.ArrayLike, b: npt.ArrayLike, **other: Any) -> Prior:
    r"""Laplace (double exponential) prior, :math:`p(x) = \exp(-|x-\mu|/b) / (2b)` for every real x.

    Parameters
    ----------
    mu : float or 1-d array
        Centre, in the units of the parameter.
    b : float or 1-d array
        Scale, positive, in the same units. The standard deviation is b sqrt(2).

    Returns
    -------
    Prior

    References
    ----------
    Park and Casella (2008), The Bayesian lasso, Journal of the American Statistical Association 103.
    """
    return Prior("Laplace", mu=mu, b=b, **other)


def Uniform(lower: npt.ArrayLike = 0.0, upper: npt.ArrayLike = 1.0, **other: Any) -> Prior:
    r"""Uniform prior, :math:`p(x) = 1 / (u - l)` for l < x < u, and 0 elsewhere.

    Parameters
    ----------
    lower : float or 1-d array, default 0
        Lower end l, in the units of the parameter.
    upper : float or 1-d array, default 1
        Upper end u, above `lower`, in the same units.

    Returns
    -------
    Prior

    References
    ----------
    Johnson, Kotz and Balakrishnan (1995), Continuous Univariate Distributions 2, chapter 26.
    """
    return Prior("Uniform", lower=lower, upper=upper, **other)


def Flat(**other: Any) -> Prior:
    r"""Flat improper prior, :math:`p(x) \propto 1` for every real x.

    Returns
    -------
    Prior

    References
    ----------
    Gelman et al. (2013), Bayesian Data Analysis, third edition, section 14.2 (it gives classical least squares).
    """
    return Prior("Flat", **other)


def HalfNormal(sigma: npt.ArrayLike = 1.0, **other: Any) -> Prior:
    r"""Half normal prior, :math:`p(x) = \sqrt{2/\pi}\,\exp(-x^2/2\sigma^2) / \sigma` for x > 0.

    Parameters
    ----------
    sigma : float or 1-d array, default 1
        Scale, positive, in the units of the parameter (for the residual sigma: response units).

    Returns
    -------
    Prior

    References
    ----------
    Gelman (2006), Prior distributions for variance parameters in hierarchical models, Bayesian Analysis 1.
    """
    return Prior("HalfNormal", sigma=sigma, **other)


def HalfCauchy(beta: npt.ArrayLike, **other: Any) -> Prior:
    r"""Half Cauchy prior, :math:`p(x) = 2 / (\pi\beta(1 + (x/\beta)^2))` for x > 0.

    Parameters
    ----------
    beta : float or 1-d array
        Scale and median, positive, in the units of the parameter.

    Returns
    -------
    Prior

    References
    ----------
    Polson and Scott (2012), On the half-Cauchy prior for a global scale parameter, Bayesian Analysis 7.
    """
    return Prior("HalfCauchy", beta=beta, **other)


def HalfStudentT(nu: npt.ArrayLike, sigma: npt.ArrayLike = 1.0, **other: Any) -> Prior:
    r"""Half Student-t prior, :math:`p(x) \propto (1 + (x/\sigma)^2/\nu)^{-(\nu+1)/2} / \sigma` for x > 0.

    Parameters
    ----------
    nu : float or 1-d array
        Degrees of freedom, positive, without unit.
    sigma : float or 1-d array, default 1
        Scale, positive, in the units of the parameter.

    Returns
    -------
    Prior

    References
    ----------
    Gelman (2006), Prior distributions for variance parameters in hierarchical models, Bayesian Analysis 1.
    """
    return Prior("HalfStudentT", nu=nu, sigma=sigma, **other)


def Exponential(lam: npt.ArrayLike = 1.0, **other: Any) -> Prior:
    r"""Exponential prior, :math:`p(x) = \lambda\exp(-\lambda x)` for x > 0.

    Parameters
    ----------
    lam : float or 1-d array, default 1
        Rate, positive, in one over the units of the parameter. The mean is 1/lam.

    Returns
    -------
    Prior

    References
    ----------
    Johnson, Kotz and Balakrishnan (1994), Continuous Univariate Distributions 1, chapter 19.
    """
    return Prior("Exponential", lam=lam, **other)


def Gamma(alpha: npt.ArrayLike, beta: npt.ArrayLike, **other: Any) -> Prior:
    r"""Gamma prior, :math:`p(x) = \beta^\alpha x^{\alpha-1} e^{-\beta x} / \Gamma(\alpha)` for x > 0.

    Parameters
    ----------
    alpha : float or 1-d array
        Shape, positive, without unit.
    beta : float or 1-d array
        Rate, positive, in one over the units of the parameter. The mean is alpha/beta.

    Returns
    -------
    Prior

    References
    ----------
    Johnson, Kotz and Balakrishnan (1994), Continuous Univariate Distributions 1, chapter 17.
    """
    return Prior("Gamma", alpha=alpha, beta=beta, **other)


def InverseGamma(alpha: npt.ArrayLike, beta: npt.ArrayLike = 1.0, **other: Any) -> Prior:
    r"""Inverse gamma prior, :math:`p(x) = \beta^\alpha x^{-\alpha-1} e^{-\beta/x} / \Gamma(\alpha)` for x > 0.

    Parameters
    ----------
    alpha : float or 1-d array
        Shape, positive, without unit.
    beta : float or 1-d array, default 1
        Scale, positive, in the units of the parameter. The mean is beta/(alpha-1) for alpha > 1.

    Returns
    -------
    Prior

    References
    ----------
    Gelman et al. (2013), Bayesian Data Analysis, third edition, appendix A.
    """
    return Prior("InverseGamma", alpha=alpha, beta=beta, **other)


def HalfFlat(**other: Any) -> Prior:
    r"""Flat improper prior on the positive numbers, :math:`p(x) \propto 1` for x > 0.

    Returns
    -------
    Prior

    References
    ----------
    Gelman (2006), Prior distributions for variance parameters in hierarchical models, Bayesian Analysis 1.
    """
    return Prior("HalfFlat", **other)


def LKJCorr(eta: float = 1.0, **other: Any) -> Prior:
    r"""LKJ prior of a matrix of correlations, :math:`p(R) \propto \det(R)^{\eta-1}`.

    It is for the correlations between the effects of a group: ``priors={"g_corr": LKJCorr(eta=4)}``. Each of the
    correlations of n effects is distributed as 2 b - 1 with b from Beta(a, a), a = eta - 1 + n/2.

    Parameters
    ----------
    eta : float, default 1
        Positive, without unit. With 1 all matrices are alike; the larger, the nearer to 0 are the correlations.

    Returns
    -------
    Prior

    References
    ----------
    Lewandowski, Kurowicka and Joe (2009), Generating random correlation matrices based on vines and extended onion
    method, Journal of Multivariate Analysis 100.
    """
    return Prior("LKJCorr", eta=eta, **other)
