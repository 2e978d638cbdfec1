// The switch between independence Metropolis and NUTS for Gaussian mixed models.
#include "filbert/groups/grouped_sampling.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "filbert/sampler/student_proposal.hpp"
#include "filbert/threads/thread_pool.hpp"

namespace filbert {

using Eigen::Index;

void DrawingDensity::batch(const Eigen::Ref<const Eigen::MatrixXd>& points, Eigen::Ref<Eigen::VectorXd> values) {
  if (draws_.cols() == 0) {
    points_.resize(dimension(), kept);
    points_.setConstant(std::numeric_limits<double>::quiet_NaN());
    draws_.resize(density_.variables(), kept);
  }
  for (Index i = 0; i < points.cols(); ++i) {
    points_.col(next_) = points.col(i);
    values(i) = density_.to_user_scale(points.col(i), 0, draws_.col(next_));
    next_ = (next_ + 1) % kept;
  }
}

void DrawingDensity::draw(const Eigen::VectorXd& position, std::uint64_t stays, Eigen::Ref<Eigen::VectorXd> into) {
  for (Index i = 0; stays == 0 && i < points_.cols(); ++i) {
    if (points_.col(i) != position) continue;
    into = draws_.col(i);
    return;
  }
  density_.to_user_scale(position, stays, into);
}

GroupedPilot pilot_grouped(const FramedGroupedGaussian& density, std::uint64_t seed, int threads,
                           const GroupedSwitchRule& rule) {
  constexpr Index few = 64, many = 384;
  const bool is_dear = density.posterior().dense_effects() > rule.few_dense_effects;
  const Index n = is_dear ? few : many;
  GroupedPilot result;
  result.is_dear = is_dear;
  if (density.posterior().dimension() == 0) {
    result.refusal = "there is nothing to sample";
    return result;
  }
  const StudentProposal proposal(density.dimension());
  Rng rng(seed ^ pilot_stream);
  WeightedPoints& starts = result.starts;
  starts.points.resize(density.dimension(), n);
  starts.log_density.resize(n);
  Eigen::VectorXd log_proposal(n);
  proposal.draw(rng, starts.points, log_proposal);
  share(n, is_dear ? threads : 1, few / 8, [&](Index first, Index last) {
    FramedGroupedGaussian own = density;
    for (Index i = first; i < last; ++i) starts.log_density(i) = own.value(starts.points.col(i));
  });
  starts.log_weights = (starts.log_density - log_proposal).unaryExpr([](double weight) {
    return std::isnan(weight) ? -std::numeric_limits<double>::infinity() : weight;
  });
  result.pilot = judge_weights(starts.log_weights, 0);
  if (!is_dear) {
    const double refused = std::clamp(1 - result.pilot.acceptance, 1e-6, 0.99);
    result.every = std::max<Index>(1, static_cast<Index>(std::ceil(std::log(rule.left_of_a_draw) / std::log(refused))));
  }
  result.refusal = refusal_of(result.pilot, rule.asked);
  return result;
}

}  // namespace filbert
