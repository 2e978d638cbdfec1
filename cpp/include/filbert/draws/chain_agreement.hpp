// Says where chains of a run did not reach the same distribution.
#pragma once

#include <Eigen/Core>
#include <string>

#include "filbert/draws/diagnostics.hpp"

namespace filbert {

/// "R-hat was ..." of the first variable with a larger one; empty where all agree, or cannot be told. `values` is (variables · chains,
/// draws), a variable's chains together; `largest` is asked of 1000 draws a chain, and fewer are allowed more. On at most `threads`
/// threads, which changes nothing.
std::string disagreement_of(Eigen::Index chains, const ChainsRef& values, double largest, int threads = 1);

}  // namespace filbert
