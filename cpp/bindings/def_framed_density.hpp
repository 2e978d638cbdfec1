// What every density shows to Python. Each call works on a copy, so that threads may evaluate and sample one density together.
#pragma once

#include <pybind11/eigen.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <utility>

#include "filbert/density/framed_density.hpp"
#include "filbert/numeric/require.hpp"

template <filbert::LogDensity Density>
std::pair<double, Eigen::VectorXd> log_density_of(const Density& density, const Eigen::VectorXd& position) {
  filbert::require_size("position", position.size(), "elements", density.dimension());
  const pybind11::gil_scoped_release release;
  Density own = density;
  Eigen::VectorXd gradient(position.size());
  const double value = own(position, gradient);
  return {value, std::move(gradient)};
}

template <filbert::FramedDensity Density>
Eigen::MatrixXd to_user_scale(const Density& density, const Eigen::MatrixXd& positions) {
  filbert::require_size("positions", positions.rows(), "rows", density.dimension());
  const pybind11::gil_scoped_release release;
  Density own = density;
  Eigen::MatrixXd draws(density.variables(), positions.cols());
  own.to_user_scale(positions, draws);
  return draws;
}

template <filbert::FramedDensity Density>
double user_log_density(const Density& density, const Eigen::VectorXd& position, double log_density) {
  filbert::require_size("position", position.size(), "elements", density.dimension());
  const pybind11::gil_scoped_release release;
  Density own = density;
  return own.user_log_density(position, log_density);
}

template <filbert::FramedDensity Density>
void def_framed_density(pybind11::class_<Density>& bound) {
  namespace py = pybind11;
  bound.def_property_readonly("dimension", &Density::dimension, "Number of coordinates that are sampled.")
      .def_property_readonly("variables", &Density::variables, "Number of values that make up a draw.")
      .def("log_density", &log_density_of<Density>, py::arg("position"),
           "Log density in the frame, with its Jacobian, and the gradient.")
      .def("to_user_scale", &to_user_scale<Density>, py::arg("positions"),
           "The variables at positions in the frame, (dimension, draws), a column each.")
      .def("user_log_density", &user_log_density<Density>, py::arg("position"), py::arg("log_density"),
           "The log density that is reported where the one in the frame is given.");
}
