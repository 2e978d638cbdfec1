// SufficientStatistics and LeastSquares for Python.
#include <pybind11/eigen.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "filbert/summary/shared_statistics.hpp"

namespace py = pybind11;
using filbert::LeastSquares;
using filbert::SharedStatistics;
using filbert::SufficientStatistics;

namespace {

using Rows = filbert::RowsRef;
using Values = Eigen::Ref<const Eigen::VectorXd>;  // NumPy vectors at unit stride; pybind11 copies others

// Every function lets go of the interpreter's lock before it takes that of a summary, and takes it back after: a thread that waits
// for the one never holds the other.
using NoGil = py::call_guard<py::gil_scoped_release>;

template <typename Predictors>
SharedStatistics& update_from(SharedStatistics& summary, const Predictors& X, const Values& y,
                              const std::optional<Values>& weights) {
  // The arguments keep their arrays alive, and nothing here touches a Python object.
  const py::gil_scoped_release release;
  std::optional<filbert::ValuesRef> weight_values;
  if (weights) weight_values.emplace(*weights);
  summary.update(X, y, weight_values);
  return summary;
}

SharedStatistics& update(SharedStatistics& summary, const Rows& X, const Values& y,
                         const std::optional<Values>& weights) {
  return update_from(summary, X, y, weights);
}

SharedStatistics& update_columns(SharedStatistics& summary, const std::vector<Values>& columns, const Values& y,
                                 const std::optional<Values>& weights) {
  return update_from(summary, std::vector<filbert::ValuesRef>(columns.begin(), columns.end()), y, weights);
}

/// Factor, mean, exponents, total weight, number of rows.
using StateTuple = std::tuple<Eigen::MatrixXd, Eigen::VectorXd, Eigen::VectorXi, double, Eigen::Index>;

StateTuple state_of(const SharedStatistics& summary) {
  SufficientStatistics::State state = summary.snapshot().state();
  return {std::move(state.factor), std::move(state.mean), std::move(state.exponents), state.total_weight, state.n_rows};
}

SharedStatistics summary_of(const StateTuple& state) {
  const auto& [factor, mean, exponents, total_weight, n_rows] = state;
  return SharedStatistics(SufficientStatistics::from_state({factor, mean, exponents, total_weight, n_rows}));
}

/// A property or method without arguments of SufficientStatistics, read under the lock; its value is a copy.
template <typename Value>
auto reading(Value (SufficientStatistics::*get)() const) {
  return py::cpp_function(
      [get](const SharedStatistics& summary) {
        return summary.read([get](const SufficientStatistics& now) { return std::decay_t<Value>((now.*get)()); });
      },
      NoGil());
}

}  // namespace

void bind_summary(py::module_& module) {
  py::class_<LeastSquares>(module, "LeastSquares", R"(A classical least-squares fit.

Coefficients that other columns determine are NaN, and so are their standard errors.)")
      .def_readonly("estimate", &LeastSquares::estimate, "Estimates, (coefficients,); an intercept comes first.")
      .def_readonly("standard_error", &LeastSquares::standard_error, "Standard errors, (coefficients,).")
      .def_readonly("residual_sum_of_squares", &LeastSquares::residual_sum_of_squares,
                    "Weighted sum of squared residuals.")
      .def_readonly("degrees_of_freedom", &LeastSquares::degrees_of_freedom, "Total weight less rank.")
      .def_readonly("sigma", &LeastSquares::sigma, "Residual standard deviation; NaN without degrees of freedom.")
      .def_readonly("condition_number", &LeastSquares::condition_number,
                    "Of the (centred) columns at unit length, in the 1-norm.")
      .def_readonly("rank", &LeastSquares::rank, "Rank of the design, with the intercept.")
      .def_readonly("dependent", &LeastSquares::dependent,
                    "Lists of column indices: the last of each is a linear combination of the others.")
      .def("__repr__", [](const LeastSquares& fit) {
        return py::str("LeastSquares(estimate={}, standard_error={}, sigma={})")
            .format(fit.estimate, fit.standard_error, fit.sigma);
      });

  py::class_<SharedStatistics>(module, "SufficientStatistics",
                               R"(What a Gaussian likelihood sees of the rows of a regression.

Total weight, means, and the triangular factor of the centred ``[X y]``, by Householder QR in blocks of rows: some (p + 1)²
numbers however many rows there are. Blocks can be folded in one after the other (`update`), and summaries of parts of the
rows can be merged in any order (`merge`).

Parameters
----------
columns : int
    Number of predictors, the columns of X.)")
      .def(py::init<Eigen::Index>(), py::arg("columns"))
      .def_static(
          "from_arrays",
          [](const Rows& X, const Values& y, const std::optional<Values>& weights) {
            SharedStatistics summary(X.cols());
            update(summary, X, y, weights);
            return summary;
          },
          py::arg("X"), py::arg("y"), py::arg("weights") = py::none(), R"(Summarises all rows at once.

Parameters
----------
X : array, (rows, columns)
    Predictors. Every column has a coefficient; a column of ones is an intercept.
y : array, (rows,)
    Response.
weights : array, (rows,), optional
    A row of weight w counts as w rows.

Raises
------
ValueError
    For sizes that do not match, values that are not finite, and negative weights.)")
      .def("update", &update, py::arg("X"), py::arg("y"), py::arg("weights") = py::none(),
           py::return_value_policy::reference_internal, "Folds a block of rows in, and returns the summary itself.")
      .def(
          "update_columns", &update_columns, py::arg("columns"), py::arg("y"), py::arg("weights") = py::none(),
          py::return_value_policy::reference_internal,
          "Folds a block of rows in that is given column by column, arrays of (rows,), and returns the summary itself.")
      .def(
          "merge",
          [](SharedStatistics& summary, const SharedStatistics& other) -> SharedStatistics& {
            summary.merge(other);
            return summary;
          },
          py::arg("other"), py::return_value_policy::reference_internal, NoGil(),
          "Folds in the rows of another summary of the same columns, and returns the summary itself.")
      .def(
          "least_squares",
          [](const SharedStatistics& summary, bool intercept) { return summary.snapshot().least_squares(intercept); },
          py::arg("intercept") = false, NoGil(), R"(The classical fit of y on the columns.

Parameters
----------
intercept : bool, default False
    Whether an intercept stands beside the columns; it then comes first in the estimates.

Returns
-------
LeastSquares)")
      .def("state", &state_of, NoGil(),
           "Everything in it, for `from_state`: factor, mean, exponents, total weight and number of rows.")
      .def_static("from_state", &summary_of, py::arg("state"), R"(Restores a summary to the last bit.

Raises
------
ValueError
    For a state that no rows can give.)")
      .def(py::pickle(&state_of, &summary_of))
      .def(
          "__copy__", [](const SharedStatistics& summary) { return SharedStatistics(summary); }, NoGil())
      .def(
          "__deepcopy__", [](const SharedStatistics& summary, const py::dict&) { return SharedStatistics(summary); },
          py::arg("memo"), NoGil())
      .def_property_readonly("columns", reading(&SufficientStatistics::columns), "Number of predictors.")
      .def_property_readonly("n_rows", reading(&SufficientStatistics::n_rows), "Number of rows folded in.")
      .def_property_readonly("total_weight", reading(&SufficientStatistics::total_weight), "Sum of the weights.")
      .def_property_readonly("mean", reading(&SufficientStatistics::mean),
                             "Weighted means, (columns + 1,), the response last.")
      .def_property_readonly("sd", reading(&SufficientStatistics::sd),
                             "Weighted standard deviations (divisor N), (columns + 1,), the response last.")
      .def(
          "is_constant",
          [](const SharedStatistics& summary, Eigen::Index column) {
            return summary.read([column](const SufficientStatistics& now) { return now.is_constant(column); });
          },
          py::arg("column"), NoGil(),
          "Whether a column (the response is number `columns`) varies by no more than rounding.")
      .def("__repr__", [](const py::object& summary) {
        return py::str("SufficientStatistics(columns={0.columns}, n_rows={0.n_rows}, total_weight={0.total_weight})")
            .format(summary);
      });
}
