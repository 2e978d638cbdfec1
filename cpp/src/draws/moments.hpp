// Mean and variance of draws.
#pragma once

#include <Eigen/Core>

namespace filbert {

// Differences from the first element, so that the mean of equal values is that value and their variance is exactly 0.
template <typename Values>
double mean(const Eigen::MatrixBase<Values>& values) {
  const double first = values(0);
  return first + (values.array() - first).mean();
}

/// Unbiased variance.
template <typename Values>
double variance(const Eigen::MatrixBase<Values>& values) {
  return (values.array() - mean(values)).square().sum() / static_cast<double>(values.size() - 1);
}

}  // namespace filbert
