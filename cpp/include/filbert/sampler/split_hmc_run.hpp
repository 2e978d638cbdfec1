// Tries how many steps trajectories in a frame need, and runs the chains.
#pragma once

#include <Eigen/Core>
#include <array>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <sstream>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "filbert/sampler/chain.hpp"
#include "filbert/sampler/running_variance.hpp"
#include "filbert/sampler/sample.hpp"
#include "filbert/sampler/split_hmc.hpp"

namespace filbert {

/// What a short chain says of how trajectories would do in a frame.
struct SplitHmcPilot {
  int steps = 0;          ///< the fewest with the acceptance that is asked for
  double acceptance = 0;  ///< with them
  double widest = 0;      ///< variance of the widest coordinate; 1 is that of the frame
  std::string refusal;    ///< why it would not do; empty where it will
};

/// Takes few steps first, and more until enough is accepted.
template <LogDensity Density>
SplitHmcPilot pilot_split_hmc(const Density& density, std::uint64_t seed, double target_accept) {
  constexpr std::array<int, 6> candidates = {2, 3, 4, 6, 8, 12};
  constexpr int settling = 30, transitions = 40;
  constexpr double most_spread = 4;  // beyond, a trajectory would be too short for a coordinate
  SplitHmcPilot pilot;
  SplitHmc<Density> hmc(density, {.steps = 4});
  Rng rng(seed ^ pilot_stream);
  draw_initial_position(hmc, 0, rng);
  for (int i = 0; i < settling; ++i) hmc.transition(rng);
  RunningVariance spread(hmc.dimension());
  for (const int steps : candidates) {
    hmc.set_steps(steps);
    double accepted = 0;
    for (int i = 0; i < transitions; ++i) {
      accepted += hmc.transition(rng).acceptance_rate / transitions;
      spread.add(hmc.position());
    }
    pilot.steps = steps;
    pilot.acceptance = accepted;
    if (accepted >= target_accept) break;
  }
  pilot.widest = spread.variance().maxCoeff();
  std::ostringstream refusal;
  if (!(pilot.acceptance >= target_accept)) {
    refusal << "a pilot accepted " << pilot.acceptance << " of its trajectories of " << pilot.steps << " steps";
  } else if (!(pilot.widest < most_spread)) {
    refusal << "a coordinate of the frame was " << std::sqrt(pilot.widest) << " times as wide as it should be";
  }
  pilot.refusal = refusal.str();
  return pilot;
}

struct SplitHmcRunSettings {
  Eigen::Index draws = 1000;  ///< of each chain
  Eigen::Index burn_in = 50;  ///< iterations before them
  int chains = 4;
  int cores = 1;  ///< chains that run at the same time, at most; changes no draw
  std::uint64_t seed = 0;
  SplitHmcSettings hmc = {};

  void validate() const {
    require_setting(draws >= 1, "draws", draws, "a whole number of at least 1");
    require_setting(burn_in >= 0, "burn_in", burn_in, "a whole number of at least 0");
    require_setting(chains >= 1, "chains", chains, "a whole number of at least 1");
    require_setting(cores >= 1, "cores", cores, "a whole number of at least 1");
    hmc.validate();
  }
};

template <typename Rules, LogDensity Density, typename Recorder>
ChainResult run_split_hmc_chain(const Density& density, const SplitHmcRunSettings& settings, int chain,
                                Recorder recorder, std::stop_token stop, ChainProgress& progress) {
  ChainResult result;
  Rng rng(settings.seed, chain);
  SplitHmc<StoppableDensity<Density>, Rules> hmc(StoppableDensity<Density>(density, std::move(stop)), settings.hmc);
  try {
    draw_initial_position(hmc, chain, rng);
    Eigen::Index divergences = 0, n_steps = 0;
    while (result.iterations < settings.burn_in + settings.draws) {
      const TransitionStatistics statistics = hmc.transition(rng);
      if constexpr (std::invocable<Recorder&, int, Eigen::Index, const Eigen::VectorXd&, const TransitionStatistics&,
                                   Density&>) {
        recorder(chain, std::as_const(result.iterations), hmc.position(), statistics, hmc.density().density());
      } else {
        recorder(chain, std::as_const(result.iterations), hmc.position(), statistics);
      }
      n_steps += statistics.n_steps;
      if (result.iterations >= settings.burn_in && statistics.diverging) ++divergences;
      ++result.iterations;
      result.step_size = statistics.step_size;
      progress.divergences.store(divergences, std::memory_order_relaxed);
      progress.n_steps.store(n_steps, std::memory_order_relaxed);
      progress.step_size.store(statistics.step_size, std::memory_order_relaxed);
      progress.iterations.store(result.iterations, std::memory_order_relaxed);
    }
    progress.finished.store(true, std::memory_order_relaxed);
  } catch (const Stopped&) {
    // The interrupted transition is not recorded; those before it are good.
  }
  return result;
}

/// Samples by SplitHmc; recorder, progress, polling, stopping and exceptions are as in `sample`, with the burn-in in place of the warm-up.
/// A recorder with a fifth argument gets the chain's own copy of the density, which may know more of the point where it was asked last.
template <typename Rules = SplitHmcRules, LogDensity Density, typename Recorder, typename Poll = KeepGoing>
std::vector<ChainResult> sample_split_hmc(const Density& density, const SplitHmcRunSettings& settings,
                                          const Recorder& recorder, Progress& progress, Poll&& poll = {},
                                          std::stop_token stop = {},
                                          std::chrono::milliseconds poll_interval = std::chrono::milliseconds(50)) {
  return run_chains(
      settings,
      [&](int chain, std::stop_token chain_stop) {
        return run_split_hmc_chain<Rules>(density, settings, chain, recorder, std::move(chain_stop), progress[chain]);
      },
      progress, poll, std::move(stop), poll_interval);
}

}  // namespace filbert
