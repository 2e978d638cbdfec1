// GroupedSummary, GroupedGaussian and FramedGroupedGaussian for Python.
#include <pybind11/eigen.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "def_framed_density.hpp"
#include "filbert/groups/framed_grouped_gaussian.hpp"
#include "filbert/groups/grouped_gaussian.hpp"
#include "filbert/groups/grouped_summary.hpp"
#include "filbert/groups/maximum_likelihood.hpp"
#include "group_spec.hpp"

namespace py = pybind11;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using filbert::FramedGroupedGaussian;
using filbert::GroupedGaussian;
using filbert::GroupedSummary;

namespace {

using Rows = filbert::RowsRef;
using Values = Eigen::Ref<const VectorXd>;

/// A summary that threads may share: each call takes its lock, after it has let go of the interpreter's.
class SharedSummary {
 public:
  explicit SharedSummary(GroupedSummary summary) : summary_(std::move(summary)) {}

  template <typename Change>
  void change(Change change) {
    const py::gil_scoped_release release;
    const std::lock_guard lock(mutex_);
    change(summary_);
  }

  GroupedSummary snapshot() const {
    const py::gil_scoped_release release;
    const std::lock_guard lock(mutex_);
    return summary_;
  }

 private:
  mutable std::mutex mutex_;
  GroupedSummary summary_;
};

void update(SharedSummary& summary, const Rows& X, const Values& y, const ColumnsSpec& Z, const CodesSpec& codes,
            const std::optional<Values>& weights, const std::optional<Values>& offset) {
  filbert::GroupedRows rows{X, y, Z, {codes.begin(), codes.end()}};
  if (weights) rows.weights.emplace(*weights);
  if (offset) rows.offset.emplace(*offset);
  summary.change([&rows](GroupedSummary& own) { own.update(rows); });
}

using Numbers = Eigen::Matrix<std::int64_t, Eigen::Dynamic, 1>;

/// Of the statistics: factor, mean, exponents, total weight, number of rows.
using StatisticsTuple = std::tuple<MatrixXd, VectorXd, Eigen::VectorXi, double, Index>;

/// The statistics; origin, unit, rest; of each group its number of rows and of other effects; these; the rows, one after the other.
using StateTuple = std::tuple<StatisticsTuple, VectorXd, VectorXd, MatrixXd, Numbers, Numbers, Numbers, VectorXd>;

using StructureTuple = std::tuple<std::vector<Index>, std::vector<std::pair<Index, Index>>>;

StateTuple state_of(const SharedSummary& shared) {
  GroupedSummary::State state = shared.snapshot().state();
  const Index n = static_cast<Index>(state.groups.size());
  Numbers row_counts(n), tail_counts(n);
  Index values = 0, tails = 0;
  for (Index g = 0; g < n; ++g) {
    const GroupedSummary::Group& group = state.groups[static_cast<std::size_t>(g)];
    row_counts(g) = group.rows.rows();
    tail_counts(g) = static_cast<Index>(group.tail.size());
    values += group.rows.size();
    tails += tail_counts(g);
  }
  Numbers tail(tails);
  VectorXd rows(values);
  Index value = 0, place = 0;
  for (const GroupedSummary::Group& group : state.groups) {
    for (const Index column : group.tail) tail(place++) = column;
    for (Index i = 0; i < group.rows.rows(); ++i) {
      rows.segment(value, group.rows.cols()) = group.rows.row(i).transpose();
      value += group.rows.cols();
    }
  }
  filbert::SufficientStatistics::State& own = state.statistics;
  return {StatisticsTuple{std::move(own.factor), std::move(own.mean), std::move(own.exponents), own.total_weight,
                          own.n_rows},
          std::move(state.origin),
          std::move(state.unit),
          std::move(state.rest),
          std::move(row_counts),
          std::move(tail_counts),
          std::move(tail),
          std::move(rows)};
}

std::unique_ptr<SharedSummary> summary_of(const std::vector<Index>& n_groups,
                                          const std::vector<std::pair<Index, Index>>& terms, const StateTuple& given) {
  const auto& [statistics, origin, unit, rest, row_counts, tail_counts, tail, rows] = given;
  const auto& [factor, mean, exponents, total_weight, n_rows] = statistics;
  filbert::GroupStructure structure = make_structure(n_groups, terms);
  structure.validate();
  GroupedSummary::State state{
      {factor, mean, exponents, total_weight, n_rows}, total_weight > 0, origin, unit, {}, rest};
  const Index effects = structure.effects(structure.primary());
  Index value = 0, place = 0;
  const auto refuse = [] {
    throw std::invalid_argument("not the state of a summary by group: the sizes of its parts differ");
  };
  if (row_counts.size() != tail_counts.size()) refuse();
  for (Index g = 0; g < row_counts.size(); ++g) {
    // Each against what is left, so that sums and products cannot overflow.
    if (tail_counts(g) < 0 || tail_counts(g) > tail.size() - place) refuse();
    const Index columns = effects + tail_counts(g) + mean.size() + 1;
    if (row_counts(g) < 0 || row_counts(g) > (rows.size() - value) / columns) refuse();
    GroupedSummary::Group group{{}, MatrixXd(row_counts(g), columns)};
    for (Index k = 0; k < tail_counts(g); ++k) group.tail.push_back(tail(place++));
    for (Index i = 0; i < row_counts(g); ++i) {
      group.rows.row(i) = rows.segment(value, columns).transpose();
      value += columns;
    }
    state.groups.push_back(std::move(group));
  }
  if (value != rows.size() || place != tail.size()) refuse();
  return std::make_unique<SharedSummary>(GroupedSummary::from_state(std::move(structure), std::move(state)));
}

StructureTuple structure_of(const SharedSummary& shared) {
  const GroupedSummary summary = shared.snapshot();
  std::vector<std::pair<Index, Index>> terms;
  for (const filbert::GroupTerm& term : summary.structure().terms) terms.emplace_back(term.factor, term.columns);
  return {summary.structure().n_groups, terms};
}

GroupedGaussian make_posterior(const SharedSummary& summary, bool intercept, bool intercept_at_means,
                               const std::vector<PriorSpec>& coefficient_priors, const ScaleSpec& sigma,
                               const std::vector<TermSpec>& terms, const std::optional<LevelsSpec>& levels) {
  filbert::GroupedModel model;
  model.intercept = intercept;
  model.about = intercept_at_means ? filbert::InterceptPrior::AtMeans : filbert::InterceptPrior::AtZero;
  for (const PriorSpec& spec : coefficient_priors) model.coefficient_priors.push_back(make_prior(spec));
  model.sigma = make_scale(sigma);
  model.terms = make_terms(terms);
  if (levels) model.levels = {std::get<0>(*levels), std::get<1>(*levels), std::get<2>(*levels)};
  const GroupedSummary own = summary.snapshot();
  const py::gil_scoped_release release;
  return GroupedGaussian(own, model);
}

py::dict maximum_likelihood(const SharedSummary& summary, bool intercept, const std::vector<bool>& correlated,
                            bool restricted) {
  const GroupedSummary own = summary.snapshot();
  const filbert::MixedModelFit fit = [&] {
    const py::gil_scoped_release release;
    return filbert::maximum_likelihood(own, intercept, correlated, restricted);
  }();
  py::dict result;
  result["coefficients"] = fit.coefficients;
  result["standard_errors"] = fit.standard_errors;
  result["sigma"] = fit.sigma;
  result["deviations"] = fit.deviations;
  result["correlations"] = fit.correlations;
  result["effects"] = fit.effects;
  result["log_likelihood"] = fit.log_likelihood;
  result["converged"] = fit.converged;
  return result;
}

void bind_grouped_summary(py::module_& module) {
  py::class_<SharedSummary>(module, "GroupedSummary", R"(What a Gaussian likelihood with group effects sees of the rows.

Parameters
----------
columns : int
    Number of predictors, without a column for the intercept.
n_groups : list of int
    Number of groups of each grouping factor.
terms : list of (int, int)
    Of each group term, the number of its factor and of its columns, (factor, columns).)")
      .def(py::init([](Index columns, const std::vector<Index>& n_groups,
                       const std::vector<std::pair<Index, Index>>& terms) {
             return std::make_unique<SharedSummary>(GroupedSummary(columns, make_structure(n_groups, terms)));
           }),
           py::arg("columns"), py::arg("n_groups"), py::arg("terms"))
      .def(
          "update",
          [](SharedSummary& summary, const Rows& X, const Values& y, const ColumnsSpec& Z, const CodesSpec& codes,
             const std::optional<Values>& weights, const std::optional<Values>& offset) -> SharedSummary& {
            update(summary, X, y, Z, codes, weights, offset);
            return summary;
          },
          py::arg("X"), py::arg("y"), py::arg("Z"), py::arg("codes"), py::arg("weights") = py::none(),
          py::arg("offset") = py::none(), py::return_value_policy::reference_internal,
          R"(Folds a block of rows in, and returns the summary itself.

Parameters
----------
X : array, (rows, columns)
y : array, (rows,)
Z : list of array, (rows, columns of the term), or None
    One a term; None for a column of ones.
codes : list of int64 array, (rows,)
    One a factor, from 0.
weights, offset : array, (rows,), optional
    A row of weight w counts as w rows; the offset is subtracted from y.)")
      .def(
          "merge",
          [](SharedSummary& summary, const SharedSummary& other) -> SharedSummary& {
            const GroupedSummary theirs = other.snapshot();
            summary.change([&theirs](GroupedSummary& own) { own.merge(theirs); });
            return summary;
          },
          py::arg("other"), py::return_value_policy::reference_internal,
          "Folds in the rows of another summary of the same columns, factors and terms.")
      .def(
          "squared_residuals",
          [](const SharedSummary& summary, const MatrixXd& coefficients, const MatrixXd& effects) {
            const GroupedSummary own = summary.snapshot();
            const py::gil_scoped_release release;
            return own.squared_residuals(coefficients, effects);
          },
          py::arg("coefficients"), py::arg("effects"),
          "Weighted sums of squared residuals of many draws, (draws,): of coefficients with the intercept first, "
          "(columns + 1, draws), and effects, (effects, draws).")
      .def("state", &state_of,
           "Everything in it beside its structure, for `from_state`: the state of its statistics; origin, unit and "
           "rest; of each "
           "group the number of its rows and of the other effects that these reach into; these effects; the rows.")
      .def_static("from_state", &summary_of, py::arg("n_groups"), py::arg("terms"), py::arg("state"),
                  R"(Restores a summary to the last bit.

Raises
------
ValueError
    For a state that no rows can give.)")
      .def(py::pickle(
          [](const SharedSummary& summary) { return std::make_tuple(structure_of(summary), state_of(summary)); },
          [](const std::tuple<StructureTuple, StateTuple>& all) {
            const auto& [n_groups, terms] = std::get<0>(all);
            return summary_of(n_groups, terms, std::get<1>(all));
          }))
      .def("__copy__", [](const SharedSummary& summary) { return std::make_unique<SharedSummary>(summary.snapshot()); })
      .def(
          "__deepcopy__",
          [](const SharedSummary& summary, const py::dict&) {
            return std::make_unique<SharedSummary>(summary.snapshot());
          },
          py::arg("memo"))
      .def_property_readonly("columns", [](const SharedSummary& summary) { return summary.snapshot().columns(); })
      .def_property_readonly("n_rows",
                             [](const SharedSummary& summary) { return summary.snapshot().statistics().n_rows(); })
      .def_property_readonly(
          "total_weight", [](const SharedSummary& summary) { return summary.snapshot().statistics().total_weight(); })
      .def_property_readonly(
          "mean", [](const SharedSummary& summary) { return VectorXd(summary.snapshot().statistics().mean()); },
          "Weighted means, (columns + 1,), the response last.")
      .def_property_readonly(
          "sd", [](const SharedSummary& summary) { return summary.snapshot().statistics().sd(); },
          "Weighted standard deviations (divisor N), (columns + 1,), the response last.");
}

}  // namespace

void bind_groups(py::module_& module) {
  py::register_exception<filbert::GroupsTooLarge>(module, "GroupsTooLargeError", PyExc_ValueError);
  bind_grouped_summary(module);

  py::class_<GroupedGaussian>(module, "GroupedGaussian", R"(The posterior of a Gaussian mixed model over θ.

Coefficients with Gaussian (or flat) priors and all effects are integrated out. θ, in this order: of each term its deviations and
then w of its correlations (canonical partial correlations are tanh(w), row after row of the lower triangle), σ, and the
coefficients whose priors are not Gaussian. What is fixed is left out. A position is θ on the line, in coordinates of its own.

With `levels` the effects are the coefficients of a factor's levels: (means, deviations, reference), of each level that has a coefficient
the mean and the deviation of its normal prior, and the group that has none, or -1. There is one factor then, and one term of deviation 1,
which draws do not have.)")
      .def(py::init(&make_posterior), py::arg("summary"), py::kw_only(), py::arg("intercept"),
           py::arg("intercept_at_means"), py::arg("coefficient_priors"), py::arg("sigma"), py::arg("terms"),
           py::arg("levels") = py::none())
      .def_property_readonly("dimension", &GroupedGaussian::dimension, "Number of θ.")
      .def_property_readonly("parameters", &GroupedGaussian::parameters,
                             "Numbers in a draw besides effects: coefficients, σ unless fixed, and of each term "
                             "deviations and correlations.")
      .def_property_readonly("effects", &GroupedGaussian::effects,
                             "Number of effects: of each term, column after column, one a group.")
      .def("log_density", &log_density_of<GroupedGaussian>, py::arg("position"),
           "Log density on the line (logarithms of σ and deviations, unless their support has an upper edge too), with "
           "all "
           "constants and Jacobians, and its gradient.")
      .def(
          "position",
          [](const GroupedGaussian& posterior, const VectorXd& values) {
            filbert::require_size("values", values.size(), "elements", posterior.dimension());
            return posterior.position(values);
          },
          py::arg("values"), "The position of θ.")
      .def(
          "values",
          [](const GroupedGaussian& posterior, const VectorXd& position) {
            filbert::require_size("position", position.size(), "elements", posterior.dimension());
            return GroupedGaussian(posterior).values(position);
          },
          py::arg("position"), "θ at a position.");

  py::class_<FramedGroupedGaussian> framed(module, "FramedGroupedGaussian", R"(A GroupedGaussian in its frame.

A draw has the coefficients (the intercept first, where every predictor is 0), σ unless it is fixed, of each term its deviations
(also fixed ones) and its correlations (pairs in the order of itertools.combinations), and then, unless `effects` is False, the
effects of each term, column after column, one a group.

Parameters
----------
posterior : GroupedGaussian
effects : bool, default True
    Whether draws hold the effects; `draw_effects` gives them later, the same ones.
seed : int, default 0
    Of what is drawn given θ: coefficients and effects.
threads : int, default 1
    That look for the frame where an evaluation is dear; they change no number.)");
  framed
      .def(py::init([](const GroupedGaussian& posterior, bool effects, std::uint64_t seed, int threads) {
             return FramedGroupedGaussian(posterior, {effects, seed, threads});
           }),
           py::arg("posterior"), py::kw_only(), py::arg("effects") = true, py::arg("seed") = 0, py::arg("threads") = 1,
           py::call_guard<py::gil_scoped_release>())
      .def_property_readonly("evaluations", &FramedGroupedGaussian::evaluations,
                             "How often the density was evaluated to find the frame.")
      .def(
          "expected",
          [](const FramedGroupedGaussian& density) {
            FramedGroupedGaussian own = density;
            return own.expected();
          },
          py::call_guard<py::gil_scoped_release>(),
          "The draw with effects at the centre of the frame whose coefficients and effects are at their means.")
      .def(
          "draw_effects",
          [](const FramedGroupedGaussian& density, const MatrixXd& parameters) {
            filbert::require_size("parameters", parameters.rows(), "rows", density.posterior().parameters());
            const py::gil_scoped_release release;
            FramedGroupedGaussian own = density;
            MatrixXd effects(density.posterior().effects(), parameters.cols());
            own.draw_effects(parameters, effects);
            return effects;
          },
          py::arg("parameters"),
          "The effects of draws whose parameters are given, (parameters, draws), a column each.");
  def_framed_density(framed);

  module.def("mixed_model_fit", &maximum_likelihood, py::arg("summary"), py::kw_only(), py::arg("intercept"),
             py::arg("correlated"), py::arg("restricted"),
             R"(The classical fit of a mixed model, by maximum likelihood or restricted maximum likelihood.

Parameters
----------
summary : GroupedSummary
intercept : bool
correlated : list of bool
    Of each term.
restricted : bool
    Whether the coefficients are integrated out (REML) or maximised (ML).

Returns
-------
dict
    coefficients, standard_errors, sigma, deviations and correlations (a list, one array a term), effects (the conditional modes,
    in the order of draws), log_likelihood, converged.)");
}
