// Moves coordinates between the line and a ridge.
#include "filbert/groups/deviation_tie.hpp"

#include <cmath>

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

double PredictorPlace::distance() const { return std::abs(mean) / deviation; }

std::optional<PredictorPlace> place_of(const MatrixXd& products, Index one, Index j) {
  const double mean = products(one, j) / products(one, one);
  const double variance = products(j, j) / products(one, one) - mean * mean;
  if (!(variance > 0)) return std::nullopt;
  return PredictorPlace{mean, std::sqrt(variance)};
}

double DeviationTie::to_line(Eigen::Ref<VectorXd> position) const {
  const double distance = position(intercepts);
  position(intercepts) = position(slopes) + log_ratio + unit * std::sinh(distance);
  return std::log(unit * std::cosh(distance));
}

void DeviationTie::from_line(Eigen::Ref<VectorXd> line) const {
  line(intercepts) = std::asinh((line(intercepts) - line(slopes) - log_ratio) / unit);
}

void DeviationTie::pull_back(const Eigen::Ref<const VectorXd>& position, Eigen::Ref<VectorXd> slopes_of) const {
  const double distance = position(intercepts);
  slopes_of(slopes) += slopes_of(intercepts);
  slopes_of(intercepts) = slopes_of(intercepts) * unit * std::cosh(distance) + std::tanh(distance);
}

void DeviationTie::place(Eigen::Ref<VectorXd> start) const {
  start(intercepts) = 0;
  start(slopes) -= std::log(unit);
  start(w) = -sign * std::acosh(1 / unit);
}

}  // namespace filbert
