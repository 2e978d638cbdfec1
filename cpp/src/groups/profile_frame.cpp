// Finds the mode, tables the profiles, and whitens what is left.
#include "filbert/groups/profile_frame.hpp"

#include <Eigen/Cholesky>
#include <cmath>
#include <optional>
#include <utility>

#include "filbert/frame/posterior_errors.hpp"
#include "filbert/groups/profile.hpp"
#include "filbert/threads/thread_pool.hpp"

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr double secant = 0.8;  // half the width over which curvature is taken: a derivative would see the knots
constexpr double reach = 3;     // beyond about this many deviations u is drawn out

/// A log density as wide as a ridge between the points where it has fallen by 2, and falling like an exponential beyond.
std::function<double(double)> smooth_density(const Ridge& ridge) {
  const auto [low, high] = ridge.within(2);
  const double centre = 0.5 * (low + high), width = 0.25 * (high - low);
  return [centre, width](double at) { return -std::hypot(1.0, (at - centre) / width); };
}

}  // namespace

ProfileFrame::ProfileFrame(const std::function<SmoothFunction()>& copy, const std::vector<VectorXd>& starts,
                           int threads, Shape shape)
    : s_(starts.front().size()),
      roots_(starts.front().size()),
      scores_(starts.front().size()),
      slopes_(starts.front().size()),
      curvatures_(starts.front().size()),
      score_slopes_(starts.front().size()) {
  const Index n = starts.front().size();
  auto shared = std::make_shared<Shared>();
  shared->directions = MatrixXd::Identity(n, n);
  shared->mode = starts.front();
  shared_ = shared;
  if (n == 0) return;
  const SmoothFunction density = copy();
  const Mode mode = highest_mode(density, starts);
  if (!std::isfinite(mode.value)) throw UncomputablePosterior({});
  shared->mode = mode.position;
  const MatrixXd at_mode = made_positive(curvature(density, mode.position, 0.05), 1e-3);
  const Corrections care = shape == Shape::of_profiles ? Corrections::Quick : Corrections::Careful;
  std::vector<std::optional<MarginalCoordinate>> scores(static_cast<std::size_t>(n));
  share(n, threads, 1, [&](Index first, Index last) {
    const SmoothFunction own = first == 0 ? density : copy();
    for (Index k = first; k < last; ++k) {
      const Ridge ridge = profile(own, mode, at_mode, k, care);
      std::function<double(double)> scored = [&ridge](double at) { return ridge(at); };
      if (shape == Shape::smooth) scored = smooth_density(ridge);
      try {
        scores[static_cast<std::size_t>(k)].emplace(Support{}, scored);
      } catch (const std::range_error&) {
        throw UncomputablePosterior({});
      }
    }
  });
  for (const std::optional<MarginalCoordinate>& one : scores) shared->scores.push_back(*one);
  if (shape == Shape::smooth) return;
  VectorXd position(n), position_slopes(n);
  const SmoothFunction in_scores = [&](const VectorXd& at, VectorXd& gradient) {
    score(at, position);
    const double value = density(position, position_slopes) + slopes_.array().log().sum();
    pull_back_scores(position_slopes);
    gradient = score_slopes_;
    return value;
  };
  const MatrixXd bend = made_positive(curvature(in_scores, VectorXd::Zero(n), secant), 0.05);
  const Eigen::LLT<MatrixXd> cholesky(bend);
  shared->directions = MatrixXd(cholesky.matrixU().solve(MatrixXd::Identity(n, n)));
  shared->log_determinant = shared->directions.diagonal().array().log().sum();
}

void ProfileFrame::score(const VectorXd& scores, Eigen::Ref<VectorXd> position) {
  for (Index k = 0; k < dimension(); ++k) {
    const MarginalCoordinate::OnLine at = shared_->scores[static_cast<std::size_t>(k)].on_line(scores(k));
    position(k) = at.theta;
    slopes_(k) = at.slope;
    curvatures_(k) = at.curvature;
  }
}

void ProfileFrame::pull_back_scores(const Eigen::Ref<const VectorXd>& position_slopes) {
  score_slopes_ = position_slopes.array() * slopes_.array() + curvatures_.array() / slopes_.array();
}

double ProfileFrame::locate(const Eigen::Ref<const VectorXd>& u, Eigen::Ref<VectorXd> position) {
  for (Index k = 0; k < dimension(); ++k) {
    const double size = std::abs(u(k)) / reach;
    roots_(k) = std::sqrt(1 + size * size);
    s_(k) = size + roots_(k);  // the exponential of asinh, which is odd
  }
  s_ = reach * s_.array().log();
  for (Index k = 0; k < dimension(); ++k) s_(k) = std::copysign(s_(k), u(k));
  scores_.noalias() = shared_->directions.lazyProduct(s_);
  score(scores_, position);
  return shared_->log_determinant + (slopes_.array() / roots_.array()).log().sum();
}

void ProfileFrame::pull_back(const Eigen::Ref<const VectorXd>& u, const Eigen::Ref<const VectorXd>& position_slopes,
                             Eigen::Ref<VectorXd> slopes) {
  pull_back_scores(position_slopes);
  slopes.noalias() = shared_->directions.transpose().lazyProduct(score_slopes_);
  slopes.array() = (slopes.array() - u.array() / (reach * reach * roots_.array())) / roots_.array();
}

}  // namespace filbert
