// Evaluates the posterior in its frame, and maps positions back to the user's coefficients.
#include "filbert/density/framed_linear_gaussian.hpp"

#include <cmath>
#include <utility>
#include <vector>

#include "filbert/numeric/require.hpp"
#include "filbert/summary/triangle.hpp"

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

FramedLinearGaussian::FramedLinearGaussian(const LinearGaussian& posterior)
    : posterior_(std::make_shared<const LinearGaussian>(posterior)),
      frame_(std::make_shared<const StandardFrame>(posterior_->scaled())) {
  const ScaledRegression& regression = posterior_->scaled();
  const std::vector<Index>& free = frame_->edges().free();
  PriorTerms corrections;
  std::vector<Index> corrected;
  for (const Index k : free) {
    const Prior& prior = regression.coefficient_priors[static_cast<std::size_t>(k)];
    if (prior.is_gaussian()) continue;
    corrections.add(prior, frame_->proxies()[k]);
    corrected.push_back(k);
  }
  VectorXd offsets(corrections.size());
  for (Index row = 0; row < offsets.size(); ++row) {
    offsets(row) =
        regression.combinations(corrected[static_cast<std::size_t>(row)], free).dot(frame_->precision().centre());
  }
  const MatrixXd free_rows = regression.combinations(corrected, free);
  correction_rows_ = std::make_shared<const MatrixXd>(product(free_rows, frame_->precision().directions()));
  correction_bounded_ = std::make_shared<const MatrixXd>(regression.combinations(corrected, frame_->edges().bounded()));
  correction_offsets_ = std::make_shared<const VectorXd>(std::move(offsets));
  corrections_ = std::make_shared<const PriorTerms>(std::move(corrections));

  pulls_ = frame_->precision().reference_pulls();
  frame_->precision().condition(0, pulls_, conditional_);
  slopes_ = conditional_;
  z_ = Eigen::ArrayXd::Zero(frame_->free());
  z_gradient_ = z_;
  combination_ = VectorXd::Zero(corrections_->size());
  combination_gradient_ = combination_;
  bounded_values_ = VectorXd::Zero(frame_->bounded());
  bounded_gradient_ = bounded_values_;

  log_determinant_ = posterior_->log_unit_volume();
  log_determinant_ += frame_->precision().log_abs_determinant();
  // The constant: what the two densities differ by at one point where both are finite.
  for (const double u : {0.0, 0.5, -0.5, 1.0, -1.0}) {
    VectorXd position = VectorXd::Constant(dimension(), u);
    position(dimension() - 1) = 0;
    VectorXd gradient(dimension());
    const double framed = (*this)(position, gradient);
    MatrixXd draw(dimension(), 1);
    to_user_scale(position, draw);
    draw(dimension() - 1, 0) = std::log(draw(dimension() - 1, 0));
    const double direct = (*posterior_)(draw.col(0), gradient);
    if (!std::isfinite(framed) || !std::isfinite(direct)) continue;
    log_constant_ = direct + log_jacobian(position) - framed;
    break;
  }
}

const PrecisionFrame::Pulls& FramedLinearGaussian::pulls_at(const VectorXd& position) {
  if (frame_->bounded() == 0) return frame_->precision().reference_pulls();
  for (Index b = 0; b < frame_->bounded(); ++b) {
    bounded_values_(b) = frame_->edges().coordinates()[static_cast<std::size_t>(b)](position(frame_->free() + b)).value;
  }
  frame_->pulls_at(bounded_values_, pulls_);
  return pulls_;
}

double FramedLinearGaussian::operator()(const VectorXd& position, VectorXd& gradient) {
  require_size("position", position.size(), "elements", dimension());
  require_size("gradient", gradient.size(), "elements", dimension());
  const Index free = frame_->free();
  const Index last = frame_->coefficients();
  const MarginalCoordinate::At at = frame_->sigma()(position(last));
  const double x = at.value;
  const PrecisionFrame::Pulls& pulls = pulls_at(position);
  const LogDensityAt marginal = frame_->sigma().marginal(x, frame_->precision(), pulls);
  double value = log_constant_ - 0.5 * position.head(free).squaredNorm() + marginal.value + at.log_slope;
  double x_gradient = marginal.derivative;
  gradient.head(free) = -position.head(free);
  bounded_gradient_.setZero();
  if (corrections_->size() > 0) value += add_corrections(position, x, pulls, gradient, x_gradient);
  if (frame_->bounded() > 0) value += add_bounded(position, x, pulls, gradient);
  gradient(last) = std::exp(at.log_slope) * x_gradient + at.slope_of_log;
  return value;
}

/// Adds what priors of free coefficients that are not Gaussian differ by from their proxies.
double FramedLinearGaussian::add_corrections(const VectorXd& position, double x, const PrecisionFrame::Pulls& pulls,
                                             VectorXd& gradient, double& x_gradient) {
  const Index free = frame_->free();
  const PrecisionFrame& precision = frame_->precision();
  precision.condition(x, pulls, conditional_);
  precision.condition_slopes(x, pulls, conditional_, slopes_);
  z_ = conditional_.mean + position.head(free).array() * conditional_.inverse_root_precision;
  combination_.noalias() = *correction_rows_ * z_.matrix();
  combination_ += *correction_offsets_;
  for (Index b = 0; b < frame_->bounded(); ++b) combination_ += bounded_values_(b) * correction_bounded_->col(b);
  const double value = (*corrections_)(0, combination_, combination_gradient_);
  z_gradient_.matrix().noalias() = correction_rows_->transpose() * combination_gradient_;
  gradient.head(free).array() += z_gradient_ * conditional_.inverse_root_precision;
  x_gradient += (z_gradient_ * (slopes_.mean + position.head(free).array() * slopes_.inverse_root_precision)).sum();

  for (Index b = 0; b < frame_->bounded(); ++b) {
    bounded_gradient_(b) += correction_bounded_->col(b).dot(combination_gradient_);
  }
  precision.add_held_gradient_through_means(x, conditional_, z_gradient_, bounded_gradient_);
  return value;
}

/// Adds the priors of the bounded coefficients, and the Jacobian of their coordinates.
double FramedLinearGaussian::add_bounded(const VectorXd& position, double x, const PrecisionFrame::Pulls& pulls,
                                         VectorXd& gradient) {
  frame_->precision().add_held_gradient(x, pulls, bounded_gradient_);
  const ScaledRegression& regression = posterior_->scaled();
  double value = 0;
  for (Index b = 0; b < frame_->bounded(); ++b) {
    const std::size_t i = static_cast<std::size_t>(b);
    const MarginalCoordinate::At at = frame_->edges().coordinates()[i](position(frame_->free() + b));
    const std::size_t coefficient = static_cast<std::size_t>(frame_->edges().bounded()[i]);
    const LogDensityAt prior = regression.coefficient_priors[coefficient](at.value);
    value += prior.value + at.log_slope;
    gradient(frame_->free() + b) = (bounded_gradient_(b) + prior.derivative) * std::exp(at.log_slope) + at.slope_of_log;
  }
  return value;
}

double FramedLinearGaussian::log_jacobian(const VectorXd& position) const {
  const MarginalCoordinate::At x = frame_->sigma()(position(frame_->coefficients()));
  double value = log_determinant_ + x.log_slope - frame_->precision().half_log_precision(x.value);
  for (Index b = 0; b < frame_->bounded(); ++b) {
    value += frame_->edges().coordinates()[static_cast<std::size_t>(b)](position(frame_->free() + b)).log_slope;
  }
  return value;
}

void FramedLinearGaussian::to_user_scale(const Eigen::Ref<const MatrixXd>& positions, Eigen::Ref<MatrixXd> draws) {
  const Index free = frame_->free();
  const Index last = frame_->coefficients();
  require_size("positions", positions.rows(), "rows", dimension());
  require_size("draws", draws.rows(), "rows", variables());
  require_size("draws", draws.cols(), "columns", positions.cols());
  MatrixXd z(free, positions.cols());
  MatrixXd coefficients(last, positions.cols());
  for (Index i = 0; i < positions.cols(); ++i) {
    const double x = frame_->sigma()(positions(last, i)).value;
    frame_->precision().condition(x, pulls_at(positions.col(i)), conditional_);
    z.col(i).array() = conditional_.mean + positions.col(i).head(free).array() * conditional_.inverse_root_precision;
    coefficients(frame_->edges().bounded(), i) = bounded_values_;
    draws(last, i) = std::exp(frame_->sigma().log_sigma0() + x) * posterior_->response_scale();
  }
  coefficients(frame_->edges().free(), Eigen::all) =
      product(frame_->precision().directions(), z).colwise() + frame_->precision().centre();
  posterior_->to_user_scale(coefficients);
  draws.topRows(last) = coefficients;
}

double FramedLinearGaussian::user_log_density(const VectorXd& position, double log_density) const {
  require_size("position", position.size(), "elements", dimension());
  return log_density - log_jacobian(position);
}

}  // namespace filbert
