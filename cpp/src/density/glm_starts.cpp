// First guesses of linear predictors and auxiliaries, from the responses alone.
#include <algorithm>
#include <cmath>

#include "filbert/density/glm_data.hpp"

namespace filbert {

using Eigen::Index;
using Eigen::VectorXd;

VectorXd GlmData::starting_predictors() const {
  if (sample_) return sample_->starting_predictors();
  VectorXd eta(rows());
  for (Index i = 0; i < rows(); ++i) {
    const double trials = trials_.empty() ? 1.0 : trials_[static_cast<std::size_t>(i)];
    eta(i) = family_ ? starting_predictor(*family_, link_, y_[i], trials) : 0.0;
  }
  return eta;
}

VectorXd GlmData::starting_auxiliaries() const {
  if (sample_) return sample_->starting_auxiliaries();
  VectorXd start = VectorXd::Ones(auxiliaries());
  if (!family_ || auxiliaries() == 0) return start;
  double mean = 0, square = 0;
  for (Index i = 0; i < rows(); ++i) {
    const double y = trials_.empty() ? y_[i] : y_[i] / trials_[static_cast<std::size_t>(i)];
    mean += weight(i) * y / total_weight_;
    square += weight(i) * y * y / total_weight_;
  }
  const double variance = std::max(square - mean * mean, 1e-300);
  switch (*family_) {
    case Family::NegativeBinomial:
      start(0) = std::clamp(mean * mean / std::max(variance - mean, 1e-3 * variance), 0.1, 1e3);
      break;
    case Family::Gamma:
      start(0) = std::clamp(mean * mean / variance, 0.1, 1e6);
      break;
    case Family::Beta:
    case Family::BetaBinomial:
      start(0) = std::clamp(mean * (1 - mean) / variance - 1, 0.5, 1e4);
      break;
    case Family::StudentT:
      start(0) = std::sqrt(variance) + 1e-12 * std::abs(mean);
      start(1) = 10;
      break;
    default:
      start(0) = std::sqrt(variance) + 1e-12 * std::abs(mean);
  }
  return start;
}

}  // namespace filbert
