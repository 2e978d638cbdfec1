// SufficientStatistics and LeastSquares for Python.
#include <pybind11/eigen.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <tuple>

#include "filbert/summary/sufficient_statistics.hpp"

namespace py = pybind11;
using filbert::LeastSquares;
using filbert::SufficientStatistics;

namespace {

using Rows = filbert::RowsRef;
using Values = Eigen::Ref<const Eigen::VectorXd>;  // NumPy vectors at unit stride; pybind11 copies others

SufficientStatistics& update(SufficientStatistics& summary, const Rows& X, const Values& y,
                             const std::optional<Values>& weights) {
  // The arguments keep their arrays alive, and nothing here touches a Python object.
  const py::gil_scoped_release release;
  std::optional<filbert::ValuesRef> weight_values;
  if (weights) weight_values.emplace(*weights);
  summary.update(X, y, weight_values);
  return summary;
}

/// Factor, mean, exponents, total weight, number of rows.
using StateTuple = std::tuple<Eigen::MatrixXd, Eigen::VectorXd, Eigen::VectorXi, double, Eigen::Index>;

StateTuple state_of(const SufficientStatistics& summary) {
  const SufficientStatistics::State state = summary.state();
  return {state.factor, state.mean, state.exponents, state.total_weight, state.n_rows};
}

SufficientStatistics summary_of(const StateTuple& state) {
  const auto& [factor, mean, exponents, total_weight, n_rows] = state;
  return SufficientStatistics::from_state({factor, mean, exponents, total_weight, n_rows});
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

  py::class_<SufficientStatistics>(module, "SufficientStatistics",
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
            SufficientStatistics summary(X.cols());
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
          "merge",
          [](SufficientStatistics& summary, const SufficientStatistics& other) -> SufficientStatistics& {
            summary.merge(other);
            return summary;
          },
          py::arg("other"), py::return_value_policy::reference_internal,
          "Folds in the rows of another summary of the same columns, and returns the summary itself.")
      .def(
          "least_squares",
          [](const SufficientStatistics& summary, bool intercept) {
            const py::gil_scoped_release release;
            return summary.least_squares(intercept);
          },
          py::arg("intercept") = false, R"(The classical fit of y on the columns.

Parameters
----------
intercept : bool, default False
    Whether an intercept stands beside the columns; it then comes first in the estimates.

Returns
-------
LeastSquares)")
      .def("state", &state_of,
           "Everything in it, for `from_state`: factor, mean, exponents, total weight and number of rows.")
      .def_static("from_state", &summary_of, py::arg("state"), R"(Restores a summary to the last bit.

Raises
------
ValueError
    For a state that no rows can give.)")
      .def(py::pickle(&state_of, &summary_of))
      .def("__copy__", [](const SufficientStatistics& summary) { return SufficientStatistics(summary); })
      .def(
          "__deepcopy__",
          [](const SufficientStatistics& summary, const py::dict&) { return SufficientStatistics(summary); },
          py::arg("memo"))
      .def_property_readonly("columns", &SufficientStatistics::columns, "Number of predictors.")
      .def_property_readonly("n_rows", &SufficientStatistics::n_rows, "Number of rows folded in.")
      .def_property_readonly("total_weight", &SufficientStatistics::total_weight, "Sum of the weights.")
      .def_property_readonly("mean", &SufficientStatistics::mean, "Weighted means, (columns + 1,), the response last.")
      .def_property_readonly("sd", &SufficientStatistics::sd,
                             "Weighted standard deviations (divisor N), (columns + 1,), the response last.")
      .def("is_constant", &SufficientStatistics::is_constant, py::arg("column"),
           "Whether a column (the response is number `columns`) varies by no more than rounding.")
      .def("__repr__", [](const SufficientStatistics& summary) {
        return py::str("SufficientStatistics(columns={}, n_rows={}, total_weight={})")
            .format(summary.columns(), summary.n_rows(), summary.total_weight());
      });
}
