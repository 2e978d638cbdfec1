// Evaluates the posterior in its frame, and draws what was integrated out.
#include "filbert/groups/framed_grouped_gaussian.hpp"

#include <atomic>
#include <bit>
#include <cmath>
#include <vector>

#include "filbert/frame/posterior_errors.hpp"
#include "filbert/groups/quasi_newton.hpp"

namespace filbert {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr Index many_dense_effects = 200;  // from where on an evaluation is worth waking a thread for

/// A number that the seed and every bit of the values determine (the finaliser of splitmix64 after each).
std::uint64_t key_of(std::uint64_t seed, const Eigen::Ref<const VectorXd>& values) {
  std::uint64_t key = seed;
  for (const double value : values) {
    key = scrambled((key ^ std::bit_cast<std::uint64_t>(value)) + 0x9e3779b97f4a7c15);
  }
  return key;
}

/// Whether all of a posterior lies where intercepts and slopes of groups make up for each other, and nothing where there are hardly any
/// slopes: no chain would go from one to the other.
bool is_on_ridge(const GroupedGaussian& posterior, GroupedGaussian tied) {
  constexpr double same = 0.5;    // distance of coordinates
  constexpr double nothing = 15;  // in log density: e^-15 of a mode is no part
  std::vector<VectorXd> beside;
  for (const VectorXd& start : posterior.starts()) beside.push_back(tied.position(posterior.values(start)));
  const std::vector<VectorXd> along = tied.starts();
  const SmoothFunction density = [&tied](const VectorXd& at, VectorXd& gradient) { return tied(at, gradient); };
  const Mode on = highest_mode(density, along);
  const Mode off = highest_mode(density, beside);
  return (on.position - off.position).lpNorm<Eigen::Infinity>() < same || on.value > off.value + nothing;
}

}  // namespace

FramedGroupedGaussian::FramedGroupedGaussian(const GroupedGaussian& posterior, const GroupedFrameSettings& settings)
    : posterior_(posterior),
      settings_(settings),
      position_(posterior.dimension()),
      position_slopes_(posterior.dimension()) {
  std::atomic<int> evaluations = 0;
  const auto copy = [&] {  // with scratch of its own, for another thread
    return [&evaluations, own = posterior_](const VectorXd& at, VectorXd& gradient) mutable {
      ++evaluations;
      return own(at, gradient);
    };
  };
  const int threads = posterior.dense_effects() > many_dense_effects ? settings.threads : 1;
  const auto find_frame = [&](ProfileFrame::Shape shape) {
    frame_.emplace(copy, posterior_.starts(), threads, shape);
    if (!std::isfinite(value(VectorXd::Zero(dimension())))) throw UncomputablePosterior({});
  };
  const auto find_another = [&] {
    if (!posterior_.has_ridge()) return find_frame(ProfileFrame::Shape::of_careful_profiles);
    if (!is_on_ridge(posterior_, posterior_.tied())) throw;
    posterior_ = posterior_.tied();
    find_frame(settings.shape);
  };
  try {
    find_frame(settings.shape);
  } catch (const UncomputablePosterior&) {
    find_another();
  } catch (const ImproperPosterior&) {
    find_another();
  }
  evaluations_ = evaluations;
}

/// Writes the position, and returns the log Jacobian; of a coordinate of noise alone, its log density but a constant.
double FramedGroupedGaussian::locate(const Eigen::Ref<const VectorXd>& u) {
  return is_known() ? -0.5 * u.squaredNorm() : frame_->locate(u, position_);
}

double FramedGroupedGaussian::operator()(const VectorXd& u, VectorXd& gradient) {
  const double log_jacobian = locate(u);
  const double value = posterior_(position_, position_slopes_);
  if (is_known()) {
    gradient = -u;
  } else {
    frame_->pull_back(u, position_slopes_, gradient);
  }
  return value + log_jacobian;
}

double FramedGroupedGaussian::value(const VectorXd& u) {
  const double log_jacobian = locate(u);
  return posterior_.value(position_) + log_jacobian;
}

void FramedGroupedGaussian::batch(const Eigen::Ref<const MatrixXd>& points, Eigen::Ref<VectorXd> values) {
  for (Index i = 0; i < points.cols(); ++i) values(i) = value(points.col(i));
}

VectorXd FramedGroupedGaussian::position(const VectorXd& u) {
  locate(u);
  return position_;
}

VectorXd FramedGroupedGaussian::expected() {
  locate(VectorXd::Zero(dimension()));
  return posterior_.expected(position_);
}

double FramedGroupedGaussian::user_log_density(const VectorXd& u, double log_density) {
  return log_density - locate(u);
}

void FramedGroupedGaussian::to_user_scale(const Eigen::Ref<const MatrixXd>& positions, Eigen::Ref<MatrixXd> draws) {
  for (Index i = 0; i < positions.cols(); ++i) to_user_scale(positions.col(i), 0, draws.col(i));
}

double FramedGroupedGaussian::to_user_scale(const Eigen::Ref<const VectorXd>& position, std::uint64_t stays,
                                            Eigen::Ref<VectorXd> draw) {
  const Index parameters = posterior_.parameters();
  const std::uint64_t seed = settings_.seed ^ scrambled(stays);  // which leaves 0 as it is
  const double log_jacobian = locate(position);
  Rng rng(key_of(seed, position));
  const double value = posterior_.draw_parameters(position_, rng, draw.head(parameters)) + log_jacobian;
  if (!settings_.with_effects) return value;
  // Where every parameter is known, its draws cannot tell effects apart.
  const bool are_told_apart = !is_known() || posterior_.units().coefficients() > 0;
  Rng effects_rng(are_told_apart ? key_of(~settings_.seed, draw.head(parameters)) : key_of(~seed, position));
  posterior_.draw_effects(draw.head(parameters), effects_rng, draw.tail(posterior_.effects()));
  return value;
}

void FramedGroupedGaussian::draw_effects(const Eigen::Ref<const MatrixXd>& parameters, Eigen::Ref<MatrixXd> effects) {
  for (Index i = 0; i < parameters.cols(); ++i) {
    Rng rng(key_of(~settings_.seed, parameters.col(i)));
    posterior_.draw_effects(parameters.col(i), rng, effects.col(i));
  }
}

}  // namespace filbert
