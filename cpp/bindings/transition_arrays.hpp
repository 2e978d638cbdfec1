// What transitions of Hamiltonian Monte Carlo leave for Python: arrays that the workers fill in place.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <vector>

#include "filbert/draws/draws.hpp"
#include "filbert/sampler/chain.hpp"
#include "poll.hpp"

/// NumPy arrays for one phase: {"values": (variables, chains, iterations), "lp": (chains, iterations), ...}.
inline filbert::PhaseArrays new_transition_arrays(pybind11::dict& arrays, Eigen::Index variables, int chains,
                                                  Eigen::Index iterations) {
  const std::vector<pybind11::ssize_t> shape = {chains, iterations};
  filbert::PhaseArrays phase;
  phase.iterations = iterations;
  phase.values = new_array<double>(arrays, "values", {variables, chains, iterations});
  phase.log_density = new_array<double>(arrays, "lp", shape);
  phase.energy = new_array<double>(arrays, "energy", shape);
  phase.energy_error = new_array<double>(arrays, "energy_error", shape);
  phase.max_energy_error = new_array<double>(arrays, "max_energy_error", shape);
  phase.acceptance_rate = new_array<double>(arrays, "acceptance_rate", shape);
  phase.step_size = new_array<double>(arrays, "step_size", shape);
  phase.step_size_bar = new_array<double>(arrays, "step_size_bar", shape);
  phase.tree_depth = new_array<std::int64_t>(arrays, "tree_depth", shape);
  phase.n_steps = new_array<std::int64_t>(arrays, "n_steps", shape);
  phase.diverging = new_array<bool>(arrays, "diverging", shape);
  phase.reached_max_treedepth = new_array<bool>(arrays, "reached_max_treedepth", shape);
  phase.index_in_trajectory = new_array<std::int64_t>(arrays, "index_in_trajectory", shape);
  return phase;
}

/// Fills the arrays with what `sample_into(recorder)` draws, and returns how many iterations each chain has completed, `first` ones included.
/// Touches no Python object.
template <typename Density, typename SampleInto>
std::vector<Eigen::Index> fill_arrays(const Density& density, int chains, const filbert::PhaseArrays& first,
                                      const filbert::PhaseArrays& sampling, const SampleInto& sample_into) {
  filbert::Draws store(density, chains, first, sampling);
  const auto record = [&store](int chain, Eigen::Index iteration, const Eigen::VectorXd& position,
                               const filbert::TransitionStatistics& statistics,
                               auto&... own) { store.add(chain, iteration, position, statistics, own...); };
  std::vector<Eigen::Index> iterations;
  for (const filbert::ChainResult& chain : sample_into(record)) iterations.push_back(chain.iterations);
  for (int chain = 0; chain < chains; ++chain) store.write(chain);
  return iterations;
}
