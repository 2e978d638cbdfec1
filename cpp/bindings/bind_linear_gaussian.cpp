// LinearGaussian and FramedLinearGaussian for Python.
#include <pybind11/eigen.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <vector>

#include "def_framed_density.hpp"
#include "filbert/density/framed_linear_gaussian.hpp"
#include "filbert/density/linear_gaussian.hpp"
#include "filbert/summary/shared_statistics.hpp"
#include "prior_spec.hpp"

namespace py = pybind11;
using filbert::FramedLinearGaussian;
using filbert::InterceptPrior;
using filbert::LinearGaussian;
using filbert::Prior;
using filbert::SharedStatistics;

namespace {

LinearGaussian make_posterior(const SharedStatistics& summary, bool intercept, bool intercept_at_means,
                              const std::vector<PriorSpec>& coefficient_priors, const PriorSpec& sigma_prior) {
  std::vector<Prior> priors;
  for (const PriorSpec& spec : coefficient_priors) priors.push_back(make_prior(spec));
  const Prior sigma = make_prior(sigma_prior);
  const py::gil_scoped_release release;
  return LinearGaussian(summary.snapshot(), intercept,
                        intercept_at_means ? InterceptPrior::AtMeans : InterceptPrior::AtZero, priors, sigma);
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

  py::class_<LinearGaussian>(module, "LinearGaussian", "The posterior over (β, log σ), evaluated from the summary.")
      .def(py::init(&make_posterior), py::arg("summary"), py::kw_only(), py::arg("intercept"),
           py::arg("intercept_at_means"), py::arg("coefficient_priors"), py::arg("sigma_prior"))
      .def_property_readonly("dimension", &LinearGaussian::dimension)
      .def("log_density", &log_density_of<LinearGaussian>, py::arg("position"),
           "Log density at (β, log σ), with all constants and the Jacobian of log σ, and its gradient.");

  py::class_<FramedLinearGaussian> framed(module, "FramedLinearGaussian", "A LinearGaussian in its standard frame.");
  def_framed_density(framed);
  framed.def(py::init<const LinearGaussian&>(), py::arg("posterior"), py::call_guard<py::gil_scoped_release>())
      .def(
          "prior_shifts",
          [](const FramedLinearGaussian& density, const LinearGaussian& posterior, double sigma) {
            filbert::require_size("posterior", posterior.coefficients(), "coefficients",
                                  density.frame().coefficients());
            return density.frame().prior_shifts(sigma / posterior.response_scale());
          },
          py::arg("posterior"), py::arg("sigma"),
          "Standard errors by which the priors move the answer along each direction, at residual deviation `sigma`.")
      .def(
          "prior_shares", [](const FramedLinearGaussian& density) { return density.frame().prior_shares(); },
          "The part of each prior in the prior precision along each direction, (priors, directions).");
}
