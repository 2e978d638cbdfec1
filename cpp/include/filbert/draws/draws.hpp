// Collects draws and their statistics, mapped to the user's scale, into arrays laid out as (variable, chain, draw).
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cstdint>
#include <vector>

#include "filbert/density/framed_density.hpp"
#include "filbert/sampler/nuts.hpp"

namespace filbert {

/// Where the iterations of one phase, warm-up or sampling, are written. Each array is (chains, iterations), C order; `values` is
/// (variables, chains, iterations). Memory belongs to the caller.
struct PhaseArrays {
  Eigen::Index iterations = 0;
  double* values = nullptr;  ///< null where the phase is not kept
  double* log_density = nullptr;
  double* energy = nullptr;
  double* energy_error = nullptr;
  double* max_energy_error = nullptr;
  double* acceptance_rate = nullptr;
  double* step_size = nullptr;
  double* step_size_bar = nullptr;
  std::int64_t* tree_depth = nullptr;
  std::int64_t* n_steps = nullptr;
  std::int64_t* index_in_trajectory = nullptr;
  bool* diverging = nullptr;
  bool* reached_max_treedepth = nullptr;
};

/// A density that says little by little what it knows of the point where it was asked last: mapping many at once saves nothing.
template <typename Density>
concept RemembersPoint = FramedDensity<Density> && Density::remembers_point;

/// Maps draws in blocks, so that many share one matrix product; blocks are the same whatever runs beside, and so are the draws.
template <FramedDensity Density>
class Draws {
 public:
  Draws(const Density& density, int chains, const PhaseArrays& warmup, const PhaseArrays& sampling)
      : chains_(chains), warmup_(warmup), sampling_(sampling), variables_(density.variables()) {
    blocks_.reserve(static_cast<std::size_t>(chains));
    for (int chain = 0; chain < chains; ++chain) blocks_.emplace_back(density);
  }

  /// Stores one iteration of a chain; `iteration` counts through both phases. Chains may call it at the same time. The chain's `own` density
  /// may know the position already.
  void add(int chain, Eigen::Index iteration, const Eigen::VectorXd& position, const TransitionStatistics& statistics,
           Density& own) {
    const bool tuning = iteration < warmup_.iterations;
    const PhaseArrays& phase = tuning ? warmup_ : sampling_;
    if (phase.values == nullptr) return;
    const Eigen::Index draw = tuning ? iteration : iteration - warmup_.iterations;
    Block& block = blocks_[static_cast<std::size_t>(chain)];
    if (block.filled == block_size || block.phase != &phase) write(chain);
    if (block.filled == 0) {
      block.phase = &phase;
      block.first = draw;
    }
    store_statistics(phase, chain * phase.iterations + draw, statistics);
    phase.log_density[chain * phase.iterations + draw] = own.user_log_density(position, statistics.log_density);
    if constexpr (RemembersPoint<Density>) {
      own.to_user_scale(position, block.values.col(block.filled));
    } else {
      block.positions.col(block.filled) = position;
    }
    ++block.filled;
  }

  void add(int chain, Eigen::Index iteration, const Eigen::VectorXd& position, const TransitionStatistics& statistics) {
    add(chain, iteration, position, statistics, blocks_[static_cast<std::size_t>(chain)].density);
  }

  /// Writes what the last, incomplete block of a chain holds.
  void write(int chain) {
    Block& block = blocks_[static_cast<std::size_t>(chain)];
    if (block.filled == 0) return;
    if constexpr (!RemembersPoint<Density>) {
      block.density.to_user_scale(block.positions.leftCols(block.filled), block.values.leftCols(block.filled));
    }
    const PhaseArrays& phase = *block.phase;
    for (Eigen::Index variable = 0; variable < variables_; ++variable) {
      double* row = phase.values + (variable * chains_ + chain) * phase.iterations + block.first;
      for (Eigen::Index i = 0; i < block.filled; ++i) row[i] = block.values(variable, i);
    }
    block.filled = 0;
  }

 private:
  static constexpr Eigen::Index block_size = 64;

  struct Block {
    explicit Block(const Density& shared)
        : density(shared), positions(shared.dimension(), block_size), values(shared.variables(), block_size) {}

    Density density;  // its own scratch space
    Eigen::MatrixXd positions, values;
    const PhaseArrays* phase = nullptr;
    Eigen::Index first = 0;
    Eigen::Index filled = 0;
  };

  static void store_statistics(const PhaseArrays& phase, Eigen::Index at, const TransitionStatistics& statistics) {
    phase.energy[at] = statistics.energy;
    phase.energy_error[at] = statistics.energy_error;
    phase.max_energy_error[at] = statistics.max_energy_error;
    phase.acceptance_rate[at] = statistics.acceptance_rate;
    phase.step_size[at] = statistics.step_size;
    phase.step_size_bar[at] = statistics.step_size_bar;
    phase.tree_depth[at] = statistics.tree_depth;
    phase.n_steps[at] = statistics.n_steps;
    phase.index_in_trajectory[at] = statistics.index_in_trajectory;
    phase.diverging[at] = statistics.diverging;
    phase.reached_max_treedepth[at] = statistics.reached_max_treedepth;
  }

  int chains_;
  PhaseArrays warmup_, sampling_;
  Eigen::Index variables_;
  std::vector<Block> blocks_;
};

}  // namespace filbert
