// Newton's method on means over the normal itself, row by row with quadrature over the linear predictor.
#include "filbert/density/closest_normal.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

struct Node {
  double at, weight;
};

// Of a standard normal; exact for polynomials of degree 17.
constexpr std::array<Node, 9> nodes = {{{-4.512745863399783, 2.234584400774666e-05},
                                        {-3.20542900285647, 0.002789141321231769},
                                        {-2.07684797867783, 0.04991640676521788},
                                        {-1.0232556637891326, 0.24409750289493934},
                                        {0, 0.40634920634920635},
                                        {1.0232556637891326, 0.24409750289493934},
                                        {2.07684797867783, 0.04991640676521788},
                                        {3.20542900285647, 0.002789141321231769},
                                        {4.512745863399783, 2.234584400774666e-05}}};

constexpr int max_iterations = 6;
constexpr double small_decrement = 0.05;  // squared length of the last step in standard deviations
constexpr double small_change =
    0.5;  // squared length of the changes of log variances, which the next step divides by some fifty

/// Means of the gradient and of less the Hessian over a normal.
class Means {
 public:
  explicit Means(const UnconstrainedGlm& density)
      : density_(density),
        c_(density.data().columns()),
        eta_(density.data().rows()),
        spread_(eta_.size()),
        at_node_(eta_.size()),
        first_(eta_.size()),
        second_(eta_.size()),
        slope_(eta_.size()),
        bend_(eta_.size()) {}

  /// Over the normal with this mean and the covariance `directions · directionsᵀ`.
  void take(const VectorXd& centre, const MatrixXd& directions) {
    gradient = VectorXd::Zero(centre.size());
    precision = MatrixXd::Zero(centre.size(), centre.size());
    add_rows(centre, directions);
    add_priors(centre, directions);
  }

  VectorXd gradient;
  MatrixXd precision;

 private:
  void add_rows(const VectorXd& centre, const MatrixXd& directions) {
    const GlmData& data = density_.data();
    const Index columns = data.columns();
    density_.to_columns(centre, c_);
    data.predict(c_, eta_);
    const MatrixXd slopes = density_.column_slopes(centre);
    set_spread(slopes * directions);
    average_rows();

    VectorXd column_gradient = VectorXd::Zero(columns);
    MatrixXd column_precision = MatrixXd::Zero(columns, columns), weighted(panel_rows, columns);
    for (Index first = 0; first < data.rows(); first += panel_rows) {
      const Index count = std::min<Index>(panel_rows, data.rows() - first);
      const auto panel = panel_at(first, count);
      column_gradient.noalias() += panel.transpose() * slope_.segment(first, count);
      weighted.topRows(count) = panel.array().colwise() * bend_.segment(first, count).array();
      column_precision.triangularView<Eigen::Lower>() -= panel.transpose() * weighted.topRows(count);
    }
    gradient += slopes.transpose() * column_gradient;
    precision += slopes.transpose() * (column_precision.selfadjointView<Eigen::Lower>() * slopes);
  }

  /// The standard deviation of each row's linear predictor.
  void set_spread(const MatrixXd& column_directions) {
    MatrixXd moved(panel_rows, column_directions.cols());
    for (Index first = 0; first < eta_.size(); first += panel_rows) {
      const Index count = std::min<Index>(panel_rows, eta_.size() - first);
      moved.topRows(count).noalias() = panel_at(first, count) * column_directions;
      spread_.segment(first, count) = moved.topRows(count).rowwise().norm();
    }
  }

  void average_rows() {
    const GlmData& data = density_.data();
    slope_.setZero();
    bend_.setZero();
    for (const Node& node : nodes) {
      at_node_ = eta_ + node.at * spread_;
      data.single(at_node_, density_.posterior().fixed_auxiliaries(), {.d1 = first_.data(), .d2 = second_.data()});
      slope_ += node.weight * first_;
      bend_ += node.weight * second_;
    }
    for (Index i = 0; i < eta_.size(); ++i) {
      const double weight = data.weight(i);
      slope_(i) = weight > 0 ? weight * slope_(i) : 0.0;  // a row without weight may lie anywhere
      bend_(i) = weight > 0 ? weight * bend_(i) : 0.0;
    }
  }

  void add_priors(const VectorXd& centre, const MatrixXd& directions) {
    const std::vector<Prior>& priors = density_.posterior().priors().coefficients;
    VectorXd direction(centre.size());
    for (Index k = 0; k < centre.size(); ++k) {
      const double at = density_.prior_argument(centre, k, direction);
      const double spread = (directions.transpose() * direction).norm();
      double slope = 0, bend = 0;
      for (const Node& node : nodes) {
        const SmoothLogDensity prior = priors[static_cast<std::size_t>(k)].smooth(at + node.at * spread);
        slope += node.weight * prior.first;
        bend += node.weight * prior.second;
      }
      gradient += slope * direction;
      precision += std::max(-bend, 0.0) * direction * direction.transpose();
    }
  }

  Eigen::Map<const MatrixXd, 0, Eigen::OuterStride<>> panel_at(Index first, Index count) const {
    const GlmData& data = density_.data();
    return {data.panel(first / panel_rows), count, data.columns(), Eigen::OuterStride<>(panel_rows)};
  }

  const UnconstrainedGlm& density_;
  VectorXd c_, eta_, spread_, at_node_, first_, second_, slope_, bend_;
};

MatrixXd inverse_root(const Eigen::LLT<MatrixXd>& factor) {
  MatrixXd result = MatrixXd::Identity(factor.rows(), factor.cols());
  factor.matrixU().solveInPlace(result);
  return result;
}

}  // namespace

std::optional<ClosestNormal> closest_normal(const UnconstrainedGlm& density, const GlmMode& mode) {
  const bool has_means = density.data().family() && density.data().passes() == nullptr && density.is_linear() &&
                         density.dimension() == density.coefficients() && !mode.held_off;
  if (!has_means) return std::nullopt;
  Means means(density);
  ClosestNormal normal{mode.q, mode.precision, 0};
  Eigen::LLT<MatrixXd> factor(normal.precision);
  while (normal.iterations < max_iterations) {
    const MatrixXd directions = inverse_root(factor);
    means.take(normal.centre, directions);
    if (!means.gradient.allFinite() || !means.precision.allFinite()) return std::nullopt;
    // In the frame of the normal so far the mean curvature would be the identity.
    const MatrixXd in_frame = directions.transpose() * means.precision * directions;
    const double change = (in_frame - MatrixXd::Identity(in_frame.rows(), in_frame.cols())).squaredNorm();
    factor.compute(means.precision);
    if (factor.info() != Eigen::Success) return std::nullopt;
    const VectorXd step = factor.solve(means.gradient);
    normal.centre += step;
    normal.precision = means.precision;
    ++normal.iterations;
    if (means.gradient.dot(step) < small_decrement && change < small_change) return normal;
  }
  return std::nullopt;
}

}  // namespace filbert
