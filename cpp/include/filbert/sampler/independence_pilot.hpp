// Tries a few proposals before a run of independence Metropolis, and says how it would do.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "filbert/sampler/independence.hpp"
#include "filbert/sampler/rng.hpp"

namespace filbert {

/// What a few proposals say of how independence Metropolis would do.
struct IndependencePilot {
  double acceptance = 0;          ///< expected rate in the long run, estimated from the weights of all pairs
  double folded = 0;              ///< share of draws that propose nothing
  double log_largest_weight = 0;  ///< log of the largest weight over the mean one
  double outside = 0;             ///< share of draws where the density is zero, which are left out of the others
};

/// From the logarithms of weights: minus infinity where a proposal is of no use, `folded` of which proposed nothing.
inline IndependencePilot judge_weights(const Eigen::VectorXd& log_weights, Eigen::Index folded) {
  const Eigen::Index n = log_weights.size();
  IndependencePilot pilot;
  pilot.folded = static_cast<double>(folded) / static_cast<double>(n);
  const double largest = log_weights.maxCoeff();
  if (!std::isfinite(largest)) return pilot;
  Eigen::VectorXd weights = (log_weights.array() - largest).exp();
  const double total = weights.sum();
  pilot.log_largest_weight = std::log(static_cast<double>(n) / total);
  std::sort(weights.begin(), weights.end());
  // Σ_{i≠j} min(w_i, w_j): the i-th smallest is the smaller of n - 1 - i pairs, each counted from both sides.
  double smaller = 0;
  for (Eigen::Index i = 0; i < n; ++i) smaller += 2 * weights(i) * static_cast<double>(n - 1 - i);
  pilot.acceptance = smaller / (total * static_cast<double>(n - 1));
  return pilot;
}

/// Of draws that are made of `every` moves each, for a function of which weights say nothing: a state's chance to stay is the eigenvalue of
/// its weight (Liu 1996, "Metropolized independent sampling with comparisons to rejection sampling and importance sampling", Statistics and
/// Computing 6). Weights as in `judge_weights`, at least one of them finite.
inline double autocorrelation_time(const Eigen::VectorXd& log_weights, Eigen::Index every) {
  Eigen::VectorXd weights = (log_weights.array() - log_weights.maxCoeff()).exp();
  std::sort(weights.begin(), weights.end());
  const double n = static_cast<double>(weights.size());
  double time = 0, lighter = 0, heavier = n;  // sum of weights so far, and number of those from here on
  for (const double weight : weights) {
    if (weight > 0) {
      const double moves = (lighter / weight + heavier) / n;
      const double stays = std::pow(1 - moves, static_cast<double>(every));
      time += weight * (1 + stays) / (1 - stays);
    }
    lighter += weight;
    --heavier;
  }
  return time / lighter;
}

/// Makes `blocks` blocks of proposals with random numbers of its own.
template <BatchLogDensity Density, IndependentProposal Proposal>
IndependencePilot pilot_independence(Density density, Proposal proposal, std::uint64_t seed, int blocks = 4) {
  constexpr Eigen::Index block = 96;
  Rng rng(seed ^ pilot_stream);
  Eigen::MatrixXd points(density.dimension(), block);
  Eigen::VectorXd log_proposal(block), log_density(block), log_weights(block * blocks);
  const double none = -std::numeric_limits<double>::infinity();
  Eigen::Index folded = 0, n = 0;
  for (int b = 0; b < blocks; ++b) {
    proposal.draw(rng, points, log_proposal);
    density.batch(points, log_density);
    for (Eigen::Index i = 0; i < block; ++i) {
      if (log_density(i) == none) continue;
      const double log_weight = log_density(i) - log_proposal(i);
      if (std::isnan(log_proposal(i))) ++folded;
      log_weights(n++) = std::isnan(log_weight) ? none : log_weight;
    }
  }
  const double outside = 1 - static_cast<double>(n) / static_cast<double>(log_weights.size());
  IndependencePilot pilot;
  if (n >= 2) {
    log_weights.conservativeResize(n);
    pilot = judge_weights(log_weights, folded);
  }
  pilot.outside = outside;
  return pilot;
}

/// The same of a density in factors, for which no weights are known: the share of proposals that a short chain accepts.
template <FactorisedLogDensity Density, IndependentProposal Proposal>
IndependencePilot pilot_factorised(Density density, Proposal proposal, std::uint64_t seed, int blocks = 8) {
  constexpr Eigen::Index block = 96;
  Rng rng(seed ^ pilot_stream);
  Eigen::MatrixXd points(density.dimension(), block);
  Eigen::VectorXd log_proposal(block), log_density(block), state = Eigen::VectorXd::Zero(density.dimension());
  Eigen::VectorXd value(1);
  density.batch(state, value);
  double log_weight = value(0) - proposal.log_density(state);
  int accepted = 0;
  for (int b = 0; b < blocks; ++b) {
    proposal.draw(rng, points, log_proposal);
    density.batch(points, log_density);
    for (Eigen::Index i = 0; i < block; ++i) {
      const double proposed = log_density(i) - log_proposal(i);
      if (!IndependenceRules::accepts(proposed - log_weight, rng.uniform())) continue;
      if (!density.passes(rng, state, points.col(i))) continue;
      state = points.col(i);
      log_weight = proposed;
      ++accepted;
    }
  }
  IndependencePilot pilot;
  pilot.acceptance = static_cast<double>(accepted) / static_cast<double>(block * blocks);
  return pilot;
}

}  // namespace filbert
