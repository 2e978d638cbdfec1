// Changes coordinates to the Laplace frame, and finds the third derivatives that its skewness is corrected by.
#include "filbert/density/framed_glm.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
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
std::vector<MatrixXd> thirds_from_rows(const UnconstrainedGlm& density, const GlmMode& mode,
                                       const MatrixXd& directions) {
  const GlmData& data = density.data();
  const Index d = density.dimension(), n = data.rows();
  VectorXd c(data.columns()), eta(n), above(n), below(n);
  density.to_columns(mode.q, c);
  data.predict(c, eta);
  const double step = 1e-3;
  const VectorXd auxiliaries = density.posterior().fixed_auxiliaries();
  data.single((eta.array() + step).matrix(), auxiliaries, {.d2 = above.data()});
  data.single((eta.array() - step).matrix(), auxiliaries, {.d2 = below.data()});
  VectorXd third = (above - below) / (2 * step);
  for (Index i = 0; i < n; ++i)
    third(i) = data.weight(i) > 0 && std::isfinite(third(i)) ? third(i) * data.weight(i) : 0.0;

  // Over the design's own columns first, where rows are many, and then to the frame's directions: one index after another.
  const Index columns = data.columns();
  const std::vector<double> products = data.triple_products(third);
  const auto product = [&](Index i, Index j, Index k) {
    const Index high = std::max({i, j, k}), low = std::min({i, j, k}), middle = i + j + k - high - low;
    return products[static_cast<std::size_t>(high + columns * (middle + columns * low))];
  };
  const MatrixXd slopes = density.column_slopes(mode.q) * directions;
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
  density.prior_thirds(mode.q, [&](const VectorXd& direction, double value) {
    const VectorXd in_frame = directions.transpose() * direction;
    for (Index k = 0; k < d; ++k)
      slices[static_cast<std::size_t>(k)] += value * in_frame(k) * in_frame * in_frame.transpose();
  });
  return slices;
}

/// In general: from pairs of Hessians a step to both sides along each direction.
std::vector<MatrixXd> thirds_from_hessians(UnconstrainedGlm density, const GlmMode& mode, const MatrixXd& directions) {
  const Index d = density.dimension();
  constexpr double step = 0.02;
  std::vector<MatrixXd> slices;
  VectorXd gradient(d);
  MatrixXd above, below;
  for (Index k = 0; k < d; ++k) {
    density.curvature(mode.q + step * directions.col(k), gradient, above, Information::Observed, false);
    density.curvature(mode.q - step * directions.col(k), gradient, below, Information::Observed, false);
    MatrixXd slice = directions.transpose() * ((above - below) / (2 * step)) * directions;
    if (!slice.allFinite())
      slice.setZero();  // an edge of the domain is near: less skewness is corrected, nothing is wrong
    slices.push_back(std::move(slice));
  }
  return slices;
}

}  // namespace

FramedGlm::FramedGlm(std::shared_ptr<const GlmPosterior> posterior) : density_(std::move(posterior)) {
  mode_ = std::make_shared<const GlmMode>(find_mode(density_));
  const Index d = dimension();
  const Eigen::LLT<MatrixXd> factor(mode_->precision);
  MatrixXd directions = MatrixXd::Identity(d, d);
  factor.matrixU().solveInPlace(directions);
  log_determinant_ = directions.diagonal().array().log().sum();
  directions_ = std::make_shared<const MatrixXd>(std::move(directions));
  q_ = VectorXd::Zero(d);
  q_gradient_ = q_;
  points_ = MatrixXd::Zero(d, max_batch);
}

double FramedGlm::operator()(const VectorXd& position, VectorXd& gradient) {
  q_ = mode_->q;
  q_.noalias() += directions_->triangularView<Eigen::Upper>() * position;
  const double value = density_(q_, q_gradient_);
  gradient.noalias() = directions_->transpose().triangularView<Eigen::Lower>() * q_gradient_;
  return value + log_determinant_;
}

void FramedGlm::batch(const Eigen::Ref<const MatrixXd>& positions, Eigen::Ref<VectorXd> values) {
  points_.leftCols(positions.cols()).noalias() = directions_->triangularView<Eigen::Upper>() * positions;
  points_.leftCols(positions.cols()).colwise() += mode_->q;
  density_.batch(points_.leftCols(positions.cols()), values);
  values.array() += log_determinant_;
}

void FramedGlm::to_user_scale(const Eigen::Ref<const MatrixXd>& positions, Eigen::Ref<MatrixXd> draws) {
  for (Index i = 0; i < positions.cols(); ++i) {
    q_ = mode_->q;
    q_.noalias() += directions_->triangularView<Eigen::Upper>() * positions.col(i);
    density_.to_user_scale(q_, draws.col(i), false);
  }
}

double FramedGlm::user_log_density(const VectorXd& position, double log_density) const {
  const VectorXd q = mode_->q + *directions_ * position;
  return log_density - log_determinant_ - density_.log_jacobian(q);
}

MatrixXd FramedGlm::third_derivatives() const {
  const bool from_rows =
      density_.is_linear() && density_.dimension() == density_.coefficients() && density_.data().family();
  return symmetrised(from_rows ? thirds_from_rows(density_, *mode_, *directions_)
                               : thirds_from_hessians(density_, *mode_, *directions_));
}

}  // namespace filbert
