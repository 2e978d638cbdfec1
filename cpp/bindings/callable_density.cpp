// Calls the Python functions, and checks what they return.
#include "callable_density.hpp"

#include <pybind11/eigen.h>
#include <pybind11/numpy.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace py = pybind11;
using Eigen::Index;

namespace {

using Doubles = py::array_t<double, py::array::f_style | py::array::forcecast>;

std::string shape_of(const Doubles& array) { return py::str(array.attr("shape")).cast<std::string>(); }

Doubles as_doubles(const py::object& value, const char* what) {
  Doubles array = Doubles::ensure(value);
  if (array) return array;
  PyErr_Clear();
  throw py::type_error(std::string(what) + " must return numbers, not " +
                       py::str(py::type::of(value).attr("__name__")).cast<std::string>());
}

}  // namespace

CallableDensity::Functions::~Functions() {
  if (!Py_IsInitialized()) {  // too late to give anything back
    log_density.release();
    to_user_scale.release();
    return;
  }
  const py::gil_scoped_acquire acquire;
  log_density = py::object();
  to_user_scale = py::object();
}

CallableDensity::CallableDensity(Index dimension, Index variables, py::object log_density, py::object to_user_scale)
    : dimension_(dimension), variables_(variables) {
  if (dimension < 1) throw std::invalid_argument("dimension must be at least 1, not " + std::to_string(dimension));
  if (variables < 1) throw std::invalid_argument("variables must be at least 1, not " + std::to_string(variables));
  if (PyCallable_Check(log_density.ptr()) == 0) throw py::type_error("log_density must be a function");
  if (PyCallable_Check(to_user_scale.ptr()) == 0) throw py::type_error("to_user_scale must be a function");
  functions_ = std::make_shared<const Functions>(std::move(log_density), std::move(to_user_scale));
}

double CallableDensity::operator()(const Eigen::VectorXd& position, Eigen::VectorXd& gradient) const {
  const py::gil_scoped_acquire acquire;
  // An array of its own, which the function may keep.
  const py::object result = functions_->log_density(py::array_t<double>(position.size(), position.data()));
  if (!py::isinstance<py::tuple>(result) || py::len(result) != 2) {
    throw py::type_error("log_density must return a tuple of the log density and its gradient, not " +
                         py::repr(result).cast<std::string>());
  }
  const py::tuple pair = result;
  const Doubles slopes = as_doubles(pair[1], "the gradient of log_density");
  if (slopes.ndim() != 1 || slopes.shape(0) != dimension_) {
    throw py::value_error("the gradient of log_density must have the shape (" + std::to_string(dimension_) +
                          ",), not " + shape_of(slopes));
  }
  gradient = Eigen::Map<const Eigen::VectorXd>(slopes.data(), dimension_);
  const double value = PyFloat_AsDouble(py::object(pair[0]).ptr());
  if (value == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
  return value;
}

void CallableDensity::to_user_scale(const Eigen::Ref<const Eigen::MatrixXd>& positions,
                                    Eigen::Ref<Eigen::MatrixXd> draws) const {
  const py::gil_scoped_acquire acquire;
  const Doubles values = as_doubles(functions_->to_user_scale(py::cast(Eigen::MatrixXd(positions))), "to_user_scale");
  if (values.ndim() != 2 || values.shape(0) != variables_ || values.shape(1) != positions.cols()) {
    throw py::value_error("to_user_scale must return an array of shape (" + std::to_string(variables_) + ", " +
                          std::to_string(positions.cols()) + "), a column for each position, not " + shape_of(values));
  }
  draws = Eigen::Map<const Eigen::MatrixXd>(values.data(), variables_, positions.cols());
}
