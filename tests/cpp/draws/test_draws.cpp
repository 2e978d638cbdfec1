// Recorded draws are those that the density maps to, each at its place, whatever the number of variables.
#include "filbert/draws/draws.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "filbert/sampler/sample.hpp"

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

/// Two normals, reported with their sum, their difference and the log density of something else.
struct Described {
  Index dimension() const { return 2; }
  Index variables() const { return 4; }

  double operator()(const VectorXd& position, VectorXd& gradient) const {
    gradient = -position;
    return -0.5 * position.squaredNorm();
  }

  void to_user_scale(const Eigen::Ref<const MatrixXd>& positions, Eigen::Ref<MatrixXd> draws) const {
    draws.topRows(2) = positions;
    draws.row(2) = positions.row(0) + positions.row(1);
    draws.row(3) = positions.row(0) - positions.row(1);
  }

  double user_log_density(const VectorXd& position, double log_density) const { return log_density + position(0); }
};

/// Knows one point, and would map no block of them.
struct Remembering : Described {
  static constexpr bool remembers_point = true;

  double user_log_density(const VectorXd& position, double log_density) {
    last = position;
    return Described::user_log_density(position, log_density);
  }

  void to_user_scale(const Eigen::Ref<const MatrixXd>& positions, Eigen::Ref<MatrixXd> draws) const {
    CHECK(positions == last);
    Described::to_user_scale(positions, draws);
  }

  VectorXd last;
};

/// Memory for a phase as a caller would keep it.
struct Phase {
  std::vector<double> values, log_density, statistic;
  std::vector<std::int64_t> count;
  std::unique_ptr<bool[]> flag;
  filbert::PhaseArrays arrays;

  Phase(Index variables, Index chains, Index iterations)
      : values(static_cast<std::size_t>(variables * chains * iterations)),
        log_density(static_cast<std::size_t>(chains * iterations)),
        statistic(log_density.size()),
        count(log_density.size()),
        flag(std::make_unique<bool[]>(log_density.size())) {
    arrays.iterations = iterations;
    arrays.values = values.data();
    arrays.log_density = log_density.data();
    for (double** one : {&arrays.energy, &arrays.energy_error, &arrays.max_energy_error, &arrays.acceptance_rate,
                         &arrays.step_size, &arrays.step_size_bar}) {
      *one = statistic.data();
    }
    for (std::int64_t** one : {&arrays.tree_depth, &arrays.n_steps, &arrays.index_in_trajectory}) *one = count.data();
    arrays.diverging = arrays.reached_max_treedepth = flag.get();
  }
};

}  // namespace

TEST_CASE_TEMPLATE("each draw lies at its variable, chain and iteration, in blocks that are full or not", Density,
                   Described, Remembering) {
  constexpr Index tune = 70, draws = 150;  // blocks are of 64
  constexpr int chains = 2;
  Phase warmup(4, chains, tune), sampling(4, chains, draws);
  filbert::Draws store(Density{}, chains, warmup.arrays, sampling.arrays);
  const auto position = [](int chain, Index iteration) {
    return VectorXd{{static_cast<double>(iteration), static_cast<double>(1000 * chain)}};
  };
  filbert::TransitionStatistics statistics;
  for (int chain = 0; chain < chains; ++chain) {
    for (Index i = 0; i < tune + draws; ++i) {
      statistics.log_density = static_cast<double>(-i);
      store.add(chain, i, position(chain, i), statistics);
    }
    store.write(chain);
  }
  const auto check = [&](const Phase& phase, Index first) {
    for (int chain = 0; chain < chains; ++chain) {
      for (Index i = 0; i < phase.arrays.iterations; ++i) {
        const auto at = [&](Index variable) {
          return phase.values[static_cast<std::size_t>((variable * chains + chain) * phase.arrays.iterations + i)];
        };
        const VectorXd expected = position(chain, first + i);
        CHECK(at(0) == expected(0));
        CHECK(at(1) == expected(1));
        CHECK(at(2) == expected(0) + expected(1));
        CHECK(at(3) == expected(0) - expected(1));
        CHECK(phase.log_density[static_cast<std::size_t>(chain * phase.arrays.iterations + i)] == 0);
      }
    }
  };
  check(warmup, 0);
  check(sampling, tune);
}

TEST_CASE("a warm-up without memory is left out") {
  Phase sampling(4, 1, 3);
  filbert::PhaseArrays none;
  none.iterations = 5;
  filbert::Draws store(Described{}, 1, none, sampling.arrays);
  for (Index i = 0; i < 8; ++i) store.add(0, i, VectorXd{{static_cast<double>(i), 0.0}}, {});
  store.write(0);
  CHECK(sampling.values[0] == 5);
  CHECK(sampling.values[2] == 7);
}
