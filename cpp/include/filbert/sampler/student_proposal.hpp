// Proposes points of a frame from a heavy-tailed multivariate t.
#pragma once

#include <Eigen/Core>
#include <cmath>
#include <numbers>

#include "filbert/sampler/rng.hpp"

namespace filbert {

/// A spherical Student t with 8 degrees of freedom about 0: as wide as the standard normal that a frame aims at, and heavier in
/// its tails than whatever is left in a frame, so that no weight is large. Models `IndependentProposal`.
class StudentProposal {
 public:
  static constexpr int freedom = 8;

  explicit StudentProposal(Eigen::Index dimension) : dimension_(dimension) {
    const double size = static_cast<double>(dimension), nu = freedom, pi = std::numbers::pi;
    log_constant_ = std::lgamma(0.5 * (nu + size)) - std::lgamma(0.5 * nu) - 0.5 * size * std::log(nu * pi);
  }

  /// Fills the columns of `draws`, and writes the log density of each.
  void draw(Rng& rng, Eigen::Ref<Eigen::MatrixXd> draws, Eigen::Ref<Eigen::VectorXd> values) const {
    for (Eigen::Index i = 0; i < draws.cols(); ++i) {
      double chi_square = 0;
      for (int k = 0; k < freedom; ++k) {
        const double normal = rng.normal();
        chi_square += normal * normal;
      }
      const double stretch = std::sqrt(freedom / chi_square);
      for (double& coordinate : draws.col(i)) coordinate = stretch * rng.normal();
      values(i) = log_density(draws.col(i));
    }
  }

  double log_density(const Eigen::Ref<const Eigen::VectorXd>& point) const {
    return log_constant_ -
           0.5 * (freedom + static_cast<double>(dimension_)) * std::log1p(point.squaredNorm() / freedom);
  }

 private:
  Eigen::Index dimension_;
  double log_constant_;
};

}  // namespace filbert
