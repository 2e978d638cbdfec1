// Reads the shares and pulls off the directions; everything after is arithmetic on arrays over them.
#include "filbert/frame/precision_frame.hpp"

#include <cmath>
#include <utility>

#include "filbert/frame/diagonal_directions.hpp"
#include "filbert/summary/triangle.hpp"

namespace filbert {
namespace {

using Eigen::ArrayXd;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// Σ log of positive numbers, at one logarithm for many: their product is kept within the range of a double.
class LogSum {
 public:
  void add(double value) {
    product_ *= value;
    if (product_ > 1e150 || product_ < 1e-150) {
      sum_ += std::log(product_);
      product_ = 1;
    }
  }
  double value() const { return sum_ + std::log(product_); }

 private:
  double product_ = 1;
  double sum_ = 0;
};

}  // namespace

PrecisionFrame::PrecisionFrame(const GaussianRows& gaussian) {
  const Index rows = gaussian.likelihood_rows;
  const Index p = gaussian.free.cols();
  const MatrixXd& stacked = gaussian.free;
  const VectorXd& target = gaussian.target;

  DiagonalDirections diagonal = diagonal_directions(stacked, target, rows);
  centre_ = std::move(diagonal.centre);
  directions_ = std::move(diagonal.directions);
  likelihood_share_ = std::move(diagonal.likelihood_share);
  log_abs_determinant_ = diagonal.log_abs_determinant;
  const MatrixXd& left = diagonal.left;
  prior_directions_ = product(stacked.bottomRows(p), directions_);
  prior_share_ = prior_directions_.colwise().squaredNorm().transpose().array();
  likelihood_root_ = likelihood_share_.sqrt();
  prior_root_ = prior_share_.sqrt();

  const ArrayXd inverse_prior_root = (prior_share_ > 0).select(prior_root_.inverse(), 0.0);
  const MatrixXd right = prior_directions_ * inverse_prior_root.matrix().asDiagonal();
  const VectorXd off_likelihood = target.head(rows) - stacked.topRows(rows) * centre_;
  const VectorXd off_prior = target.tail(p) - stacked.bottomRows(p) * centre_;
  reference_pulls_.likelihood = (left.transpose() * off_likelihood).array();
  reference_pulls_.prior = (right.transpose() * off_prior).array();
  reference_pulls_.between = prior_root_ * reference_pulls_.likelihood - likelihood_root_ * reference_pulls_.prior;
  reference_pulls_.distance = VectorXd::Zero(gaussian.held.cols());

  likelihood_pull_slopes_ = -left.transpose() * gaussian.held.topRows(rows);
  prior_pull_slopes_ = -right.transpose() * gaussian.held.bottomRows(p);
  const VectorXd unexplained = off_likelihood - left * reference_pulls_.likelihood.matrix();
  const MatrixXd unexplained_slopes = -gaussian.held.topRows(rows) - left * likelihood_pull_slopes_;
  reference_pulls_.residual = gaussian.residual + unexplained.squaredNorm();
  residual_slopes_ = 2 * unexplained_slopes.transpose() * unexplained;
  residual_curvature_ = unexplained_slopes.transpose() * unexplained_slopes;
}

void PrecisionFrame::update(Pulls& pulls) const {
  pulls.likelihood = reference_pulls_.likelihood;
  pulls.prior = reference_pulls_.prior;
  pulls.residual = reference_pulls_.residual;
  for (Index b = 0; b < held(); ++b) {
    const double distance = pulls.distance(b);
    pulls.likelihood += distance * likelihood_pull_slopes_.col(b).array();
    pulls.prior += distance * prior_pull_slopes_.col(b).array();
    pulls.residual += distance * (residual_slopes_(b) + residual_curvature_.col(b).dot(pulls.distance));
  }
  pulls.between = prior_root_ * pulls.likelihood - likelihood_root_ * pulls.prior;
}

void PrecisionFrame::condition(double x, const Pulls& pulls, Conditional& into) const {
  const double t = std::exp(-2 * x);
  into.inverse_root_precision = (t * likelihood_share_ + prior_share_).rsqrt();
  into.mean =
      (t * likelihood_root_ * pulls.likelihood + prior_root_ * pulls.prior) * into.inverse_root_precision.square();
}

void PrecisionFrame::condition_slopes(double x, const Pulls& pulls, const Conditional& at, Conditional& into) const {
  const double t = std::exp(-2 * x);
  into.mean = -2 * t * likelihood_root_ * prior_root_ * pulls.between * at.inverse_root_precision.square().square();
  into.inverse_root_precision = t * likelihood_share_ * at.inverse_root_precision.cube();
}

PrecisionFrame::Integrated PrecisionFrame::integrate(double likelihood_weight, const Pulls& pulls) const {
  LogSum log_precision;
  double misfit = 0;
  double slope = 0;
  for (Index j = 0; j < likelihood_share_.size(); ++j) {
    const double likelihood = likelihood_weight * likelihood_share_[j];
    const double precision = likelihood + prior_share_[j];
    const double variance = 1 / precision;
    const double square = likelihood_weight * pulls.between[j] * pulls.between[j] * variance;
    log_precision.add(precision);
    misfit += square;
    slope += variance * (likelihood + square * prior_share_[j]);
  }
  return {log_precision.value(), misfit, slope};
}

double PrecisionFrame::half_log_precision(double x) const {
  const double t = std::exp(-2 * x);
  LogSum log_precision;
  for (Index j = 0; j < likelihood_share_.size(); ++j) log_precision.add(t * likelihood_share_[j] + prior_share_[j]);
  return 0.5 * log_precision.value();
}

void PrecisionFrame::add_held_gradient(double x, const Pulls& pulls, VectorXd& gradient) const {
  const double t = std::exp(-2 * x);
  for (Index b = 0; b < held(); ++b) {
    double slope = 0.5 * residual_slopes_(b) + residual_curvature_.col(b).dot(pulls.distance);
    for (Index j = 0; j < free(); ++j) {
      const double between_slope =
          prior_root_[j] * likelihood_pull_slopes_(j, b) - likelihood_root_[j] * prior_pull_slopes_(j, b);
      slope += pulls.between[j] * between_slope / (t * likelihood_share_[j] + prior_share_[j]);
    }
    gradient(b) -= t * slope;
  }
}

void PrecisionFrame::add_held_gradient_through_means(double x, const Conditional& at, const ArrayXd& z_gradient,
                                                     VectorXd& gradient) const {
  const double t = std::exp(-2 * x);
  for (Index b = 0; b < held(); ++b) {
    for (Index j = 0; j < free(); ++j) {
      const double variance = at.inverse_root_precision[j] * at.inverse_root_precision[j];
      const double mean_slope =
          t * likelihood_root_[j] * likelihood_pull_slopes_(j, b) + prior_root_[j] * prior_pull_slopes_(j, b);
      gradient(b) += z_gradient[j] * mean_slope * variance;
    }
  }
}

ArrayXd PrecisionFrame::prior_shifts(double x) const {
  const double t = std::exp(-2 * x);
  const ArrayXd precision = t * likelihood_share_ + prior_share_;
  return (prior_root_ * reference_pulls_.between).abs() / precision;
}

MatrixXd PrecisionFrame::prior_shares() const {
  MatrixXd shares = prior_directions_.cwiseAbs2();
  for (Index j = 0; j < free(); ++j) {
    if (prior_share_[j] > 0) shares.col(j) /= prior_share_[j];
  }
  return shares;
}

}  // namespace filbert
