// Says whether independence Metropolis will do, from a pilot, and whether it did, from what the chains of a run have done.
#pragma once

#include <Eigen/Core>
#include <string>
#include <vector>

#include "filbert/draws/diagnostics.hpp"
#include "filbert/sampler/independence.hpp"
#include "filbert/sampler/independence_pilot.hpp"

namespace filbert {

/// What is asked of a pilot and of a run.
struct IndependenceThresholds {
  double least_acceptance = 0.85;  ///< in the pilot
  double most_folded = 0.01;
  double most_outside = 0.95;  ///< share of a pilot's proposals beyond an edge, where the density is zero
  double most_log_largest_weight = 4;
  double least_acceptance_of_run = 0.8;
  double longest_stay = 30;    ///< proposals refused in a row, of 1000 in a chain
  double largest_rhat = 1.01;  ///< of 1000 draws a chain; fewer are allowed more
};

/// Why what a pilot found will not do; empty where it will.
std::string refusal_of(const IndependencePilot& pilot, const IndependenceThresholds& asked);

/// Why draws of a run are not to be trusted; empty where they are. `values` is (variables · chains, draws), a variable's chains together.
std::string complaint_about(const std::vector<IndependenceChain>& chains, const ChainsRef& values,
                            const IndependenceThresholds& asked = {}, int threads = 1);

}  // namespace filbert
