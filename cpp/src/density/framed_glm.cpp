// Changes coordinates to the Laplace frame, and finds the third derivatives that its skewness is corrected by.
#include "filbert/density/framed_glm.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

Index packed_size(Index d) { return d * (d + 1) / 2; }

/// Place of (i, j), i >= j, among the columns of a lower triangle.
Index packed(Index d, Index i, Index j) { return j * d - j * (j - 1) / 2 + (i - j); }

/// The mean over all orders of the three indices: the map that is made of it must be a gradient.
MatrixXd symmetrised(const std::vector<MatrixXd>& slices) {
  const Index d = static_cast<Index>(slices.size());
  MatrixXd result(packed_size(d), d);
  const auto at = [&](Index i, Index j, Index k) {
    return slices[static_cast<std::size_t>(k)](std::max(i, j), std::min(i, j));
  };
  for (Index k = 0; k < d; ++k) {
    for (Index j = 0; j < d; ++j) {
      for (Index i = j; i < d; ++i) result(packed(d, i, j), k) = (at(i, j, k) + at(j, k, i) + at(i, k, j)) / 3;
    }
  }
  return result;
}

/// Without auxiliaries and edges third derivatives are sums over rows of ℓ''' z_i z_j z_k, and terms of the priors.
std::vector<MatrixXd> thirds_from_rows(const UnconstrainedGlm& density, const VectorXd& centre,
                                       const MatrixXd& directions) {
  const GlmData& data = density.data();
  const Index d = density.dimension();
  VectorXd c(data.columns());
  density.to_columns(centre, c);

  // Over the design's own columns first, where rows are many, and then to the frame's directions: one index after another.
  const Index columns = data.columns();
  const std::vector<double> products = data.third_products(c, density.posterior().fixed_auxiliaries());
  const auto product = [&](Index i, Index j, Index k) {
    const Index high = std::max({i, j, k}), low = std::min({i, j, k}), middle = i + j + k - high - low;
    return products[static_cast<std::size_t>(high + columns * (middle + columns * low))];
  };
  const MatrixXd slopes = density.column_slopes(centre) * directions;
  MatrixXd by_column(d * d, columns), slice(columns, columns);
  for (Index k = 0; k < columns; ++k) {
    for (Index j = 0; j < columns; ++j) {
      for (Index i = 0; i < columns; ++i) slice(i, j) = product(i, j, k);
    }
    const MatrixXd turned = slopes.transpose() * slice * slopes;
    by_column.col(k) = turned.reshaped();
  }
  const MatrixXd turned = by_column * slopes;
  std::vector<MatrixXd> slices;
  for (Index k = 0; k < d; ++k) slices.emplace_back(turned.col(k).reshaped(d, d));
  density.prior_thirds(centre, [&](const VectorXd& direction, double value) {
    const VectorXd in_frame = directions.transpose() * direction;
    for (Index k = 0; k < d; ++k)
      slices[static_cast<std::size_t>(k)] += value * in_frame(k) * in_frame * in_frame.transpose();
  });
  return slices;
}

constexpr double close_to_mode = 1e-14;  // squared Newton decrement
constexpr int most_newton_steps = 8;

}  // namespace

FramedGlm::FramedGlm(std::shared_ptr<const GlmPosterior> posterior)
    : density_(std::move(posterior)), surrogate_(density_) {
  mode_ = std::make_shared<const GlmMode>(find_mode(density_));
  if (mode_->held_off) surrogate_ = UnconstrainedGlm(mode_->held_off);
  const Index d = dimension();
  if (d > density_.coefficients() && density_.data().passes() == nullptr) {
    scores_ = std::make_shared<const AuxiliaryScores>(surrogate_, *mode_);
    at_ = scores_->room();
  }
  frame_ = std::make_shared<const Laplace>(around_mode());
  r_ = r_gradient_ = q_ = q_gradient_ = VectorXd::Zero(d);
  points_ = MatrixXd::Zero(d, max_batch);
  log_determinants_ = VectorXd::Zero(max_batch);
}

void FramedGlm::set_directions(const MatrixXd& precision, Laplace& frame) {
  const Eigen::LLT<MatrixXd> factor(precision);
  factor.matrixU().solveInPlace(frame.directions);
  frame.log_determinant = frame.directions.diagonal().array().log().sum();
}

FramedGlm::Laplace FramedGlm::around_mode() const {
  Laplace frame{mode_->q, MatrixXd::Identity(dimension(), dimension()), 0};
  MatrixXd precision = mode_->precision;
  if (scores_) {
    // The mode of r is not that of q, for the Jacobian is in it; the climb starts next to it.
    UnconstrainedGlm density = surrogate_;
    VectorXd gradient(dimension()), r = scores_->inverse(mode_->q);
    double best = -std::numeric_limits<double>::infinity();
    for (int step = 0; step < most_newton_steps; ++step) {
      double value = 0;
      const MatrixXd bend = -curvature_of_scores(density, r, gradient, value, true);
      const Eigen::LLT<MatrixXd> factor(bend);
      if (factor.info() != Eigen::Success || !bend.allFinite() || !gradient.allFinite() || !(value > best - 1e-6))
        break;
      best = value;
      frame.centre = r;
      precision = bend;
      const VectorXd newton = factor.solve(gradient);
      if (gradient.dot(newton) < close_to_mode) break;
      // Scores are of order one whatever the response's units; u is not.
      r += newton / std::max(1.0, newton.tail(scores_->auxiliaries()).lpNorm<Eigen::Infinity>());
    }
  }
  set_directions(precision, frame);
  return frame;
}

std::optional<FramedGlm> FramedGlm::in_closest_normal() const {
  const std::optional<ClosestNormal> normal = closest_normal(density_, *mode_);
  if (!normal) return std::nullopt;
  Laplace frame{normal->centre, MatrixXd::Identity(dimension(), dimension()), 0};
  set_directions(normal->precision, frame);
  FramedGlm result = *this;
  result.frame_ = std::make_shared<const Laplace>(std::move(frame));
  return result;
}

/// The Hessian in r, with gradient and value, of the smooth surrogate.
MatrixXd FramedGlm::curvature_of_scores(UnconstrainedGlm& density, const VectorXd& r, VectorXd& gradient, double& value,
                                        bool clip_priors) const {
  MatrixXd hessian;
  if (!scores_) {
    value = density.curvature(r, gradient, hessian, Information::Observed, clip_priors);
    return hessian;
  }
  AuxiliaryScores::At at = scores_->room();
  VectorXd q(dimension()), q_gradient(dimension());
  (*scores_)(r, q, at);
  value = density.curvature(q, q_gradient, hessian, Information::Observed, clip_priors) + at.log_determinant;
  scores_->pull_back(r, at, q_gradient, gradient);
  return scores_->pull_back_curvature(r, q_gradient, hessian);
}

/// In general: from pairs of Hessians a step to both sides along each direction.
std::vector<MatrixXd> FramedGlm::thirds_from_hessians() const {
  UnconstrainedGlm density = surrogate_;
  const Index d = dimension();
  const MatrixXd& directions = frame_->directions;
  const double step = scores_ ? 0.2 : 0.02;  // tables have knots, which short steps would see
  std::vector<MatrixXd> slices;
  VectorXd gradient(d);
  double value = 0;
  std::vector<VectorXd> around;
  for (Index k = 0; k < d; ++k) {
    const VectorXd moved = step * directions.col(k);
    around.emplace_back(frame_->centre + moved);
    around.emplace_back(frame_->centre - moved);
  }
  density.prepare(around);
  for (Index k = 0; k < d; ++k) {
    const std::size_t place = 2 * static_cast<std::size_t>(k);
    const MatrixXd above = curvature_of_scores(density, around[place], gradient, value, false);
    const MatrixXd below = curvature_of_scores(density, around[place + 1], gradient, value, false);
    MatrixXd slice = directions.transpose() * ((above - below) / (2 * step)) * directions;
    if (!slice.allFinite())
      slice.setZero();  // an edge of the domain is near: less skewness is corrected, nothing is wrong
    slices.push_back(std::move(slice));
  }
  return slices;
}

double FramedGlm::operator()(const VectorXd& position, VectorXd& gradient) {
  r_ = frame_->centre;
  r_.noalias() += frame_->directions.triangularView<Eigen::Upper>() * position;
  if (!scores_) {
    const double value = density_(r_, r_gradient_);
    gradient.noalias() = frame_->directions.transpose().triangularView<Eigen::Lower>() * r_gradient_;
    return value + frame_->log_determinant;
  }
  (*scores_)(r_, q_, at_);
  const double value = density_(q_, q_gradient_);
  scores_->pull_back(r_, at_, q_gradient_, r_gradient_);
  gradient.noalias() = frame_->directions.transpose().triangularView<Eigen::Lower>() * r_gradient_;
  return value + at_.log_determinant + frame_->log_determinant;
}

void FramedGlm::batch(const Eigen::Ref<const MatrixXd>& positions, Eigen::Ref<VectorXd> values) {
  const Index count = positions.cols();
  points_.leftCols(count).noalias() = frame_->directions.triangularView<Eigen::Upper>() * positions;
  points_.leftCols(count).colwise() += frame_->centre;
  if (scores_) {
    for (Index i = 0; i < count; ++i) {
      r_ = points_.col(i);
      (*scores_)(r_, points_.col(i), at_);
      log_determinants_(i) = at_.log_determinant;
    }
  }
  density_.batch(points_.leftCols(count), values);
  values.array() += frame_->log_determinant;
  if (scores_) values += log_determinants_.head(count);
}

VectorXd FramedGlm::batch_at_once(const MatrixXd& positions) const {
  if (scores_) throw std::logic_error("the scores of auxiliaries are not for many positions at once");
  MatrixXd points = frame_->directions.triangularView<Eigen::Upper>() * positions;
  points.colwise() += frame_->centre;
  return (density_.batch_at_once(points).array() + frame_->log_determinant).matrix();
}

/// Writes q, and returns the log Jacobian of it.
double FramedGlm::locate(const Eigen::Ref<const VectorXd>& position, Eigen::Ref<VectorXd> q) {
  r_ = frame_->centre;
  r_.noalias() += frame_->directions.triangularView<Eigen::Upper>() * position;
  if (!scores_) {
    q = r_;
    return frame_->log_determinant;
  }
  (*scores_)(r_, q, at_);
  return frame_->log_determinant + at_.log_determinant;
}

void FramedGlm::to_user_scale(const Eigen::Ref<const MatrixXd>& positions, Eigen::Ref<MatrixXd> draws) {
  for (Index i = 0; i < positions.cols(); ++i) {
    locate(positions.col(i), q_);
    density_.to_user_scale(q_, draws.col(i), false);
  }
}

double FramedGlm::user_log_density(const VectorXd& position, double log_density) {
  const double log_determinant = locate(position, q_);
  return log_density - log_determinant - density_.log_jacobian(q_);
}

MatrixXd FramedGlm::third_derivatives() const {
  const bool has_auxiliaries = dimension() > density_.coefficients();
  const bool from_rows = density_.is_linear() && !has_auxiliaries && density_.data().family();
  return symmetrised(from_rows ? thirds_from_rows(surrogate_, frame_->centre, frame_->directions)
                               : thirds_from_hessians());
}

}  // namespace filbert
