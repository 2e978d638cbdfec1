// Moves a phase point one step along its Hamiltonian flow.
#pragma once

#include "filbert/sampler/log_density.hpp"
#include "filbert/sampler/metric.hpp"
#include "filbert/sampler/phase_point.hpp"

namespace filbert {

/// One leapfrog step: half a kick, a drift, half a kick. Reversible, volume-preserving, second order; a negative
/// `step_size` goes back in time. Writes all of `to`, which must have the dimension already; allocates nothing. Where
/// the density or its gradient is not finite, so is `to.energy`.
template <LogDensity Density>
void leapfrog(Density& density, const DiagonalMetric& metric, double step_size, const PhasePoint& from,
              PhasePoint& to) {
  const double half_step = 0.5 * step_size;
  to.momentum = from.momentum + half_step * metric.scale.cwiseProduct(from.gradient);
  to.position = from.position + step_size * metric.scale.cwiseProduct(to.momentum);
  to.log_density = density(to.position, to.gradient);
  to.momentum += half_step * metric.scale.cwiseProduct(to.gradient);
  to.update_energy();
  to.index_in_trajectory = from.index_in_trajectory + (step_size < 0 ? -1 : 1);
}

}  // namespace filbert
