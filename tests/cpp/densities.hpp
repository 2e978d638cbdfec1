// Targets with known answers, for the tests of the sampler.
#pragma once

#include <Eigen/Core>
#include <array>
#include <cmath>
#include <limits>

namespace filbert::testing {

struct StandardNormal {
  Eigen::Index size;
  Eigen::Index dimension() const { return size; }
  double operator()(const Eigen::VectorXd& position, Eigen::VectorXd& gradient) {
    gradient = -position;
    return -0.5 * position.squaredNorm();
  }
};

/// Independent normals of mean zero.
struct ScaledNormal {
  Eigen::VectorXd sd;
  Eigen::Index dimension() const { return sd.size(); }
  double operator()(const Eigen::VectorXd& position, Eigen::VectorXd& gradient) {
    gradient = -position.array() / sd.array().square();
    return 0.5 * gradient.dot(position);
  }
};

/// A stationary AR(1) process: a normal with unit variances and correlations correlation^|i - j|.
struct Autoregression {
  Eigen::Index size;
  double correlation;
  Eigen::Index dimension() const { return size; }
  double operator()(const Eigen::VectorXd& position, Eigen::VectorXd& gradient) {
    const double precision = 1 / (1 - correlation * correlation);
    double log_density = -0.5 * position[0] * position[0];
    gradient[0] = -position[0];
    for (Eigen::Index i = 1; i < size; ++i) {
      const double innovation = position[i] - correlation * position[i - 1];
      log_density -= 0.5 * precision * innovation * innovation;
      gradient[i] = -precision * innovation;
      gradient[i - 1] += correlation * precision * innovation;
    }
    return log_density;
  }
};

/// Independent Student-t variates.
struct StudentT {
  Eigen::Index size;
  double nu;
  Eigen::Index dimension() const { return size; }
  double operator()(const Eigen::VectorXd& position, Eigen::VectorXd& gradient) {
    gradient = -(nu + 1) * position.array() / (nu + position.array().square());
    return -0.5 * (nu + 1) * (1 + position.array().square() / nu).log().sum();
  }
};

/// An anharmonic well, so that energy errors do not follow a normal's pattern.
struct QuarticWell {
  Eigen::Index size;
  Eigen::Index dimension() const { return size; }
  double operator()(const Eigen::VectorXd& position, Eigen::VectorXd& gradient) {
    gradient = -position.array().cube() - position.array();
    return -(0.25 * position.array().pow(4) + 0.5 * position.array().square()).sum();
  }
};

/// A standard normal that ends where the first coordinate passes 1; `beyond` is what the density says there.
struct TruncatedNormal {
  Eigen::Index size;
  double beyond = std::numeric_limits<double>::quiet_NaN();
  Eigen::Index dimension() const { return size; }
  double operator()(const Eigen::VectorXd& position, Eigen::VectorXd& gradient) {
    if (position[0] > 1) return beyond;
    gradient = -position;
    return -0.5 * position.squaredNorm();
  }
};

/// Flat where one starts; everywhere else density and gradient are what they are given as.
struct Wall {
  double log_density, gradient;
  Eigen::Index dimension() const { return 1; }
  double operator()(const Eigen::VectorXd& position, Eigen::VectorXd& slope) {
    slope[0] = position[0] == 0 ? 0 : gradient;
    return position[0] == 0 ? 0 : log_density;
  }

  /// Those that no trajectory may enter.
  static std::array<Wall, 6> all() {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    constexpr double infinity = std::numeric_limits<double>::infinity();
    return {{{nan, 0}, {-infinity, 0}, {infinity, 0}, {0, nan}, {0, infinity}, {-2000, 0}}};
  }
};

}  // namespace filbert::testing
