// The table of priors, and the densities in it, for Python.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>
#include <utility>
#include <vector>

#include "prior_spec.hpp"

namespace py = pybind11;

namespace {

py::dict prior_table() {
  py::dict table;
  for (const filbert::NamedPrior& row : filbert::Prior::table()) {
    py::list parameters;
    for (const std::string_view parameter : row.parameters) parameters.append(std::string(parameter));
    table[py::str(std::string(row.name))] = py::tuple(parameters);
  }
  return table;
}

std::pair<double, double> prior_log_density(const std::string& name, const std::vector<double>& parameters, double x) {
  const filbert::LogDensityAt at = make_prior({name, parameters})(x);
  return {at.value, at.derivative};
}

}  // namespace

void bind_priors(py::module_& module) {
  module.def("prior_table", &prior_table, "Every prior's name, and the names of its parameters in order.");
  module.def("prior_log_density", &prior_log_density, py::arg("name"), py::arg("parameters"), py::arg("x"),
             "Log density of a prior, and its derivative, at x.");
}
