// Moves a phase point one step along its Hamiltonian flow.
#pragma once

#include <cmath>
#include <limits>

#include "filbert/sampler/log_density.hpp"
#include "filbert/sampler/metric.hpp"
#include "filbert/sampler/phase_point.hpp"

namespace filbert {

/// How far one step kicks, at its beginning and again at its end, and how far it drifts. Signed: negative ones go back in time.
struct StepLengths {
  double half_kick, drift;

  StepLengths backwards() const { return {-half_kick, -drift}; }
};

/// The lengths of a step of size ε: ½ε and ε in general, tan ½ε and sin ε where the density is nearly standard normal.
///
/// Three shears of these latter lengths are a rotation by ε in the plane of position and momentum: the exact flow of a normal whose
/// standard deviations are the metric's scales. What the force of the density has beyond that of the normal comes in two kicks of tan ½ε.
/// So it is the splitting of Hamiltonians into a normal's and a rest (Shahbaba, Lan, Johnson and Neal 2014; Casas, Sanz-Serna and Shaw
/// 2022, kick–rotate–kick), with kicks that are right for a shifted normal too, and costs what a
/// leapfrog step costs. Reversible and volume-preserving for any density, and of second order; where the density is not
/// like a normal, it is a leapfrog with a drift that is a little short.
template <LogDensity Density>
StepLengths step_lengths(double step_size) {
  if constexpr (NearStandardNormal<Density>) {
    return {std::tan(0.5 * step_size), std::sin(step_size)};
  } else {
    return {0.5 * step_size, step_size};
  }
}

/// No step is longer. Three steps of a little more than π/3 go past half a turn, where trajectories on a normal end: longer ones save no
/// gradient, and only the error grows. Far beyond, at π, kicks would be infinite.
template <LogDensity Density>
constexpr double longest_step_size() {
  return NearStandardNormal<Density> ? 1.1 : std::numeric_limits<double>::infinity();
}

/// One leapfrog step: half a kick, a drift, half a kick. Reversible, volume-preserving, second order. Writes all of `to`, which must have
/// the dimension already; allocates nothing. Where the density or its gradient is not finite, so is `to.energy`.
template <LogDensity Density>
void leapfrog(Density& density, const DiagonalMetric& metric, const StepLengths& lengths, const PhasePoint& from,
              PhasePoint& to) {
  to.momentum = from.momentum + lengths.half_kick * metric.scale.cwiseProduct(from.gradient);
  to.position = from.position + lengths.drift * metric.scale.cwiseProduct(to.momentum);
  to.log_density = density(to.position, to.gradient);
  to.momentum += lengths.half_kick * metric.scale.cwiseProduct(to.gradient);
  to.update_energy();
  to.index_in_trajectory = from.index_in_trajectory + (lengths.drift < 0 ? -1 : 1);
}

/// The same of a step size, of whichever sign.
template <LogDensity Density>
void leapfrog(Density& density, const DiagonalMetric& metric, double step_size, const PhasePoint& from,
              PhasePoint& to) {
  leapfrog(density, metric, step_lengths<Density>(step_size), from, to);
}

}  // namespace filbert
