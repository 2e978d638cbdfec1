// Holds linear predictors off the edges of a link's domain, where a posterior without a mode inside is to be framed.
#pragma once

#include <memory>

#include "filbert/density/glm_mode.hpp"
#include "filbert/density/unconstrained_glm.hpp"

namespace filbert {

/// Which rows a link keeps inside of its domain although their responses would have them at its edge: counts of 0 where η > 0, and trials
/// without a success, or without a failure, where 0 < η < 1. The log likelihood of such a row is finite and steep at the edge.
bool has_edges(const GlmData& data);

/// The mode of a density that may be highest at such an edge: its own, if it has one inside, or that of the same density with a part of
/// a count added to the rows whose predictors are next to the edge. Throws NoMode where that has none either.
GlmMode mode_off_edges(UnconstrainedGlm& density);

}  // namespace filbert
