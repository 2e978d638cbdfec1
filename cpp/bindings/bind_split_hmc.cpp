// Hamiltonian Monte Carlo with split steps, and the choice between it and NUTS, for Python.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "filbert/density/framed_glm.hpp"
#include "filbert/draws/chain_agreement.hpp"
#include "filbert/groups/framed_grouped_glm.hpp"
#include "filbert/sampler/split_hmc_run.hpp"
#include "poll.hpp"
#include "sampler_choice.hpp"
#include "transition_arrays.hpp"

namespace py = pybind11;
using Eigen::Index;
using filbert::FramedGlm;
using filbert::FramedGroupedGlm;
using filbert::SplitHmcPilot;

namespace {

constexpr double least_acceptance = 0.95;  // trajectories that are refused lead to the tails

/// How many variables of a draw, the first, are to agree between chains: effects follow.
Index parameters_of(const FramedGlm& density) { return density.variables(); }
Index parameters_of(const FramedGroupedGlm& density) { return density.posterior().parameters(); }

template <typename Density>
SplitHmcPilot pilot_of(const Density& density, std::uint64_t seed, double target_accept) {
  const py::gil_scoped_release release;
  return filbert::pilot_split_hmc(density, seed, std::max(target_accept, least_acceptance));
}

/// The density, or what it is in another frame where trajectories are refused in its own and less so there; with its pilot.
std::pair<FramedGroupedGlm, SplitHmcPilot> better_frame(const FramedGroupedGlm& density, std::uint64_t seed,
                                                        double target_accept) {
  SplitHmcPilot here = pilot_of(density, seed, target_accept);
  if (here.refusal.empty()) return {density, std::move(here)};
  std::optional<FramedGroupedGlm> other;
  {
    const py::gil_scoped_release release;
    other = density.elsewhere();
  }
  if (!other) return {density, std::move(here)};
  SplitHmcPilot there = pilot_of(*other, seed, target_accept);
  if (there.refusal.empty() || there.acceptance > here.acceptance) return {*std::move(other), std::move(there)};
  return {density, std::move(here)};
}

/// Why draws of a run are not to be trusted; empty where they are. `values` are those of the parameters, as `disagreement_of` takes them.
std::string complaint_about(Index divergences, Index chains, const filbert::ChainsRef& values, int threads) {
  constexpr double largest_rhat = 1.01;
  if (divergences > 0) return std::to_string(divergences) + " trajectories diverged";
  return filbert::disagreement_of(chains, values, largest_rhat, threads);
}

template <typename Density>
py::dict sample(const Density& density, int steps, Index draws, int chains, int cores, std::uint64_t seed,
                py::object report) {
  filbert::SplitHmcRunSettings settings;
  settings.draws = draws;
  settings.chains = chains;
  settings.cores = cores;
  settings.seed = seed;
  settings.hmc.steps = steps;
  settings.validate();
  py::dict result, arrays;
  const filbert::PhaseArrays sampling = new_transition_arrays(arrays, density.variables(), chains, draws);
  filbert::PhaseArrays burn_in;  // not kept
  burn_in.iterations = settings.burn_in;
  result["sampling"] = arrays;
  filbert::Progress progress(chains);
  Poll poll(progress, settings.burn_in + draws, std::move(report));
  std::vector<Index> iterations;
  std::string complaint;
  {
    // The arrays above stay alive through `result`; workers write to their memory and touch no Python object, or take the lock.
    const py::gil_scoped_release release;
    iterations = fill_arrays(density, chains, burn_in, sampling, [&](const auto& record) {
      return filbert::sample_split_hmc(density, settings, record, progress, poll);
    });
    for (Index& of_chain : iterations) of_chain = std::max<Index>(of_chain - settings.burn_in, 0);
    if (!poll.interrupted()) {
      using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
      const Eigen::Map<const Rows> values(sampling.values, parameters_of(density) * chains, draws);
      const Index divergences = std::count(sampling.diverging, sampling.diverging + chains * draws, true);
      complaint = complaint_about(divergences, chains, values, cores);
    }
  }
  result["iterations"] = iterations;
  result["complaint"] = complaint;
  result["interrupted"] = poll.interrupted();
  return result;
}

template <typename Density>
py::dict sample_hmc(const Density& density, Index draws, int chains, int cores, std::uint64_t seed,
                    double target_accept, py::object report) {
  const int steps = pilot_of(density, seed, target_accept).steps;
  return sample(density, steps, draws, chains, cores, seed, std::move(report));
}

py::dict sample_auto(const FramedGroupedGlm& density, Index draws, Index tune, int chains, int cores,
                     std::uint64_t seed, double target_accept, int max_treedepth, bool keep_warmup,
                     const py::object& report) {
  const auto [framed, pilot] = better_frame(density, seed, target_accept);
  const SamplerChoice choice{draws, tune, chains, cores, seed, target_accept, max_treedepth, keep_warmup, report};
  return first_or_nuts(split_hmc_sampler, framed, choice, pilot.refusal,
                       [&] { return sample(framed, pilot.steps, draws, chains, cores, seed, report); });
}

template <typename Density>
void def_sample_hmc(py::module_& module) {
  module.def(
      "sample_hmc", &sample_hmc<Density>, py::arg("density"), py::kw_only(), py::arg("draws"), py::arg("chains"),
      py::arg("cores"), py::arg("seed"), py::arg("target_accept"), py::arg("report"),
      R"(Samples by Hamiltonian Monte Carlo with split steps, as many as a pilot needs for the acceptance that is asked for.

Returns "sampling" and "iterations" as `sample` does, and "complaint", why the draws should not be trusted.)");
}

}  // namespace

void bind_split_hmc(py::module_& module) {
  module.def(
      "hmc_pilot",
      [](const FramedGroupedGlm& density, std::uint64_t seed, double target_accept) {
        const SplitHmcPilot found = pilot_of(density, seed, target_accept);
        py::dict result;
        result["steps"] = found.steps;
        result["acceptance"] = found.acceptance;
        result["widest"] = found.widest;
        result["refusal"] = found.refusal;
        return result;
      },
      py::arg("density"), py::arg("seed"), py::arg("target_accept"),
      "Whether trajectories of fixed length will do: steps, acceptance, widest (largest variance of a coordinate) and "
      "refusal, which says why not.");
  def_sample_hmc<FramedGlm>(module);
  def_sample_hmc<FramedGroupedGlm>(module);
  module.def(
      "sample_grouped", &sample_auto, py::arg("density"), py::kw_only(), py::arg("draws"), py::arg("tune"),
      py::arg("chains"), py::arg("cores"), py::arg("seed"), py::arg("target_accept"), py::arg("max_treedepth"),
      py::arg("keep_warmup"), py::arg("report"),
      R"(Samples by Hamiltonian Monte Carlo with split steps where a pilot says it will do and the run confirms it, and else by NUTS.

Returns what `sample_hmc` or `sample` return, with "sampler", "hmc" or "nuts", and "note", why the first was left.)");
}
