// The switch between independence Metropolis and NUTS.
#include "filbert/density/glm_sampling.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <sstream>
#include <utility>

namespace filbert {

using Eigen::Index;

SkewedProposal skewed_proposal(const FramedGlm& density) { return SkewedProposal(density.third_derivatives(), {}); }

SkewedProposal normal_of_many(Index dimension) {
  return SkewedProposal(Eigen::MatrixXd(0, dimension), {.share_of_t = 0.05});
}

double heaviest_side(FramedGlm density) {
  // In standard deviations of the normal; the first is what the others are compared with.
  constexpr std::array<double, 7> distances = {0, -5, -4, -3, 3, 4, 5};
  constexpr double out_of_reach = -8;  // of log density: too little for draws
  const Index n = static_cast<Index>(distances.size());
  const Eigen::MatrixXd towards =
      density.directions().transpose() * density.unconstrained().jacobian(density.centre()).transpose();
  Rng rng(pilot_stream);
  Eigen::MatrixXd points(density.dimension(), n);
  Eigen::VectorXd values(n), draw(density.dimension());
  double heaviest = 0;
  for (Index k = 0; k < towards.cols(); ++k) {
    const Eigen::VectorXd direction = towards.col(k).normalized();
    for (double& coordinate : draw) coordinate = rng.normal();
    draw -= direction.dot(draw) * direction;
    for (Index i = 0; i < n; ++i) points.col(i) = draw + distances[static_cast<std::size_t>(i)] * direction;
    density.batch(points, values);
    for (Index i = 1; i < n; ++i) {
      const double distance = distances[static_cast<std::size_t>(i)], fallen = values(i) - values(0);
      if (fallen > out_of_reach) heaviest = std::max(heaviest, fallen + 0.5 * distance * distance);
    }
  }
  return heaviest;
}

std::optional<FramedGlm> frame_of_many(const FramedGlm& density, const SwitchRule& rule) {
  std::optional<FramedGlm> moved = density.in_closest_normal();
  if (moved && heaviest_side(*moved) > rule.most_heavy_side) moved.reset();
  return moved;
}

std::optional<GlmSubsampling> subsampled_where_long(const FramedGlm& density, std::uint64_t seed, int threads,
                                                    const SwitchRule& rule) {
  const double rows = static_cast<double>(density.unconstrained().data().rows());
  if (rows * static_cast<double>(density.dimension()) < rule.least_values) return std::nullopt;
  const std::optional<SubsampledGlm> subsampled = SubsampledGlm::of(density, {.threads = threads});
  if (!subsampled || !(subsampled->expected_candidates() <= rule.most_candidates)) return std::nullopt;
  const SkewedProposal normal(Eigen::MatrixXd(0, density.dimension()), {});
  GlmSubsampling result{*subsampled, normal, pilot_factorised(*subsampled, normal, seed)};
  if (!(result.pilot.acceptance >= rule.asked.least_acceptance)) return std::nullopt;
  return result;
}

namespace {

/// Where the skewing map would cost too much.
GlmPilot pilot_of_many(const FramedGlm& density, std::uint64_t seed, const SwitchRule& rule) {
  GlmPilot result;
  result.moved = frame_of_many(density, rule);
  if (!result.moved) {
    std::ostringstream refusal;
    refusal << density.dimension() << " parameters are more than " << rule.most_dimensions
            << ", and no normal was found that is close to the posterior";
    result.refusal = refusal.str();
    return result;
  }
  result.proposal = normal_of_many(density.dimension());
  result.pilot = pilot_independence(*result.moved, *result.proposal, seed);
  result.refusal = refusal_of(result.pilot, rule.asked_of_many);
  return result;
}

}  // namespace

GlmPilot pilot_glm(const FramedGlm& density, std::uint64_t seed, int threads, const SwitchRule& rule) {
  if (auto found = subsampled_where_long(density, seed, threads, rule)) {
    return {found->pilot, std::move(found->density), std::nullopt, std::move(found->proposal), ""};
  }
  if (density.dimension() > rule.most_dimensions) return pilot_of_many(density, seed, rule);
  GlmPilot result;
  if (density.dimension() == 0) {
    result.refusal = "there is nothing to sample";
    return result;
  }
  result.proposal = skewed_proposal(density);
  result.pilot = pilot_independence(density, *result.proposal, seed);
  result.refusal = refusal_of(result.pilot, rule.asked);
  return result;
}

GlmPilot pilot_by_passes(const FramedGlm& density, std::uint64_t seed, const SwitchRule& rule) {
  constexpr Index count = 384;
  const bool is_skewed = density.dimension() <= rule.most_dimensions;
  GlmPilot result;
  result.proposal = is_skewed ? skewed_proposal(density) : SkewedProposal(Eigen::MatrixXd(0, density.dimension()), {});
  Rng rng(seed ^ pilot_stream);
  Eigen::MatrixXd points(density.dimension(), count);
  Eigen::VectorXd log_proposal(count);
  const int folded = result.proposal->draw(rng, points, log_proposal);
  Eigen::VectorXd log_weights = density.batch_at_once(points) - log_proposal;
  for (double& weight : log_weights) {
    if (std::isnan(weight)) weight = -std::numeric_limits<double>::infinity();
  }
  result.pilot = judge_weights(log_weights, folded);
  result.refusal = refusal_of(result.pilot, rule.asked);
  return result;
}

}  // namespace filbert
