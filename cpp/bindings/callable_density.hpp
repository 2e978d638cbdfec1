// A density that Python functions compute, in the form that the sampler takes.
#pragma once

#include <pybind11/pybind11.h>

#include <Eigen/Core>
#include <memory>

#include "filbert/density/framed_density.hpp"

/// Models filbert::FramedDensity. May be copied and evaluated on any thread, which takes the interpreter's lock for each call.
class CallableDensity {
 public:
  /// Throws std::invalid_argument where a number is below 1, TypeError where a function cannot be called.
  CallableDensity(Eigen::Index dimension, Eigen::Index variables, pybind11::object log_density,
                  pybind11::object to_user_scale);

  Eigen::Index dimension() const { return dimension_; }
  Eigen::Index variables() const { return variables_; }

  double operator()(const Eigen::VectorXd& position, Eigen::VectorXd& gradient) const;
  void to_user_scale(const Eigen::Ref<const Eigen::MatrixXd>& positions, Eigen::Ref<Eigen::MatrixXd> draws) const;

  /// What is reported is the density's own value: no Jacobian is known.
  double user_log_density(const Eigen::VectorXd& /*position*/, double log_density) const { return log_density; }

 private:
  struct Functions {
    pybind11::object log_density, to_user_scale;
    ~Functions();
  };

  Eigen::Index dimension_, variables_;
  std::shared_ptr<const Functions> functions_;  // shared, so that copying touches no Python object
};

static_assert(filbert::FramedDensity<CallableDensity>);
