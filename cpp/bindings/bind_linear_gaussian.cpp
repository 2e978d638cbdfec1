// LinearGaussian and FramedLinearGaussian for Python.
#include <pybind11/eigen.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "filbert/density/framed_linear_gaussian.hpp"
#include "filbert/density/linear_gaussian.hpp"

namespace py = pybind11;
using filbert::FramedLinearGaussian;
using filbert::InterceptPrior;
using filbert::LinearGaussian;
using filbert::Prior;
using filbert::SufficientStatistics;

namespace {

/// A prior's name and its parameters, in the order of its named constructor.
using PriorSpec = std::pair<std::string, std::vector<double>>;

template <std::size_t... Is, typename... Doubles>
std::function<Prior(const std::vector<double>&)> unpack(Prior (*make)(Doubles...), std::index_sequence<Is...>) {
  return [make](const std::vector<double>& values) {
    if (values.size() != sizeof...(Doubles)) throw std::invalid_argument("wrong number of prior parameters");
    return make(values[Is]...);
  };
}

template <typename... Doubles>
std::function<Prior(const std::vector<double>&)> from_values(Prior (*make)(Doubles...)) {
  return unpack(make, std::index_sequence_for<Doubles...>{});
}

Prior make_prior(const PriorSpec& spec) {
  static const std::map<std::string, std::function<Prior(const std::vector<double>&)>, std::less<>> makers = {
      {"Normal", from_values(&Prior::normal)},
      {"StudentT", from_values(&Prior::student_t)},
      {"Cauchy", from_values(&Prior::cauchy)},
      {"Laplace", from_values(&Prior::laplace)},
      {"Uniform", from_values(&Prior::uniform)},
      {"Flat", from_values(&Prior::flat)},
      {"HalfNormal", from_values(&Prior::half_normal)},
      {"HalfStudentT", from_values(&Prior::half_student_t)},
      {"HalfCauchy", from_values(&Prior::half_cauchy)},
      {"HalfFlat", from_values(&Prior::half_flat)},
      {"Exponential", from_values(&Prior::exponential)},
      {"Gamma", from_values(&Prior::gamma)},
      {"InverseGamma", from_values(&Prior::inverse_gamma)},
  };
  const auto maker = makers.find(spec.first);
  if (maker == makers.end()) throw std::invalid_argument("unknown prior '" + spec.first + "'");
  return maker->second(spec.second);
}

LinearGaussian make_posterior(const SufficientStatistics& summary, bool intercept, bool intercept_at_means,
                              const std::vector<PriorSpec>& coefficient_priors, const PriorSpec& sigma_prior) {
  std::vector<Prior> priors;
  for (const PriorSpec& spec : coefficient_priors) priors.push_back(make_prior(spec));
  return LinearGaussian(summary, intercept, intercept_at_means ? InterceptPrior::AtMeans : InterceptPrior::AtZero,
                        priors, make_prior(sigma_prior));
}

template <typename Density>
std::pair<double, Eigen::VectorXd> log_density(Density& density, const Eigen::VectorXd& position) {
  if (position.size() != density.dimension()) {
    throw std::invalid_argument("position must have " + std::to_string(density.dimension()) + " elements, not " +
                                std::to_string(position.size()));
  }
  Eigen::VectorXd gradient(position.size());
  const double value = density(position, gradient);
  return {value, gradient};
}

}  // namespace

void bind_linear_gaussian(py::module_& module) {
  py::register_exception<filbert::ImproperPosterior>(module, "ImproperPosteriorError", PyExc_ValueError);
  // Never released: the translator may outlive the interpreter's last chance to do so.
  static PyObject* const uncomputable =
      py::exception<filbert::UncomputablePosterior>(module, "UncomputablePosteriorError", PyExc_ValueError)
          .release()
          .ptr();
  py::register_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const filbert::UncomputablePosterior& error) {
      PyErr_SetObject(uncomputable, py::make_tuple(error.what(), error.coefficient()).ptr());
    }
  });

  module.def(
      "prior_log_density",
      [](const std::string& name, const std::vector<double>& parameters, double x) {
        const filbert::LogDensityAt at = make_prior({name, parameters})(x);
        return std::pair(at.value, at.derivative);
      },
      py::arg("name"), py::arg("parameters"), py::arg("x"), "Log density of a prior, and its derivative, at x.");

  py::class_<LinearGaussian>(module, "LinearGaussian", "The posterior over (β, log σ), evaluated from the summary.")
      .def(py::init(&make_posterior), py::arg("summary"), py::kw_only(), py::arg("intercept"),
           py::arg("intercept_at_means"), py::arg("coefficient_priors"), py::arg("sigma_prior"))
      .def_property_readonly("dimension", &LinearGaussian::dimension)
      .def("log_density", &log_density<const LinearGaussian>, py::arg("position"),
           "Log density at (β, log σ), with all constants and the Jacobian of log σ, and its gradient.");

  py::class_<FramedLinearGaussian>(module, "FramedLinearGaussian", "A LinearGaussian in its standard frame.")
      .def(py::init<const LinearGaussian&>(), py::arg("posterior"), py::call_guard<py::gil_scoped_release>())
      .def_property_readonly("dimension", &FramedLinearGaussian::dimension)
      .def("log_density", &log_density<FramedLinearGaussian>, py::arg("position"),
           "Log density at (u, ζ), with the Jacobian of the frame, and its gradient.")
      .def(
          "to_user_scale",
          [](FramedLinearGaussian& density, const Eigen::MatrixXd& positions) {
            Eigen::MatrixXd draws(positions.rows(), positions.cols());
            density.to_user_scale(positions, draws);
            return draws;
          },
          py::arg("positions"), "(β, σ) of positions in the frame, a column each.")
      .def("user_log_density", &FramedLinearGaussian::user_log_density, py::arg("position"), py::arg("log_density"),
           "The log density of (β, log σ) where the one in the frame is given.")
      .def(
          "prior_shifts",
          [](const FramedLinearGaussian& density, const LinearGaussian& posterior, double sigma) {
            return density.frame().prior_shifts(sigma / posterior.response_scale());
          },
          py::arg("posterior"), py::arg("sigma"),
          "Standard errors by which the priors move the answer along each direction, at residual deviation `sigma`.")
      .def(
          "prior_shares", [](const FramedLinearGaussian& density) { return density.frame().prior_shares(); },
          "The part of each prior in the prior precision along each direction, (priors, directions).");
}
