// The cubic map forwards for many draws as one product, and backwards by Newton's method on its convex potential.
#include "filbert/density/skewed_proposal.hpp"

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
}  // namespace

SkewedProposal::SkewedProposal(const MatrixXd& third_derivatives, const SkewedProposalSettings& settings)
    : settings_(settings), tensor_(std::make_shared<const MatrixXd>(third_derivatives)) {
  const Index d = dimension();
  tau_ = VectorXd::Zero(d);
  for (Index i = 0, place = 0; i < d && is_skewed(); place += d - i, ++i) tau_ += tensor_->row(place).transpose();
  const double size = static_cast<double>(d), nu = settings_.degrees_of_freedom;
  log_normal_constant_ = -0.5 * size * std::log(2 * std::numbers::pi);
  log_t_constant_ =
      std::lgamma(0.5 * (nu + size)) - std::lgamma(0.5 * nu) - 0.5 * size * std::log(nu * std::numbers::pi);
  jacobian_ = MatrixXd::Identity(d, d);
  factor_.compute(jacobian_);  // before it is first copied
  xi_ = trial_ = residual_ = product_ = VectorXd::Zero(d);
  packed_one_ = VectorXd::Zero(tensor_->rows());
}

/// Sets the lower triangle of I + M/3, and its factor. Returns whether it is positive definite.
bool SkewedProposal::map_jacobian(const Eigen::Ref<const VectorXd>& packed) {
  const Index d = dimension();
  for (Index j = 0, place = 0; j < d; place += d - j, ++j) {
    jacobian_.col(j).tail(d - j) = packed.segment(place, d - j) / 3;
    jacobian_(j, j) += 1;
  }
  factor_.compute(jacobian_);
  return factor_.info() == Eigen::Success;
}

double SkewedProposal::log_determinant() const { return 2 * factor_.matrixLLT().diagonal().array().log().sum(); }

double SkewedProposal::log_map_density(double squared_norm) const {
  return log_normal_constant_ - 0.5 * squared_norm - log_determinant();
}

double SkewedProposal::log_t_density(double squared_norm) const {
  const double nu = settings_.degrees_of_freedom;
  return log_t_constant_ - 0.5 * (nu + static_cast<double>(dimension())) * std::log1p(squared_norm / nu);
}

double SkewedProposal::mixed(double log_of_map, double squared_norm_of_z) const {
  const double share = settings_.share_of_t;
  if (share <= 0) return log_of_map;
  const double of_t = std::log(share) + log_t_density(squared_norm_of_z);
  if (log_of_map == -infinity) return of_t;
  const double of_map = std::log1p(-share) + log_of_map;
  const double larger = std::max(of_map, of_t);
  return larger + std::log1p(std::exp(std::min(of_map, of_t) - larger));
}

int SkewedProposal::draw(Rng& rng, Eigen::Ref<MatrixXd> draws, Eigen::Ref<VectorXd> log_density) {
  const Index count = draws.cols(), d = dimension();
  normals_.resize(d, count);
  std::vector<double> stretch(static_cast<std::size_t>(count), 0.0);  // of a t draw; 0 for one of the map
  for (Index i = 0; i < count; ++i) {
    const bool is_t = rng.uniform() < settings_.share_of_t;
    for (double& x : normals_.col(i)) x = rng.normal();
    if (!is_t) continue;
    double chi_squared = 0;
    for (int k = 0; k < static_cast<int>(settings_.degrees_of_freedom); ++k) {
      const double x = rng.normal();
      chi_squared += x * x;
    }
    stretch[static_cast<std::size_t>(i)] = std::sqrt(settings_.degrees_of_freedom / chi_squared);
  }
  packed_.noalias() = *tensor_ * normals_;
  int folded = 0;
  for (Index i = 0; i < count; ++i) {
    const double by = stretch[static_cast<std::size_t>(i)];
    if (by > 0) {
      draws.col(i) = by * normals_.col(i);
      log_density(i) = this->log_density(draws.col(i));
    } else if (!is_skewed()) {
      draws.col(i) = normals_.col(i);
      log_density(i) = this->log_density(draws.col(i));
    } else if (map_jacobian(packed_.col(i))) {
      // M ξ / 6 = ((I + M/3) ξ - ξ) / 2
      product_.noalias() = jacobian_.selfadjointView<Eigen::Lower>() * normals_.col(i);
      draws.col(i) = 0.5 * (normals_.col(i) + product_) + tau_ / 3;
      log_density(i) = mixed(log_map_density(normals_.col(i).squaredNorm()), draws.col(i).squaredNorm());
    } else {
      draws.col(i).setZero();
      log_density(i) = not_a_number;
      ++folded;
    }
  }
  return folded;
}

double SkewedProposal::log_density(const Eigen::Ref<const VectorXd>& z) {
  if (!is_skewed()) return mixed(log_map_density(z.squaredNorm()), z.squaredNorm());
  const double of_map = solve(z) ? log_map_density(xi_.squaredNorm()) : -infinity;
  return mixed(of_map, z.squaredNorm());
}

/// Finds ξ with image z and leaves the map's factor there. False where z is beyond the fold.
bool SkewedProposal::solve(const Eigen::Ref<const VectorXd>& z) {
  constexpr int max_steps = 100;
  const double close = 1e-11 * (1 + z.norm());
  // ½ ξ'ξ + ξ'Mξ / 18 + (τ/3 - z)'ξ is convex where the Jacobian is positive definite, and its gradient is the residual.
  const auto residual_at = [&](const VectorXd& xi) {
    packed_one_.noalias() = *tensor_ * xi;
    if (!map_jacobian(packed_one_)) return infinity;
    product_.noalias() = jacobian_.selfadjointView<Eigen::Lower>() * xi;
    residual_ = 0.5 * (xi + product_) + tau_ / 3 - z;
    return xi.dot(xi) / 3 + xi.dot(product_) / 6 + (tau_ / 3 - z).dot(xi);
  };
  xi_.setZero();
  double potential = residual_at(xi_);
  for (int step = 0; step < max_steps; ++step) {
    if (residual_.norm() <= close) return true;
    const VectorXd newton = -factor_.solve(residual_);
    const double slope = residual_.dot(newton);
    double share = 1;
    for (;; share *= 0.5) {
      if (share < 1e-9) {  // at the fold, or as close as rounding lets it come
        residual_at(xi_);
        return residual_.norm() <= 1e3 * close;
      }
      trial_ = xi_ + share * newton;
      const double there = residual_at(trial_);
      if (there <= potential + 1e-4 * share * slope + 1e-14 * std::abs(potential)) {
        potential = there;
        break;
      }
    }
    xi_ = trial_;
  }
  return residual_.norm() <= 1e3 * close;
}

}  // namespace filbert
