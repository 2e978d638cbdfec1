// Log likelihoods of rows under draws of the parameters, and draws of their responses, for every family.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <vector>

#include "filbert/draws/predictive.hpp"
#include "filbert/families/family.hpp"

namespace filbert {

/// Writes the log likelihood, with all constants, of each row under each draw: `eta` and `into` are (rows, draws), `auxiliaries`
/// (auxiliaries, draws); `trials` may be empty.
void glm_log_likelihood(Family family, Link link, const Eigen::Ref<const Eigen::VectorXd>& y,
                        const Eigen::Ref<const Eigen::VectorXd>& trials, const Eigen::Ref<const RowDraws>& eta,
                        const Eigen::Ref<const RowDraws>& auxiliaries, Eigen::Ref<RowDraws> into, int threads = 1);

/// Writes a response for each row and draw, given its mean (of one trial), (rows, draws); the two may be the same. What a draw of a row
/// gets depends on `seed`, the row's key, the draw's number and its own mean and auxiliaries alone.
void glm_response_draws(Family family, const StridedDraws& means, const Eigen::Ref<const Eigen::VectorXd>& trials,
                        const Eigen::Ref<const RowDraws>& auxiliaries, const std::vector<std::uint64_t>& keys,
                        std::uint64_t seed, StridedDraws responses, int threads = 1);

}  // namespace filbert
