// Holds pilots and runs against the thresholds, and says what fell short.
#include "filbert/draws/independence_verdict.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "filbert/draws/chain_agreement.hpp"

namespace filbert {

using Eigen::Index;

std::string refusal_of(const IndependencePilot& pilot, const IndependenceThresholds& asked) {
  std::ostringstream refusal;
  if (pilot.outside > asked.most_outside) {
    refusal << "a share of " << pilot.outside << " of a pilot's proposals lay beyond an edge of the density, more than "
            << asked.most_outside;
  } else if (!(pilot.acceptance >= asked.least_acceptance)) {
    refusal << "a pilot accepted " << pilot.acceptance << " of its proposals, less than " << asked.least_acceptance;
  } else if (pilot.folded > asked.most_folded) {
    refusal << "the skew correction failed for a share of " << pilot.folded << " of a pilot's proposals, more than "
            << asked.most_folded;
  } else if (pilot.log_largest_weight > asked.most_log_largest_weight) {
    refusal << "a pilot's largest importance weight was " << std::exp(pilot.log_largest_weight) << " times the mean";
  }
  return refusal.str();
}

std::string complaint_about(const std::vector<IndependenceChain>& chains, const ChainsRef& values,
                            const IndependenceThresholds& asked, int threads) {
  std::ostringstream complaint;
  for (const IndependenceChain& chain : chains) {
    const double least = asked.least_acceptance_of_run;
    const double proposals = static_cast<double>(std::max<Index>(chain.proposals, 1));
    const double acceptance = static_cast<double>(chain.accepted) / proposals;
    // Three standard errors of a binomial share: a short run may fall short by chance.
    if (acceptance < least - 3 * std::sqrt(least * (1 - least) / proposals)) {
      complaint << "a chain accepted " << acceptance << " of its proposals, less than " << least;
      return complaint.str();
    }
    // A stay of s adds s² to the variance of a sum over all: a longer run bears a longer one.
    if (static_cast<double>(chain.longest_stay) > asked.longest_stay * std::sqrt(std::max(1.0, proposals / 1000))) {
      complaint << "a chain refused " << chain.longest_stay << " proposals in a row";
      return complaint.str();
    }
  }
  return disagreement_of(static_cast<Index>(chains.size()), values, asked.largest_rhat, threads);
}

}  // namespace filbert
