// Finds the mode, tables the profiles, and whitens what is left.
#include "filbert/groups/framed_grouped_gaussian.hpp"

#include <Eigen/Cholesky>
#include <bit>
#include <cmath>
#include <utility>

#include "filbert/frame/posterior_errors.hpp"
#include "filbert/groups/profile.hpp"
#include "filbert/groups/quasi_newton.hpp"

namespace filbert {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// Half the width over which curvature is taken: a derivative would see the knots of the tables.
constexpr double secant = 0.8;

/// Beyond about this many deviations u is drawn out.
constexpr double reach = 3;

/// A number that the seed and every bit of the values determine (the finaliser of splitmix64 after each).
std::uint64_t key_of(std::uint64_t seed, const Eigen::Ref<const VectorXd>& values) {
  std::uint64_t key = seed;
  for (const double value : values) {
    key = scrambled((key ^ std::bit_cast<std::uint64_t>(value)) + 0x9e3779b97f4a7c15);
  }
  return key;
}

}  // namespace

FramedGroupedGaussian::FramedGroupedGaussian(const GroupedGaussian& posterior, const GroupedFrameSettings& settings)
    : posterior_(posterior),
      settings_(settings),
      at_(static_cast<std::size_t>(posterior.dimension())),
      s_(posterior.dimension()),
      scores_(posterior.dimension()),
      score_gradient_(posterior.dimension()),
      position_(posterior.dimension()),
      position_gradient_(posterior.dimension()) {
  find_frame();
}

void FramedGroupedGaussian::find_frame() {
  const SmoothFunction density = [this](const VectorXd& position, VectorXd& gradient) {
    ++evaluations_;
    return posterior_(position, gradient);
  };
  const Index n = dimension();
  auto frame = std::make_shared<Frame>();
  frame->directions = MatrixXd::Identity(n, n);
  frame_ = frame;
  if (n == 0) return;

  const Mode mode = climb(density, posterior_.start());
  if (!std::isfinite(mode.value)) throw UncomputablePosterior({});
  const MatrixXd at_mode = made_positive(curvature(density, mode.position, 0.05), 1e-3);
  for (Index k = 0; k < n; ++k) {
    const Ridge ridge = profile(density, mode, at_mode, k);
    try {
      frame->scores.emplace_back(Support{}, [&ridge](double at) { return ridge(at); });
    } catch (const std::range_error&) {
      throw UncomputablePosterior({});
    }
  }
  const SmoothFunction in_scores = [this](const VectorXd& scores, VectorXd& gradient) {
    ++evaluations_;
    return scored(scores, gradient);
  };
  const MatrixXd bend = made_positive(curvature(in_scores, VectorXd::Zero(n), secant), 0.05);
  const Eigen::LLT<MatrixXd> cholesky(bend);
  // s = L' scores where bend = LL'; the directions are L'⁻¹, an upper triangle.
  frame->directions = MatrixXd(cholesky.matrixU().solve(MatrixXd::Identity(n, n)));
  frame->log_determinant = frame->directions.diagonal().array().log().sum();
}

double FramedGroupedGaussian::scored(const VectorXd& scores, VectorXd& gradient) {
  double log_slopes = 0;
  for (Index k = 0; k < dimension(); ++k) {
    at_[static_cast<std::size_t>(k)] = frame_->scores[static_cast<std::size_t>(k)](scores(k));
    position_(k) = at_[static_cast<std::size_t>(k)].value;
    log_slopes += at_[static_cast<std::size_t>(k)].log_slope;
  }
  const double value = posterior_(position_, position_gradient_);
  for (Index k = 0; k < dimension(); ++k) {
    const MarginalCoordinate::At& at = at_[static_cast<std::size_t>(k)];
    gradient(k) = position_gradient_(k) * std::exp(at.log_slope) + at.slope_of_log;
  }
  return value + log_slopes;
}

/// Writes s and the scores, and returns the log Jacobian from u to them.
double FramedGroupedGaussian::soften(const Eigen::Ref<const VectorXd>& u) {
  double log_slopes = frame_->log_determinant;
  for (Index k = 0; k < dimension(); ++k) {
    s_(k) = reach * std::asinh(u(k) / reach);
    log_slopes -= 0.5 * std::log1p(u(k) * u(k) / (reach * reach));
  }
  scores_.noalias() = frame_->directions.lazyProduct(s_);
  return log_slopes;
}

double FramedGroupedGaussian::operator()(const VectorXd& u, VectorXd& gradient) {
  const double log_jacobian = soften(u);
  const double value = scored(scores_, score_gradient_);
  gradient.noalias() = frame_->directions.transpose().lazyProduct(score_gradient_);
  for (Index k = 0; k < dimension(); ++k) {
    const double square = reach * reach + u(k) * u(k);
    gradient(k) = gradient(k) * reach / std::sqrt(square) - u(k) / square;
  }
  return value + log_jacobian;
}

/// Writes the position and returns the log Jacobian of all maps.
double FramedGroupedGaussian::locate(const Eigen::Ref<const VectorXd>& u) {
  double log_jacobian = soften(u);
  for (Index k = 0; k < dimension(); ++k) {
    const MarginalCoordinate::At at = frame_->scores[static_cast<std::size_t>(k)](scores_(k));
    position_(k) = at.value;
    log_jacobian += at.log_slope;
  }
  return log_jacobian;
}

double FramedGroupedGaussian::value(const VectorXd& u) {
  const double log_jacobian = locate(u);
  return posterior_.value(position_) + log_jacobian;
}

void FramedGroupedGaussian::batch(const MatrixXd& points, VectorXd& values) {
  for (Index i = 0; i < points.cols(); ++i) values(i) = value(points.col(i));
}

VectorXd FramedGroupedGaussian::position(const VectorXd& u) {
  locate(u);
  return position_;
}

double FramedGroupedGaussian::user_log_density(const VectorXd& u, double log_density) {
  return log_density - locate(u);
}

void FramedGroupedGaussian::to_user_scale(const Eigen::Ref<const MatrixXd>& positions, Eigen::Ref<MatrixXd> draws) {
  const Index parameters = posterior_.parameters();
  for (Index i = 0; i < positions.cols(); ++i) {
    locate(positions.col(i));
    Rng rng(key_of(settings_.seed, positions.col(i)));
    posterior_.draw_parameters(position_, rng, draws.col(i).head(parameters));
  }
  if (settings_.with_effects) draw_effects(draws.topRows(parameters), draws.bottomRows(posterior_.effects()));
}

void FramedGroupedGaussian::draw_effects(const Eigen::Ref<const MatrixXd>& parameters, Eigen::Ref<MatrixXd> effects) {
  for (Index i = 0; i < parameters.cols(); ++i) {
    Rng rng(key_of(~settings_.seed, parameters.col(i)));
    posterior_.draw_effects(parameters.col(i), rng, effects.col(i));
  }
}

}  // namespace filbert
