// Proposes points of a frame from a heavy-tailed multivariate t.
#pragma once

#include <Eigen/Core>
#include <cmath>

#include "filbert/sampler/rng.hpp"

namespace filbert {

/// A spherical Student t with 8 degrees of freedom about 0: as wide as the standard normal that a frame aims at, and heavier in
/// its tails than whatever is left in a frame, so that no weight is large.
class StudentProposal {
 public:
  static constexpr int freedom = 8;

  explicit StudentProposal(Eigen::Index dimension) : dimension_(dimension) {}

  /// Fills the columns of `draws`, and writes the log density of each, up to a constant.
  void draw(Rng& rng, Eigen::MatrixXd& draws, Eigen::VectorXd& values) const {
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
    return -0.5 * (freedom + static_cast<double>(dimension_)) * std::log1p(point.squaredNorm() / freedom);
  }

 private:
  Eigen::Index dimension_;
};

/// The effective share of importance draws, (Σ w)² / (n Σ w²), from logarithms of weights.
inline double effective_share(const Eigen::Ref<const Eigen::VectorXd>& log_weights) {
  const Eigen::ArrayXd weights = (log_weights.array() - log_weights.maxCoeff()).exp();
  return weights.sum() * weights.sum() / (static_cast<double>(weights.size()) * weights.square().sum());
}

}  // namespace filbert
