// What weighted draws are worth.
#pragma once

#include <Eigen/Core>

namespace filbert {

/// The effective share of importance draws, (Σ w)² / (n Σ w²), from logarithms of weights.
inline double effective_share(const Eigen::Ref<const Eigen::VectorXd>& log_weights) {
  const Eigen::ArrayXd weights = (log_weights.array() - log_weights.maxCoeff()).exp();
  return weights.sum() * weights.sum() / (static_cast<double>(weights.size()) * weights.square().sum());
}

}  // namespace filbert
