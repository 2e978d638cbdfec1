// Decides between the two samplers of a GLM: before a run by a pilot, after it by what the chains did.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "filbert/density/framed_glm.hpp"
#include "filbert/density/skewed_proposal.hpp"
#include "filbert/density/subsampled_glm.hpp"
#include "filbert/draws/independence_verdict.hpp"
#include "filbert/sampler/foreseen_independence.hpp"
#include "filbert/sampler/independence.hpp"
#include "filbert/sampler/independence_pilot.hpp"

namespace filbert {

/// Thresholds of the switch; see `pilot_glm`.
struct SwitchRule {
  IndependenceThresholds asked;
  /// Where dimensions are many: NUTS pays some ten gradients a draw, which is worth some refusals. With weights that spread more, stays of
  /// thirty proposals are no surprise; the local move after each block of 96 ends them.
  IndependenceThresholds asked_of_many{.least_acceptance = 0.6, .least_acceptance_of_run = 0.5, .longest_stay = 60};
  /// Of `heaviest_side`, which is up to 2.2 where draws are good, and from 5.8 on where chains miss a tail.
  double most_heavy_side = 3.5;
  /// Beyond, the map's d³ costs more than gradients, and the closest normal has to do.
  Eigen::Index most_dimensions = 60;
  double least_values = 5e5;     ///< rows times coefficients, from which on rows are subsampled
  double most_candidates = 100;  ///< rows a proposal to be looked at; beyond, the expansion is too poor
};

/// A pilot run, the proposal that it tried, and why independence Metropolis would not do, if it would not.
struct GlmPilot {
  IndependencePilot pilot;
  std::optional<SubsampledGlm> subsampled;  ///< what to sample in place of the whole density, if rows are many
  std::optional<FramedGlm> moved;  ///< the density in the closest normal's frame, where the proposal is for that
  std::optional<SkewedProposal> proposal;  ///< empty where none was tried
  std::string refusal;                     ///< empty where it will do
};

GlmPilot pilot_glm(const FramedGlm& density, std::uint64_t seed, int threads = 1, const SwitchRule& rule = {});

/// The same where rows are elsewhere and all proposals of the pilot are evaluated in one pass over them. `subsampled` is empty; there is a
/// proposal whatever the dimension, not skewed beyond `most_dimensions`.
GlmPilot pilot_by_passes(const FramedGlm& density, std::uint64_t seed, const SwitchRule& rule);

/// Thresholds where rows are elsewhere: NUTS would have to bring them here, which is worth some refusals.
inline SwitchRule rule_by_passes() { return {.asked = {.least_acceptance = 0.6, .least_acceptance_of_run = 0.5}}; }

/// The proposal alone, whatever the pilot would say.
SkewedProposal skewed_proposal(const FramedGlm& density);

/// How much the weights of a standard normal hide from a pilot: by how much the log weight rises, at most, where a draw of it is moved out to
/// either side of a coefficient and has density enough for draws to be there. (Of a draw: the centre is far from all of them where dimensions
/// are many, and tells too much of strong effects.) A posterior with a heavy side, as of a coefficient that separates
/// rows under a Student prior, has for its closest normal one without it: few proposals go there, a pilot sees none, and chains either stay
/// there long or miss it while all that they say of themselves is good.
double heaviest_side(FramedGlm density);

/// The density in the frame of its closest normal; empty where there is none, or the density has a heavy side.
std::optional<FramedGlm> frame_of_many(const FramedGlm& density, const SwitchRule& rule = {});

/// A normal with its t, which is for many dimensions: there hardly a draw of a t is accepted, and few are made.
SkewedProposal normal_of_many(Eigen::Index dimension);

/// What to sample where rows are many.
struct GlmSubsampling {
  SubsampledGlm density;
  SkewedProposal proposal;  ///< not skewed: the density's first factor is next to a standard normal
  IndependencePilot pilot;
};

/// Empty where rows are few, too many of them would be looked at, or a pilot accepts too few of its proposals. On up to `threads`
/// threads, which changes no number.
std::optional<GlmSubsampling> subsampled_where_long(const FramedGlm& density, std::uint64_t seed, int threads = 1,
                                                    const SwitchRule& rule = {});

}  // namespace filbert
