# What the C++ module offers to Python; docstrings are in the module itself.
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias, overload

import numpy as np
import numpy.typing as npt

__version__: str
eigen_version: str

_Floats: TypeAlias = npt.NDArray[np.float64]
_Array: TypeAlias = npt.ArrayLike
_PriorSpec: TypeAlias = tuple[str, Sequence[float]]

class LeastSquares:
    @property
    def estimate(self) -> _Floats: ...
    @property
    def standard_error(self) -> _Floats: ...
    @property
    def residual_sum_of_squares(self) -> float: ...
    @property
    def degrees_of_freedom(self) -> float: ...
    @property
    def sigma(self) -> float: ...
    @property
    def condition_number(self) -> float: ...
    @property
    def rank(self) -> int: ...
    @property
    def dependent(self) -> list[list[int]]: ...

class SufficientStatistics:
    def __init__(self, columns: int) -> None: ...
    @staticmethod
    def from_arrays(X: _Array, y: _Array, weights: _Array | None = None) -> SufficientStatistics: ...
    def update(self, X: _Array, y: _Array, weights: _Array | None = None) -> SufficientStatistics: ...
    def update_columns(
        self, columns: Sequence[_Array], y: _Array, weights: _Array | None = None
    ) -> SufficientStatistics: ...
    def merge(self, other: SufficientStatistics) -> SufficientStatistics: ...
    def least_squares(self, intercept: bool = False) -> LeastSquares: ...
    def state(self) -> tuple[_Floats, _Floats, npt.NDArray[np.int32], float, int]: ...
    @staticmethod
    def from_state(state: tuple[_Array, _Array, _Array, float, int]) -> SufficientStatistics: ...
    def __copy__(self) -> SufficientStatistics: ...
    def __setstate__(self, state: tuple[_Array, _Array, _Array, float, int]) -> None: ...
    @property
    def columns(self) -> int: ...
    @property
    def n_rows(self) -> int: ...
    @property
    def total_weight(self) -> float: ...
    @property
    def mean(self) -> _Floats: ...
    @property
    def sd(self) -> _Floats: ...
    def is_constant(self, column: int) -> bool: ...

class ImproperPosteriorError(ValueError): ...

class UncomputablePosteriorError(ValueError):
    args: tuple[str, int | None]

def available_processors() -> int: ...
def prior_table() -> dict[str, tuple[str, ...]]: ...
def prior_log_density(name: str, parameters: Sequence[float], x: float) -> tuple[float, float]: ...

class LinearGaussian:
    def __init__(
        self,
        summary: SufficientStatistics,
        *,
        intercept: bool,
        intercept_at_means: bool,
        coefficient_priors: Sequence[_PriorSpec],
        sigma_prior: _PriorSpec,
    ) -> None: ...
    @property
    def dimension(self) -> int: ...
    def log_density(self, position: _Array) -> tuple[float, _Floats]: ...

# What every density below offers; there is no such class at run time.
class _FramedDensity(Protocol):
    @property
    def dimension(self) -> int: ...
    @property
    def variables(self) -> int: ...
    def log_density(self, position: _Array) -> tuple[float, _Floats]: ...
    def to_user_scale(self, positions: _Array) -> _Floats: ...
    def user_log_density(self, position: _Array, log_density: float) -> float: ...

class CallableDensity(_FramedDensity):
    def __init__(
        self,
        dimension: int,
        variables: int,
        log_density: Callable[[_Floats], tuple[float, _Array]],
        to_user_scale: Callable[[_Floats], _Array],
    ) -> None: ...

class FramedLinearGaussian(_FramedDensity):
    def __init__(self, posterior: LinearGaussian) -> None: ...
    def prior_shifts(self, sigma: float) -> _Floats: ...
    def prior_shares(self) -> _Floats: ...

class GroupsTooLargeError(ValueError): ...

# The state of its statistics; origin, unit, rest; rows and other effects of each group, these effects, the rows.
_GroupedState: TypeAlias = tuple[
    tuple[_Array, _Array, _Array, float, int], _Array, _Array, _Array, _Array, _Array, _Array, _Array
]

class GroupedSummary:
    def __init__(self, columns: int, n_groups: Sequence[int], terms: Sequence[tuple[int, int]]) -> None: ...
    def update(
        self,
        X: _Array,
        y: _Array,
        Z: Sequence[_Array | None],
        codes: Sequence[npt.NDArray[np.int64]],
        weights: _Array | None = None,
        offset: _Array | None = None,
    ) -> GroupedSummary: ...
    def merge(self, other: GroupedSummary) -> GroupedSummary: ...
    def squared_residuals(self, coefficients: _Array, effects: _Array) -> _Floats: ...
    def state(self) -> _GroupedState: ...
    @staticmethod
    def from_state(
        n_groups: Sequence[int], terms: Sequence[tuple[int, int]], state: _GroupedState
    ) -> GroupedSummary: ...
    def __copy__(self) -> GroupedSummary: ...
    @property
    def columns(self) -> int: ...
    @property
    def n_rows(self) -> int: ...
    @property
    def total_weight(self) -> float: ...
    @property
    def mean(self) -> _Floats: ...
    @property
    def sd(self) -> _Floats: ...

# A prior, or the number that the parameter is fixed at.
_ScaleSpec: TypeAlias = _PriorSpec | float

class GroupedGaussian:
    def __init__(
        self,
        summary: GroupedSummary,
        *,
        intercept: bool,
        intercept_at_means: bool,
        coefficient_priors: Sequence[_PriorSpec],
        sigma: _ScaleSpec,
        terms: Sequence[tuple[bool, Sequence[_ScaleSpec], float]],
        levels: tuple[_Array, _Array, int] | None = None,
    ) -> None: ...
    @property
    def dimension(self) -> int: ...
    @property
    def parameters(self) -> int: ...
    @property
    def effects(self) -> int: ...
    def log_density(self, position: _Array) -> tuple[float, _Floats]: ...
    def position(self, values: _Array) -> _Floats: ...
    def values(self, position: _Array) -> _Floats: ...

class FramedGroupedGaussian(_FramedDensity):
    def __init__(
        self, posterior: GroupedGaussian, *, effects: bool = True, seed: int = 0, threads: int = 1
    ) -> None: ...
    @property
    def evaluations(self) -> int: ...
    def expected(self) -> _Floats: ...
    def draw_effects(self, parameters: _Array) -> _Floats: ...

# What is made of the group terms of some rows; there is no such class at run time.
class _OfGroupTerms(Protocol):
    def __init__(
        self,
        n_groups: Sequence[int],
        terms: Sequence[tuple[int, int]],
        Z: Sequence[_Array | None],
        codes: Sequence[npt.NDArray[np.int64]],
    ) -> None: ...

class EffectColumns(_OfGroupTerms):
    def predictors(self, effects: _Array) -> _Floats: ...
    def batch(self, data: GlmData, c: _Array, auxiliaries: _Array, effects: _Array, threads: int = 1) -> _Floats: ...

class ReweightedGroupedGaussian:
    def __init__(
        self,
        surrogate: FramedGroupedGaussian,
        log_ratios: Callable[[_Floats, _Floats], _Array],
        *,
        means: _Array,
        auxiliaries: tuple[_Array, _Array, _Array],
        effects: bool = True,
    ) -> None: ...
    @property
    def variables(self) -> int: ...

class GroupedDesign(_OfGroupTerms):
    @property
    def n_rows(self) -> int: ...

class GroupedGlm:
    def __init__(
        self,
        data: GlmData,
        design: GroupedDesign,
        *,
        intercept: bool,
        intercept_at_means: bool,
        coefficient_priors: Sequence[_PriorSpec],
        auxiliary_priors: Sequence[_ScaleSpec],
        terms: Sequence[tuple[bool, Sequence[_ScaleSpec], float]],
    ) -> None: ...
    @property
    def dimension(self) -> int: ...
    @property
    def outer(self) -> int: ...
    @property
    def parameters(self) -> int: ...
    @property
    def effects(self) -> int: ...
    def log_density(self, position: _Array) -> tuple[float, _Floats]: ...
    def to_user_scale(self, position: _Array) -> _Floats: ...

class FramedGroupedGlm(_FramedDensity):
    def __init__(self, posterior: GroupedGlm, *, effects: bool = True) -> None: ...
    @property
    def evaluations(self) -> int: ...
    def position(self, u: _Array) -> _Floats: ...

class ChainSummaries:
    def __init__(self, draws: _Array, threads: int = 1) -> None: ...
    def result(self) -> tuple[_Floats, _Floats, _Floats]: ...

def mixed_model_fit(
    summary: GroupedSummary, *, intercept: bool, correlated: Sequence[bool], restricted: bool
) -> dict[str, Any]: ...
def sample(
    density: _FramedDensity,
    *,
    draws: int,
    tune: int,
    chains: int,
    cores: int,
    seed: int,
    target_accept: float,
    max_treedepth: int,
    keep_warmup: bool,
    report: Callable[[list[tuple[int, int]], int], None] | None,
) -> dict[str, Any]: ...
def split_rhat(draws: _Array) -> float: ...
def ess_bulk(draws: _Array) -> float: ...
def ess_mean(draws: _Array) -> float: ...
def ess_tail(draws: _Array) -> float: ...
def e_bfmi(energy: _Array) -> _Floats: ...
def mean_draws(X: _Array, coefficients: _Array, has_intercept: bool, means: _Floats, threads: int = 1) -> None: ...
def response_draws(
    means: _Floats, sigma: _Array, keys: npt.NDArray[np.uint64], seed: int, responses: _Floats, threads: int = 1
) -> None: ...
def uniform_draws(keys: npt.NDArray[np.uint64], seed: int, uniforms: _Floats, threads: int = 1) -> None: ...
def shortest_interval(values: _Array, probability: float) -> list[float]: ...
def summarise_rows(
    draws: _Array, probability: float, highest_density: bool, threads: int = 1
) -> tuple[_Floats, _Floats, _Floats, _Floats]: ...

class NoModeError(ValueError):
    args: tuple[str, str, _Floats]

class _Family(Protocol):
    @property
    def auxiliaries(self) -> Sequence[str]: ...
    def log_likelihood(
        self, eta: _Floats, y: _Floats, trials: _Floats | None, auxiliaries: dict[str, float]
    ) -> tuple[_Floats, _Floats]: ...

def instruction_set() -> str: ...
def glm_families() -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]: ...

class GlmData:
    def __init__(
        self,
        family: str | _Family,
        link: str,
        X: _Array,
        y: _Array,
        trials: _Array | None = None,
        weights: _Array | None = None,
        offset: _Array | None = None,
        units: tuple[_Array, _Array] | None = None,
    ) -> None: ...
    @staticmethod
    def elsewhere(sample: GlmData, *, rows: int, total_weight: float, passes: Any) -> GlmData: ...
    def curvature(
        self, c: _Array, auxiliaries: _Array, expected: bool = False
    ) -> tuple[float, _Floats, _Floats, _Floats]: ...
    def batch(self, c: _Array, auxiliaries: _Array, threads: int = 1) -> _Floats: ...
    def starting_predictors(self) -> _Floats: ...
    def starting_auxiliaries(self) -> _Floats: ...
    def working(self, eta: _Array, auxiliaries: _Array) -> tuple[_Floats, _Floats]: ...
    def third_products(self, c: _Array, auxiliaries: _Array) -> _Floats: ...
    def remainder_bounds(self, c: _Array, slopes: _Array, radius: float) -> _Floats: ...
    @property
    def auxiliaries(self) -> list[str]: ...
    @property
    def n_rows(self) -> int: ...
    @property
    def mean(self) -> _Floats: ...
    @property
    def sd(self) -> _Floats: ...

class GlmPosterior:
    def __init__(
        self,
        data: GlmData,
        *,
        intercept: bool,
        intercept_at_means: bool,
        coefficient_priors: Sequence[_PriorSpec],
        auxiliary_priors: Sequence[_PriorSpec | float],
    ) -> None: ...
    @property
    def dimension(self) -> int: ...
    def log_density(self, position: _Array) -> tuple[float, _Floats]: ...

class FramedGlm(_FramedDensity):
    def __init__(self, posterior: GlmPosterior) -> None: ...
    @property
    def by_passes(self) -> bool: ...
    def mode(self) -> dict[str, Any]: ...
    def batch(self, positions: _Array) -> _Floats: ...

def glm_maximum_likelihood(data: GlmData, *, intercept: bool, fixed: Sequence[float | None]) -> dict[str, Any]: ...
def glm_log_likelihood(
    family: str, link: str, y: _Array, trials: _Array | None, eta: _Array, auxiliaries: _Array, threads: int = 1
) -> _Floats: ...
def glm_response_draws(
    family: str,
    means: _Floats,
    trials: _Array | None,
    auxiliaries: _Array,
    keys: npt.NDArray[np.uint64],
    seed: int,
    responses: _Floats,
    threads: int = 1,
) -> None: ...
@overload
def sample_independence(
    density: FramedGlm,
    *,
    draws: int,
    chains: int,
    cores: int,
    seed: int,
    burn_in: int = 50,
    subsample: bool = True,
    report: Callable[[list[tuple[int, int]], int], None] | None,
) -> dict[str, Any]: ...
@overload
def sample_independence(
    density: FramedGroupedGaussian,
    *,
    draws: int,
    chains: int,
    cores: int,
    seed: int,
    report: Callable[[list[tuple[int, int]], int], None] | None,
) -> dict[str, Any]: ...
def sample_glm_by_passes(
    density: FramedGlm,
    *,
    draws: int,
    chains: int,
    cores: int,
    seed: int,
    refuses: bool,
    most_rows: int,
) -> dict[str, Any]: ...
def sample_reweighted(
    density: ReweightedGroupedGaussian,
    *,
    draws: int,
    chains: int,
    cores: int,
    seed: int,
    refuses: bool,
) -> dict[str, Any]: ...
def sample_hmc(
    density: FramedGlm | FramedGroupedGlm,
    *,
    draws: int,
    chains: int,
    cores: int,
    seed: int,
    target_accept: float,
    report: Callable[[list[tuple[int, int]], int], None] | None,
) -> dict[str, Any]: ...
def hmc_pilot(density: FramedGroupedGlm, seed: int, target_accept: float) -> dict[str, Any]: ...
def sample_grouped(
    density: FramedGroupedGaussian | FramedGroupedGlm,
    *,
    draws: int,
    tune: int,
    chains: int,
    cores: int,
    seed: int,
    target_accept: float,
    max_treedepth: int,
    keep_warmup: bool,
    report: Callable[[list[tuple[int, int]], int], None] | None,
) -> dict[str, Any]: ...
def sample_glm(
    density: FramedGlm,
    *,
    draws: int,
    tune: int,
    chains: int,
    cores: int,
    seed: int,
    target_accept: float,
    max_treedepth: int,
    keep_warmup: bool,
    report: Callable[[list[tuple[int, int]], int], None] | None,
) -> dict[str, Any]: ...
