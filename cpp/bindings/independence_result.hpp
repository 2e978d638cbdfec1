// What runs of independence Metropolis are given by Python, and give to it: settings, arrays of statistics, and what chains did.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "filbert/sampler/independence.hpp"
#include "poll.hpp"

/// Throws std::invalid_argument for what no run can have.
inline filbert::IndependenceSettings make_settings(Eigen::Index draws, int chains, int cores, std::uint64_t seed) {
  filbert::IndependenceSettings settings;
  settings.draws = draws;
  settings.chains = chains;
  settings.cores = cores;
  settings.seed = seed;
  settings.validate();
  return settings;
}

/// Memory of the arrays of a run: values (variables, chains, draws), the others (chains, draws).
struct IndependenceArrays {
  double *values, *log_density, *log_weight;
  bool *accepted, *is_nuts, *diverging;
  std::int64_t* n_steps;

  /// Writes what is known of a draw beside its values and log density.
  void record(Eigen::Index at, const filbert::IndependenceStatistics& statistics) const {
    log_weight[at] = statistics.log_weight;
    accepted[at] = statistics.accepted;
    is_nuts[at] = statistics.is_nuts;
    diverging[at] = statistics.diverging;
    n_steps[at] = statistics.n_steps;
  }
};

inline IndependenceArrays new_arrays(pybind11::dict& arrays, Eigen::Index variables, int chains, Eigen::Index draws) {
  const std::vector<pybind11::ssize_t> shape = {chains, draws};
  return {new_array<double>(arrays, "values", {variables, chains, draws}),
          new_array<double>(arrays, "lp", shape),
          new_array<double>(arrays, "log_weight", shape),
          new_array<bool>(arrays, "accepted", shape),
          new_array<bool>(arrays, "nuts", shape),
          new_array<bool>(arrays, "diverging", shape),
          new_array<std::int64_t>(arrays, "n_steps", shape)};
}

/// Adds "iterations", "acceptance" and "longest_stay" of each chain.
inline void describe(pybind11::dict& result, const std::vector<filbert::IndependenceChain>& chains) {
  std::vector<Eigen::Index> iterations, stays;
  std::vector<double> acceptance;
  for (const filbert::IndependenceChain& chain : chains) {
    iterations.push_back(chain.iterations);
    stays.push_back(chain.longest_stay);
    acceptance.push_back(static_cast<double>(chain.accepted) /
                         static_cast<double>(std::max<Eigen::Index>(chain.proposals, 1)));
  }
  result["iterations"] = iterations;
  result["acceptance"] = acceptance;
  result["longest_stay"] = stays;
}
