// Adds parts of counts to rows at an edge: their logarithms are a barrier, and a wall of slope λ gets the frame of a mean of 1/λ.
#include "filbert/density/glm_edges.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <utility>

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

enum class Edge { None, Lower, Upper };

Edge edge_of(const GlmData& data, Index row) {
  if (!data.family() || data.weight(row) == 0) return Edge::None;
  const double y = data.response(row);
  switch (*data.family()) {
    case Family::Poisson:
    case Family::NegativeBinomial:
      return data.link() != Link::Log && y == 0 ? Edge::Lower : Edge::None;
    case Family::Bernoulli:
    case Family::Binomial:
      if (data.link() != Link::Identity) return Edge::None;
      return y == 0 ? Edge::Lower : y == data.trials(row) ? Edge::Upper : Edge::None;
    default:
      return Edge::None;
  }
}

/// What is added to the count of each row, or taken from it; a count for each of as many rows as there are coefficients, at most.
VectorXd shares(const GlmData& data, Index coefficients, const std::vector<bool>& chosen) {
  const double count = static_cast<double>(std::max<std::ptrdiff_t>(std::count(chosen.begin(), chosen.end(), true), 1));
  // No more than a half of a trial: the other edge is to stay where it is.
  const double most = data.family() == Family::Bernoulli || data.family() == Family::Binomial ? 0.5 : 1.0;
  const double share = std::min(most, static_cast<double>(coefficients) / count);
  VectorXd result = VectorXd::Zero(data.rows());
  for (Index i = 0; i < data.rows(); ++i) {
    if (!chosen[static_cast<std::size_t>(i)]) continue;
    const Edge edge = edge_of(data, i);
    result(i) = edge == Edge::Lower ? share : edge == Edge::Upper ? -share : 0.0;
  }
  return result;
}

UnconstrainedGlm held_off(const UnconstrainedGlm& density, const VectorXd& added) {
  const auto data = std::make_shared<const GlmData>(density.data().with_added(added));
  UnconstrainedGlm result(std::make_shared<const GlmPosterior>(density.posterior().with_data(data)),
                          density.likelihood_only());
  if (density.holds_auxiliaries()) result.hold_auxiliaries();
  return result;
}

/// Rows whose linear predictor at a mode is no further from the edge than its standard deviation there.
std::vector<bool> next_to_edges(const UnconstrainedGlm& density, const GlmMode& mode) {
  const GlmData& data = density.data();
  const Index p = density.coefficients();
  VectorXd c(data.columns()), eta(data.rows()), row(data.columns());
  density.to_columns(mode.q, c);
  data.predict(c, eta);
  const MatrixXd covariance =
      mode.precision.llt().solve(MatrixXd::Identity(density.dimension(), density.dimension())).topLeftCorner(p, p);
  const MatrixXd slopes = density.column_slopes(mode.q);
  const MatrixXd of_columns = slopes * covariance * slopes.transpose();
  std::vector<bool> result(static_cast<std::size_t>(data.rows()));
  for (Index i = 0; i < data.rows(); ++i) {
    const Edge edge = edge_of(data, i);
    if (edge == Edge::None) continue;
    for (Index j = 0; j < data.columns(); ++j) row(j) = data.design(i, j);
    const double distance = edge == Edge::Lower ? eta(i) : 1 - eta(i);
    result[static_cast<std::size_t>(i)] = distance < std::sqrt(row.dot(of_columns * row));
  }
  return result;
}

}  // namespace

bool has_edges(const GlmData& data) {
  for (Index i = 0; i < data.rows(); ++i) {
    if (edge_of(data, i) != Edge::None) return true;
  }
  return false;
}

GlmMode mode_off_edges(UnconstrainedGlm& density) {
  const GlmData& data = density.data();
  std::vector<bool> chosen(static_cast<std::size_t>(data.rows()));
  for (Index i = 0; i < data.rows(); ++i) chosen[static_cast<std::size_t>(i)] = edge_of(data, i) != Edge::None;
  UnconstrainedGlm held = held_off(density, shares(data, density.coefficients(), chosen));
  GlmMode mode = climb_from(held, starting_point(held));
  try {
    return climb_from(density, mode.q);  // steps of the first climb may have jammed at an edge, with a mode elsewhere
  } catch (const NoMode&) {
    // It is at the edge.
  }
  // A count for each of a thousand zeros would move the frame away from all of them.
  const std::vector<bool> near = next_to_edges(density, mode);
  if (near != chosen && std::find(near.begin(), near.end(), true) != near.end()) {
    UnconstrainedGlm nearer = held_off(density, shares(data, density.coefficients(), near));
    try {
      mode = climb_from(nearer, mode.q);
      held = std::move(nearer);
    } catch (const NoMode&) {
      // Without the others' shares it jams at one of them; the first one will do.
    }
  }
  mode.held_off = std::make_shared<const GlmPosterior>(held.posterior());
  return mode;
}

}  // namespace filbert
