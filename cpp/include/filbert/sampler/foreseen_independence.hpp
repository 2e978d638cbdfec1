// Independence Metropolis whose proposals are all drawn, and evaluated together, before any of them is accepted or refused.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "filbert/sampler/independence.hpp"
#include "filbert/sampler/rng.hpp"

namespace filbert {

/// Proposals of all chains, one chain after another. They do not depend on the states, so that one look at the data serves all of them.
struct ForeseenProposals {
  Eigen::MatrixXd points;        ///< a column each
  Eigen::VectorXd log_proposal;  ///< NaN where nothing is proposed
  Eigen::VectorXd uniforms;
  Eigen::Index of_chain = 0;  ///< proposals a chain
};

inline constexpr Eigen::Index first_states = 16;  ///< proposals among which a chain finds its first state

/// Of each chain, as many as it needs; chain k draws from its own stream of the seed. The block and the cores do not matter. The proposal
/// need not know its density but where it draws.
template <typename Proposal>
ForeseenProposals foresee(Proposal proposal, Eigen::Index dimension, const IndependenceSettings& settings) {
  settings.validate();
  ForeseenProposals result;
  result.of_chain = first_states + settings.burn_in + settings.draws;
  const Eigen::Index all = result.of_chain * settings.chains;
  result.points.resize(dimension, all);
  result.log_proposal.resize(all);
  result.uniforms.resize(all);
  for (int chain = 0; chain < settings.chains; ++chain) {
    Rng rng(settings.seed, chain);
    const Eigen::Index end = (chain + 1) * result.of_chain;
    for (Eigen::Index first = chain * result.of_chain; first < end; first += settings.block) {
      const Eigen::Index count = std::min<Eigen::Index>(settings.block, end - first);
      Eigen::MatrixXd points(dimension, count);
      Eigen::VectorXd log_proposal(count);
      proposal.draw(rng, points, log_proposal);
      result.points.middleCols(first, count) = points;
      result.log_proposal.segment(first, count) = log_proposal;
      for (double& uniform : result.uniforms.segment(first, count)) uniform = rng.uniform();
    }
  }
  return result;
}

/// Accepts and refuses what was foreseen, whose log densities are given. `recorder(chain, iteration, position, statistics)` gets every draw
/// after the burn-in, as of `sample_independence`. `passes(from, to)` says whether further factors of the density accept a move from one
/// proposal to another. Throws std::runtime_error where a chain finds no first state.
template <typename Rules = IndependenceRules, typename Recorder, typename Passes>
std::vector<IndependenceChain> decide(const ForeseenProposals& proposals, const Eigen::VectorXd& log_density,
                                      const IndependenceSettings& settings, const Recorder& recorder,
                                      const Passes& passes) {
  std::vector<IndependenceChain> results(static_cast<std::size_t>(settings.chains));
  for (int chain = 0; chain < settings.chains; ++chain) {
    IndependenceChain& result = results[static_cast<std::size_t>(chain)];
    const Eigen::Index first = chain * proposals.of_chain;
    const auto is_possible = [&](Eigen::Index at) {
      return std::isfinite(log_density(at)) && !std::isnan(proposals.log_proposal(at));
    };
    Eigen::Index state = first;
    while (state < first + first_states && !is_possible(state)) ++state;
    if (state == first + first_states) {
      throw std::runtime_error("Chain " + std::to_string(chain) +
                               " found no starting point: the density was zero at every proposal.");
    }
    Eigen::Index stay = 0;
    for (Eigen::Index iteration = 0; iteration < settings.burn_in + settings.draws; ++iteration) {
      const Eigen::Index at = first + first_states + iteration;
      const double of_state = log_density(state) - proposals.log_proposal(state);
      const double log_weight = log_density(at) - proposals.log_proposal(at);  // NaN where nothing is proposed
      IndependenceStatistics statistics;
      statistics.accepted = Rules::accepts(log_weight - of_state, proposals.uniforms(at)) && passes(state, at);
      if (statistics.accepted) state = at;
      stay = statistics.accepted ? 0 : stay + 1;
      if (iteration < settings.burn_in) continue;
      ++result.proposals;
      if (statistics.accepted) ++result.accepted;
      result.longest_stay = std::max(result.longest_stay, stay);
      statistics.log_density = log_density(state);
      statistics.log_weight = log_density(state) - proposals.log_proposal(state);
      const Eigen::VectorXd position = proposals.points.col(state);
      recorder(chain, std::as_const(result.iterations), position, std::as_const(statistics));
      ++result.iterations;
    }
  }
  return results;
}

}  // namespace filbert
