// Holds R-hat of each variable against a threshold.
#include "filbert/draws/chain_agreement.hpp"

#include <algorithm>
#include <sstream>

namespace filbert {

using Eigen::Index;

std::string disagreement_of(Index chains, const ChainsRef& values, double largest, int threads) {
  if (chains < 2 || values.cols() < 4) return "";
  const double allowed = 1 + (largest - 1) * std::max(1.0, 1000.0 / static_cast<double>(values.cols()));
  for (const double rhat : split_rhats(values, chains, threads)) {
    if (!(rhat > allowed)) continue;
    std::ostringstream disagreement;
    disagreement << "R-hat was " << rhat;
    return disagreement.str();
  }
  return "";
}

}  // namespace filbert
