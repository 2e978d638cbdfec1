// The switch between independence Metropolis and NUTS for Gaussian mixed models.
#include "filbert/groups/grouped_sampling.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "filbert/frame/posterior_errors.hpp"
#include "filbert/sampler/population_monte_carlo.hpp"
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
  for (Index tried = 0; stays == 0 && tried < points_.cols(); ++tried) {
    found_ = (found_ + 1) % kept;  // most are asked for in turn
    if (points_.col(found_) != position) continue;
    into = draws_.col(found_);
    return;
  }
  density_.to_user_scale(position, stays, into);
}

namespace {

/// Draws some of a proposal and weighs them; minus infinity where a point is of no use.
WeightedPoints weighed(const FramedGroupedGaussian& density, StudentMixture proposal, Index n, Rng& rng, int threads) {
  WeightedPoints drawn;
  drawn.points.resize(density.dimension(), n);
  drawn.log_density.resize(n);
  Eigen::VectorXd log_proposal(n);
  proposal.draw(rng, drawn.points, log_proposal);
  share(n, threads, 8, [&](Index first, Index last) {
    FramedGroupedGaussian own = density;
    for (Index i = first; i < last; ++i) drawn.log_density(i) = own.value(drawn.points.col(i));
  });
  drawn.log_weights = (drawn.log_density - log_proposal).unaryExpr([](double weight) {
    return std::isnan(weight) ? -std::numeric_limits<double>::infinity() : weight;
  });
  return drawn;
}

/// A mixture for a posterior that is far from its frame: curved, or with a heavy side. As many rounds as it takes, up to a limit; with
/// more draws a round where proposals would still be refused, since the few leave a mixture of many numbers at the mercy of chance.
StudentMixture adapted_to(const FramedGroupedGaussian& density, Rng& rng, int threads,
                          const IndependenceThresholds& asked) {
  struct Stage {
    int rounds;
    Index times;          // draws a round, over those of the first stage
    double enough, good;  // acceptance that ends the stage, and all
  };
  const double will_do = asked.least_acceptance + 0.05;
  const Index n = std::max<Index>(1536, 256 * density.dimension());
  WeightedPoints points = weighed(density, StudentMixture(density.dimension()), n, rng, threads);
  StudentMixture proposal = mixture_about(points, rng);
  double acceptance = 0;
  for (const Stage& stage : {Stage{20, 1, 0.8, will_do}, Stage{10, 4, will_do + 0.05, 0}}) {
    for (int round = 0; round < stage.rounds; ++round) {
      points = weighed(density, proposal, stage.times * n, rng, threads);
      acceptance = judge_weights(points.log_weights, 0).acceptance;
      if (acceptance > stage.enough) break;
      proposal = improved(std::move(proposal), points);
    }
    if (acceptance > stage.good) break;
  }
  return proposal;
}

bool is_dear(const FramedGroupedGaussian& density, const GroupedSwitchRule& rule) {
  return density.posterior().dense_effects() > rule.few_dense_effects;
}

constexpr Index most_moves = 8;  // of a draw

/// Draws some of the proposal, and says whether it will do.
void judge(GroupedPilot& pilot, Index n, Rng& rng, int threads, const GroupedSwitchRule& rule) {
  pilot.starts = weighed(pilot.density, pilot.proposal, n, rng, threads);
  pilot.pilot = judge_weights(pilot.starts.log_weights, 0);
  pilot.refusal = refusal_of(pilot.pilot, rule.asked);
  while (!pilot.is_dear && pilot.every < most_moves &&
         autocorrelation_time(pilot.starts.log_weights, pilot.every) > rule.most_correlated) {
    ++pilot.every;
  }
  const Index cheap_draws = pilot.density.posterior().dense_effects() > 0 ? 2 : 1;  // for a value
  pilot.draws_everywhere = pilot.every <= cheap_draws;
}

constexpr Index few = 64, many = 384;  // proposals of a pilot

}  // namespace

GroupedPilot pilot_grouped(const FramedGroupedGaussian& density, std::uint64_t seed, int threads,
                           const GroupedSwitchRule& rule) {
  GroupedPilot result(density);
  result.is_dear = is_dear(density, rule);
  if (density.posterior().dimension() == 0) {
    result.refusal = "there is nothing to sample";
    return result;
  }
  Rng rng(seed ^ pilot_stream);
  judge(result, result.is_dear ? few : many, rng, result.is_dear ? threads : 1, rule);
  if (result.refusal.empty()) return result;
  GroupedPilot adapted = pilot_adapted(density, seed, threads, rule);
  return adapted.refusal.empty() ? adapted : result;
}

GroupedPilot pilot_adapted(const FramedGroupedGaussian& density, std::uint64_t seed, int threads,
                           const GroupedSwitchRule& rule) {
  GroupedPilot result(density);
  result.is_adapted = true;
  if (is_dear(density, rule) || density.dimension() > rule.most_adapted || density.posterior().dimension() == 0) {
    result.refusal = "proposals are not adapted to posteriors of this size";
    return result;
  }
  GroupedFrameSettings smooth = density.settings();
  smooth.shape = ProfileFrame::Shape::smooth;
  const auto has_none = [&result] {
    result.refusal = "there is no smooth frame in which proposals could be adapted";
    return result;
  };
  try {
    result.density = FramedGroupedGaussian(density.posterior(), smooth);
  } catch (const UncomputablePosterior&) {
    return has_none();
  } catch (const ImproperPosterior&) {
    return has_none();
  }
  Rng rng(scrambled(seed) ^ pilot_stream);
  result.proposal = adapted_to(result.density, rng, threads, rule.asked);
  judge(result, many, rng, threads, rule);
  return result;
}

}  // namespace filbert
