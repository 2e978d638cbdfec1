// The switch between independence Metropolis and NUTS.
#include "filbert/density/glm_sampling.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <utility>

namespace filbert {

using Eigen::Index;

namespace {

/// Why what a pilot found will not do; empty where it will.
std::string refusal_of(const IndependencePilot& pilot, const SwitchRule& rule) {
  std::ostringstream refusal;
  if (pilot.outside > rule.most_outside) {
    refusal << "a share of " << pilot.outside << " of a pilot's proposals lay beyond an edge of the density, more than "
            << rule.most_outside;
  } else if (!(pilot.acceptance >= rule.least_acceptance)) {
    refusal << "a pilot accepted " << pilot.acceptance << " of its proposals, less than " << rule.least_acceptance;
  } else if (pilot.folded > rule.most_folded) {
    refusal << "the skew correction failed for a share of " << pilot.folded << " of a pilot's proposals, more than "
            << rule.most_folded;
  } else if (pilot.log_largest_weight > rule.most_log_largest_weight) {
    refusal << "a pilot's largest importance weight was " << std::exp(pilot.log_largest_weight) << " times the mean";
  }
  return refusal.str();
}

}  // namespace

SkewedProposal skewed_proposal(const FramedGlm& density) { return SkewedProposal(density.third_derivatives(), {}); }

std::optional<GlmSubsampling> subsampled_where_long(const FramedGlm& density, std::uint64_t seed, int threads,
                                                    const SwitchRule& rule) {
  const double rows = static_cast<double>(density.unconstrained().data().rows());
  if (rows * static_cast<double>(density.dimension()) < rule.least_values) return std::nullopt;
  const std::optional<SubsampledGlm> subsampled = SubsampledGlm::of(density, {.threads = threads});
  if (!subsampled || !(subsampled->expected_candidates() <= rule.most_candidates)) return std::nullopt;
  const SkewedProposal normal(Eigen::MatrixXd(0, density.dimension()), {});
  GlmSubsampling result{*subsampled, normal, pilot_factorised(*subsampled, normal, seed)};
  if (!(result.pilot.acceptance >= rule.least_acceptance)) return std::nullopt;
  return result;
}

GlmPilot pilot_glm(const FramedGlm& density, std::uint64_t seed, int threads, const SwitchRule& rule) {
  if (auto found = subsampled_where_long(density, seed, threads, rule)) {
    return {found->pilot, std::move(found->density), std::move(found->proposal), ""};
  }
  GlmPilot result;
  std::ostringstream refusal;
  if (density.dimension() > rule.most_dimensions) {
    refusal << density.dimension() << " parameters are more than " << rule.most_dimensions;
  } else if (density.dimension() == 0) {
    refusal << "there is nothing to sample";
  } else {
    result.proposal = skewed_proposal(density);
    result.pilot = pilot_independence(density, *result.proposal, seed);
    refusal << refusal_of(result.pilot, rule);
  }
  result.refusal = refusal.str();
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
  result.refusal = refusal_of(result.pilot, rule);
  return result;
}

std::string complaint_about(const std::vector<IndependenceChain>& chains, const ChainsRef& values,
                            const SwitchRule& rule) {
  std::ostringstream complaint;
  for (const IndependenceChain& chain : chains) {
    const double acceptance =
        static_cast<double>(chain.accepted) / static_cast<double>(std::max<Index>(chain.proposals, 1));
    // Three standard errors of a binomial share: a short run may fall short by chance.
    const double error = 3 * std::sqrt(0.16 / static_cast<double>(std::max<Index>(chain.proposals, 1)));
    if (acceptance < rule.least_acceptance_of_run - error) {
      complaint << "a chain accepted " << acceptance << " of its proposals, less than " << rule.least_acceptance_of_run;
      return complaint.str();
    }
    if (chain.longest_stay > rule.longest_stay) {
      complaint << "a chain refused " << chain.longest_stay << " proposals in a row";
      return complaint.str();
    }
  }
  const Index count = static_cast<Index>(chains.size());
  if (count < 2 || values.cols() < 4) return "";
  const double allowed = 1 + (rule.largest_rhat - 1) * std::max(1.0, 1000.0 / static_cast<double>(values.cols()));
  for (Index first = 0; first < values.rows(); first += count) {
    const double rhat = split_rhat(values.middleRows(first, count));
    if (rhat > allowed) {
      complaint << "R-hat was " << rhat;
      return complaint.str();
    }
  }
  return "";
}

}  // namespace filbert
