// Draws of row means and responses, what they say of rows, and their summaries, for Python.
#include <pybind11/eigen.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "filbert/draws/glm_predictive.hpp"
#include "filbert/draws/predictive.hpp"

namespace py = pybind11;

namespace {

using Draws = py::array_t<double, py::array::c_style | py::array::forcecast>;
using Keys = py::array_t<std::uint64_t, py::array::c_style>;
using DrawsMap = Eigen::Map<const filbert::RowDraws>;
using Trials = std::optional<Eigen::VectorXd>;

DrawsMap as_matrix(const Draws& draws, const char* axes) {
  if (draws.ndim() != 2) {
    throw std::invalid_argument("the array must have the dimensions " + std::string(axes) + ", but it has " +
                                std::to_string(draws.ndim()));
  }
  return DrawsMap(draws.data(), draws.shape(0), draws.shape(1));
}

// In each function the arguments keep their arrays alive while the GIL is released.

void mean_draws(const filbert::DesignRef& X, const Draws& coefficients, bool has_intercept, filbert::StridedDraws means,
                int threads) {
  const DrawsMap matrix = as_matrix(coefficients, "(coefficients, draws)");
  const py::gil_scoped_release release;
  filbert::mean_draws(X, matrix, has_intercept, means, threads);
}

void response_draws(filbert::StridedDraws means, const Eigen::VectorXd& sigma, const Keys& keys, std::uint64_t seed,
                    filbert::StridedDraws responses, int threads) {
  const std::vector<std::uint64_t> row_keys(keys.data(), keys.data() + keys.size());
  const py::gil_scoped_release release;
  filbert::response_draws(means, sigma, row_keys, seed, responses, threads);
}

void glm_response_draws(const std::string& family, filbert::StridedDraws means, const Trials& trials,
                        const Draws& auxiliaries, const Keys& keys, std::uint64_t seed, filbert::StridedDraws responses,
                        int threads) {
  const filbert::Family named = filbert::family_named(family);
  const DrawsMap of_draws = as_matrix(auxiliaries, "(auxiliaries, draws)");
  const std::vector<std::uint64_t> row_keys(keys.data(), keys.data() + keys.size());
  const py::gil_scoped_release release;
  filbert::glm_response_draws(named, means, trials.value_or(Eigen::VectorXd()), of_draws, row_keys, seed, responses,
                              threads);
}

py::array_t<double> glm_log_likelihood(const std::string& family, const std::string& link, const Eigen::VectorXd& y,
                                       const Trials& trials, const Draws& eta, const Draws& auxiliaries, int threads) {
  const filbert::Family named = filbert::family_named(family);
  const filbert::Link of_family = filbert::link_named(link, named);
  const DrawsMap predictors = as_matrix(eta, "(rows, draws)"),
                 of_draws = as_matrix(auxiliaries, "(auxiliaries, draws)");
  py::array_t<double> result({predictors.rows(), predictors.cols()});
  Eigen::Map<filbert::RowDraws> into(result.mutable_data(), predictors.rows(), predictors.cols());
  const py::gil_scoped_release release;
  filbert::glm_log_likelihood(named, of_family, y, trials.value_or(Eigen::VectorXd()), predictors, of_draws, into,
                              threads);
  return result;
}

void uniform_draws(const Keys& keys, std::uint64_t seed, filbert::StridedDraws uniforms, int threads) {
  const std::vector<std::uint64_t> row_keys(keys.data(), keys.data() + keys.size());
  const py::gil_scoped_release release;
  filbert::uniform_draws(row_keys, seed, uniforms, threads);
}

std::array<double, 2> shortest_interval(const Draws& values, double probability) {
  const std::span all(values.data(), static_cast<std::size_t>(values.size()));
  const py::gil_scoped_release release;
  return filbert::shortest_interval(all, probability);
}

py::tuple summarise_rows(const Draws& draws, double probability, bool highest_density, int threads) {
  const DrawsMap matrix = as_matrix(draws, "(rows, draws)");
  const auto interval = highest_density ? filbert::Interval::HighestDensity : filbert::Interval::EqualTailed;
  filbert::RowSummaries summaries;
  {
    const py::gil_scoped_release release;
    summaries = filbert::summarise_rows(matrix, probability, interval, threads);
  }
  return py::make_tuple(summaries.mean, summaries.sd, summaries.lower, summaries.upper);
}

}  // namespace

void bind_predictive(py::module_& module) {
  module.def(
      "mean_draws", &mean_draws, py::arg("X"), py::arg("coefficients"), py::arg("has_intercept"), py::arg("means"),
      py::arg("threads") = 1,
      "Fills means (rows, draws) with X · slopes + intercept, from coefficients (coefficients, draws), intercept "
      "first.");
  module.def("response_draws", &response_draws, py::arg("means"), py::arg("sigma"), py::arg("keys"), py::arg("seed"),
             py::arg("responses"), py::arg("threads") = 1,
             "Fills responses (rows, draws) with means + sigma · noise; a row's noise depends on the seed and its key "
             "alone.");
  module.def(
      "uniform_draws", &uniform_draws, py::arg("keys"), py::arg("seed"), py::arg("uniforms"), py::arg("threads") = 1,
      "Fills uniforms (rows, draws) with numbers in (0, 1); a row's depend on the seed and its key alone, and not on "
      "what response_draws adds.");
  module.def("glm_log_likelihood", &glm_log_likelihood, py::arg("family"), py::arg("link"), py::arg("y"),
             py::arg("trials"), py::arg("eta"), py::arg("auxiliaries"), py::arg("threads") = 1,
             "Log likelihoods (rows, draws) at linear predictors (rows, draws) and auxiliaries (auxiliaries, draws).");
  module.def(
      "glm_response_draws", &glm_response_draws, py::arg("family"), py::arg("means"), py::arg("trials"),
      py::arg("auxiliaries"), py::arg("keys"), py::arg("seed"), py::arg("responses"), py::arg("threads") = 1,
      "Fills responses (rows, draws), given the mean of each (of one trial) and auxiliaries (auxiliaries, draws).");
  module.def("shortest_interval", &shortest_interval, py::arg("values"), py::arg("probability"),
             "Both ends of the shortest interval between two of the values that holds the probability.");
  module.def("summarise_rows", &summarise_rows, py::arg("draws"), py::arg("probability"), py::arg("highest_density"),
             py::arg("threads") = 1,
             "Mean, sd and the ends of the highest-density or equal-tailed interval of each row of (rows, draws).");
}
