// Runs one chain: a first point, the warm-up, the draws.
#pragma once

#include <Eigen/Core>
#include <atomic>
#include <concepts>
#include <cstdint>
#include <sstream>
#include <stdexcept>
#include <stop_token>
#include <utility>

#include "filbert/sampler/log_density.hpp"
#include "filbert/sampler/nuts.hpp"
#include "filbert/sampler/rng.hpp"
#include "filbert/sampler/warmup.hpp"

namespace filbert {

/// What is asked of a run. Every chain reads the same settings.
struct SampleSettings {
  Eigen::Index draws = 1000;  ///< of each chain
  Eigen::Index tune = 1000;   ///< iterations of warm-up, before the draws
  int chains = 4;
  int cores = 1;  ///< chains that run at the same time, at most; changes no draw
  std::uint64_t seed = 0;
  NutsSettings nuts = {};
  WarmupSettings warmup = {};

  void validate() const {
    require_setting(draws >= 1, "draws", draws, "a whole number of at least 1");
    require_setting(tune >= 0, "tune", tune, "a whole number of at least 0");
    require_setting(chains >= 1, "chains", chains, "a whole number of at least 1");
    require_setting(cores >= 1, "cores", cores, "a whole number of at least 1");
    nuts.validate();
    warmup.validate();
  }
};

/// Takes each iteration of a chain, those of the warm-up first: `iteration` counts on from there. Called on the
/// chain's own thread. Each chain works on its own copy of the recorder, and the copies may share the memory they
/// write to as long as chains stay in their own parts of it.
template <typename Recorder>
concept DrawRecorder =
    std::copy_constructible<Recorder> &&
    requires(Recorder& recorder, int chain, Eigen::Index iteration, const Eigen::VectorXd& position,
             const TransitionStatistics& statistics) { recorder(chain, iteration, position, statistics); };

/// What a running chain lets others see. Only its own thread writes; alone on its cache lines, so that it writes fast.
struct alignas(128) ChainProgress {
  std::atomic<Eigen::Index> iterations = 0;   ///< finished, warm-up included
  std::atomic<Eigen::Index> divergences = 0;  ///< among the draws
  std::atomic<Eigen::Index> n_steps = 0;      ///< leapfrog steps, warm-up included
  std::atomic<double> step_size = 0;
  std::atomic<bool> finished = false;  ///< reached its last iteration
};

struct ChainResult {
  Eigen::Index iterations = 0;  ///< recorded, warm-up included; fewer than asked for if the chain was stopped
  double step_size = 0;
  Eigen::VectorXd metric_variances;  ///< the diagonal of M⁻¹
};

/// Thrown out of the middle of a transition when a stop is requested.
struct Stopped {};

/// A density that looks at a stop token before each evaluation: however long a transition takes, it stops at once.
template <LogDensity Density>
class StoppableDensity {
 public:
  StoppableDensity(const Density& density, std::stop_token stop) : density_(density), stop_(std::move(stop)) {}

  Eigen::Index dimension() const { return density_.dimension(); }

  double operator()(const Eigen::VectorXd& position, Eigen::VectorXd& gradient) {
    if (stop_.stop_requested()) throw Stopped{};
    return density_(position, gradient);
  }

  Density& density() { return density_; }

 private:
  Density density_;
  std::stop_token stop_;
};

/// Moves the sampler to a point drawn uniformly from (-2, 2) in each coordinate.
template <typename Nuts>
void draw_initial_position(Nuts& nuts, int chain, Rng& rng) {
  constexpr double half_width = 2;
  constexpr int max_tries = 100;
  Eigen::VectorXd position(nuts.dimension());
  for (int attempt = 0; attempt < max_tries; ++attempt) {
    for (double& coordinate : position) coordinate = rng.uniform(-half_width, half_width);
    if (nuts.set_position(position)) return;
  }
  std::ostringstream message;
  message
      << "Chain " << chain << " found no starting point: the log density or its gradient was not finite at any of "
      << max_tries << " points drawn uniformly from (-2, 2) in each of the " << nuts.dimension()
      << " coordinates. The last log density was " << nuts.log_density()
      << ". Check the density for errors, and shift or scale its coordinates so that this region has positive density.";
  throw std::runtime_error(message.str());
}

template <typename Rules = TrajectoryRules, LogDensity Density, DrawRecorder Recorder>
ChainResult run_chain(const Density& density, const SampleSettings& settings, int chain, Recorder recorder,
                      std::stop_token stop, ChainProgress& progress) {
  ChainResult result;
  Rng rng(settings.seed, chain);
  Nuts<StoppableDensity<Density>, Rules> nuts(StoppableDensity<Density>(density, std::move(stop)), settings.nuts);
  try {
    draw_initial_position(nuts, chain, rng);
    Warmup warmup(settings.tune, settings.nuts.target_accept, settings.warmup, nuts, rng);
    Eigen::Index divergences = 0;
    Eigen::Index n_steps = 0;
    while (result.iterations < settings.tune + settings.draws) {
      TransitionStatistics statistics = nuts.transition(rng);
      const bool tuning = result.iterations < settings.tune;
      if (tuning) warmup.update(statistics, nuts, rng);
      statistics.step_size_bar = warmup.step_size_bar();
      recorder(chain, std::as_const(result.iterations), nuts.position(), std::as_const(statistics));
      ++result.iterations;
      n_steps += statistics.n_steps;
      if (!tuning && statistics.diverging) ++divergences;
      progress.divergences.store(divergences, std::memory_order_relaxed);
      progress.n_steps.store(n_steps, std::memory_order_relaxed);
      progress.step_size.store(statistics.step_size, std::memory_order_relaxed);
      progress.iterations.store(result.iterations, std::memory_order_relaxed);
    }
    progress.finished.store(true, std::memory_order_relaxed);
  } catch (const Stopped&) {
    // The interrupted transition is not recorded; those before it are good.
  }
  result.step_size = nuts.step_size();
  result.metric_variances = nuts.metric().variances();
  return result;
}

}  // namespace filbert
