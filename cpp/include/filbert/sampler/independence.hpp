// Independence Metropolis: proposals that do not depend on the state, many at a time, with a local move between the blocks.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "filbert/sampler/chain.hpp"
#include "filbert/sampler/nuts.hpp"
#include "filbert/sampler/rng.hpp"
#include "filbert/sampler/sample.hpp"

namespace filbert {

/// A log density that also evaluates many points at once: `density.batch(positions, values)`, a column a point.
template <typename Density>
concept BatchLogDensity =
    LogDensity<Density> && requires(Density density, const Eigen::MatrixXd& positions, Eigen::VectorXd& values) {
      density.batch(positions, values);
    };

/// A density whose first factor `density.batch` evaluates, and whose others decide for themselves, each in detailed balance:
/// `density.passes(rng, from, to)` says whether all of them accept a move. `density.rows_evaluated()` counts what that has cost.
template <typename Density>
concept FactorisedLogDensity =
    std::copy_constructible<Density> && requires(Density density, Rng& rng, const Eigen::VectorXd& position,
                                                 const Eigen::MatrixXd& positions, Eigen::VectorXd& values) {
      { density.dimension() } -> std::convertible_to<Eigen::Index>;
      density.batch(positions, values);
      { density.passes(rng, position, position) } -> std::convertible_to<bool>;
      { density.rows_evaluated() } -> std::convertible_to<double>;
    };

/// Draws points and knows its own density, not necessarily normalised.
///
/// - `proposal.draw(rng, draws, log_density)` fills the columns of `draws`; NaN for one that must not be proposed.
/// - `proposal.log_density(point)` is the same density anywhere.
/// - A copy is independent of its original.
template <typename Proposal>
concept IndependentProposal =
    std::copy_constructible<Proposal> && requires(Proposal proposal, Rng& rng, Eigen::MatrixXd& draws,
                                                  Eigen::VectorXd& values, const Eigen::VectorXd& point) {
      proposal.draw(rng, draws, values);
      { proposal.log_density(point) } -> std::convertible_to<double>;
    };

struct IndependenceSettings {
  Eigen::Index draws = 1000;  ///< of each chain
  Eigen::Index burn_in = 50;  ///< iterations before the draws, not kept: the first state is a draw of the proposal
  int chains = 4;
  int cores = 1;  ///< chains that run at the same time, at most; changes no draw
  std::uint64_t seed = 0;
  int block = 96;          ///< proposals evaluated at once; a local move follows each block
  Eigen::Index every = 1;  ///< moves that an iteration is made of: where they are cheap, draws are nearly independent

  void validate() const {
    require_setting(draws >= 1, "draws", draws, "a whole number of at least 1");
    require_setting(burn_in >= 0, "burn_in", burn_in, "a whole number of at least 0");
    require_setting(chains >= 1, "chains", chains, "a whole number of at least 1");
    require_setting(cores >= 1, "cores", cores, "a whole number of at least 1");
    require_setting(block >= 1 && block <= 96, "block", block, "a whole number from 1 to 96");
    require_setting(every >= 1, "every", every, "a whole number of at least 1");
  }
};

struct IndependenceStatistics {
  double log_density = 0;  ///< of a factorised density that of its first factor
  double log_weight = 0;   ///< log density less that of the proposal, at the draw
  bool accepted = false;   ///< the draw is a new point
  bool is_nuts = false;    ///< made by a NUTS transition
  bool diverging = false;
  int n_steps = 0;  ///< leapfrog steps
};

/// Points with the weights that they have as draws of a proposal. A chain that begins at one of them, drawn by weight, begins next to a
/// draw of the density.
struct WeightedPoints {
  Eigen::MatrixXd points;  // a column each
  Eigen::VectorXd log_density, log_weights;

  Eigen::Index draw(Rng& rng) const {
    const Eigen::VectorXd weights = (log_weights.array() - log_weights.maxCoeff()).exp();
    double left = rng.uniform() * weights.sum();
    for (Eigen::Index i = 0; i < weights.size(); ++i) {
      left -= weights(i);
      if (left < 0 && weights(i) > 0) return i;
    }
    Eigen::Index heaviest = 0;
    weights.maxCoeff(&heaviest);
    return heaviest;
  }
};

/// The accept step, and what a broken sampler would put in its place.
struct IndependenceRules {
  static constexpr bool moves_locally = true;
  static bool accepts(double log_ratio, double uniform) { return std::log(uniform) < log_ratio; }
};

struct IndependenceChain {
  Eigen::Index iterations = 0;    ///< recorded; fewer than asked for if the chain was stopped
  Eigen::Index proposals = 0;     ///< made, burn-in excluded
  Eigen::Index accepted = 0;      ///< of them
  Eigen::Index longest_stay = 0;  ///< most proposals refused in a row, burn-in excluded
  double rows_evaluated = 0;      ///< single ones, of a factorised density
};

/// A step size at which NUTS moves well on what is nearly a standard normal; not adapted, so that no draw depends on another's past.
inline double frame_step_size(Eigen::Index dimension) {
  return 0.9 * std::pow(static_cast<double>(std::max<Eigen::Index>(dimension, 1)), -0.25);
}

/// How wide a proposal is where it is narrowest, over a standard normal: longer steps of a trajectory would diverge there.
template <typename Proposal>
double narrowest_of(const Proposal& proposal) {
  if constexpr (requires { proposal.narrowest(); }) {
    return proposal.narrowest();
  } else {
    return 1;
  }
}

/// What makes local moves on a density that is evaluated whole.
template <typename Density>
struct NutsMoves {
  NutsMoves(const Density& density, double narrowest, const std::stop_token& stop)
      : nuts(StoppableDensity<Density>(density, stop), NutsSettings{}) {
    nuts.set_step_size(narrowest * frame_step_size(density.dimension()));
  }
  Nuts<StoppableDensity<Density>> nuts;
};

/// What makes them on a factorised one: a turn of the state in the plane of a normal draw, by which a standard normal is left as it is.
template <typename Density>
struct Turns {
  Turns(const Density& density, double, const std::stop_token&) : point(density.dimension(), 1), value(1) {}
  Eigen::MatrixXd point;
  Eigen::VectorXd value;
};

/// One chain. `Density` is a BatchLogDensity or a FactorisedLogDensity.
template <typename Rules, typename Density, IndependentProposal Proposal, typename Recorder>
class IndependenceRun {
 public:
  IndependenceRun(const Density& density, const Proposal& proposal, const IndependenceSettings& settings,
                  const WeightedPoints* starts, int chain, Recorder recorder, std::stop_token stop,
                  ChainProgress& progress)
      : settings_(settings),
        starts_(starts),
        chain_(chain),
        density_(density),
        proposal_(proposal),
        recorder_(std::move(recorder)),
        stop_(std::move(stop)),
        progress_(progress),
        rng_(settings.seed, chain),
        moves_(density, narrowest_of(proposal), stop_),
        points_(density.dimension(), settings.block),
        log_proposal_(settings.block),
        log_density_(settings.block),
        uniforms_(settings.block) {}

  IndependenceChain run() {
    try {
      find_first_state();
      while (!finished()) {
        propose_block();
        for (int i = 0; i < settings_.block && !finished(); ++i) {
          if (is_possible(log_density_(i))) consider(i);
        }
        if (Rules::moves_locally && !finished()) move_locally();
      }
      progress_.finished.store(true, std::memory_order_relaxed);
    } catch (const Stopped&) {
      // What was recorded is good.
    }
    if constexpr (is_factorised) result_.rows_evaluated = density_.rows_evaluated();
    return result_;
  }

 private:
  static constexpr bool is_factorised = FactorisedLogDensity<Density>;

  /// Points without density are no proposals: what is left of them has the proposal's density, up to a constant that drops out.
  static bool is_possible(double log_density) { return log_density != -std::numeric_limits<double>::infinity(); }

  bool finished() const { return iteration_ == settings_.burn_in + settings_.draws; }

  void evaluate_points() {
    // Few at a time where each is dear, so that a request to stop is soon heard.
    constexpr Eigen::Index together = 24;
    const Eigen::Index moves = (settings_.burn_in + settings_.draws - iteration_) * settings_.every - since_;
    const Eigen::Index needed = state_.size() > 0 ? std::min(points_.cols(), moves) : points_.cols();
    for (Eigen::Index first = 0; first < needed; first += together) {
      if (stop_.stop_requested()) throw Stopped{};
      const Eigen::Index count = std::min(together, needed - first);
      density_.batch(points_.middleCols(first, count), log_density_.segment(first, count));
    }
    // The others would be needed only if some of these are no proposals, and then there is another block.
    log_density_.tail(log_density_.size() - needed).setConstant(-std::numeric_limits<double>::infinity());
  }

  void propose_block() {
    proposal_.draw(rng_, points_, log_proposal_);
    for (double& uniform : uniforms_) uniform = rng_.uniform();
    evaluate_points();
  }

  void find_first_state() {
    if (starts_ != nullptr) {
      const Eigen::Index i = starts_->draw(rng_);
      state_ = starts_->points.col(i);
      statistics_.log_density = starts_->log_density(i);
      statistics_.log_weight = starts_->log_weights(i);
      return;
    }
    constexpr int max_blocks = 20;
    for (int attempt = 0; attempt < max_blocks; ++attempt) {
      propose_block();
      for (int i = 0; i < settings_.block; ++i) {
        if (!std::isfinite(log_density_(i)) || std::isnan(log_proposal_(i))) continue;
        state_ = points_.col(i);
        statistics_.log_density = log_density_(i);
        statistics_.log_weight = log_density_(i) - log_proposal_(i);
        return;
      }
    }
    throw std::runtime_error(
        "Chain " + std::to_string(chain_) +
        " found no starting point: the density was zero at every proposal. Sample with NUTS instead.");
  }

  void consider(int i) {
    statistics_.accepted = false;
    statistics_.is_nuts = false;
    statistics_.diverging = false;
    statistics_.n_steps = 0;
    const double log_weight = log_density_(i) - log_proposal_(i);  // NaN where nothing is proposed
    if (Rules::accepts(log_weight - statistics_.log_weight, uniforms_(i)) && passes(points_.col(i))) {
      state_ = points_.col(i);
      statistics_.log_density = log_density_(i);
      statistics_.log_weight = log_weight;
      statistics_.accepted = true;
    }
    stay_ = statistics_.accepted ? 0 : stay_ + 1;
    if (iteration_ >= settings_.burn_in) {
      ++result_.proposals;
      if (statistics_.accepted) ++result_.accepted;
      result_.longest_stay = std::max(result_.longest_stay, stay_);
    }
    record();
  }

  bool passes(const Eigen::Ref<const Eigen::VectorXd>& to) {
    if constexpr (is_factorised) {
      proposed_ = to;
      return density_.passes(rng_, state_, proposed_);
    }
    return true;
  }

  void move_locally() {
    if constexpr (is_factorised) {
      turn();
    } else {
      move_by_nuts();
    }
  }

  void turn() {
    constexpr double quarter = 1.5707963267948966;
    if (stop_.stop_requested()) throw Stopped{};
    const double angle = rng_.uniform(0, quarter);  // small and large ones
    const double stays = std::cos(angle), comes = std::sin(angle);
    auto to = moves_.point.col(0);
    for (Eigen::Index i = 0; i < to.size(); ++i) to(i) = stays * state_(i) + comes * rng_.normal();
    density_.batch(moves_.point, moves_.value);
    const double log_density = moves_.value(0);
    const double log_ratio = log_density - statistics_.log_density + 0.5 * (to.squaredNorm() - state_.squaredNorm());
    const bool moves = Rules::accepts(log_ratio, rng_.uniform()) && passes(to);
    if (moves) {
      state_ = to;
      statistics_.log_density = log_density;
      statistics_.log_weight = log_density - proposal_.log_density(state_);
      stay_ = 0;
    }
    statistics_.accepted = moves;
    statistics_.is_nuts = false;
    statistics_.diverging = false;
    statistics_.n_steps = 0;
    record();
  }

  void move_by_nuts() {
    if (!moves_.nuts.set_position(state_)) {  // nothing moves from a point without a gradient
      statistics_ = {statistics_.log_density, statistics_.log_weight, false, true, true, 0};
      return record();
    }
    const TransitionStatistics transition = moves_.nuts.transition(rng_);
    statistics_.accepted = transition.index_in_trajectory != 0;
    statistics_.is_nuts = true;
    statistics_.diverging = transition.diverging;
    statistics_.n_steps = transition.n_steps;
    if (statistics_.accepted) {
      state_ = moves_.nuts.position();
      statistics_.log_density = transition.log_density;
      statistics_.log_weight = transition.log_density - proposal_.log_density(state_);
      stay_ = 0;
    }
    n_steps_ += transition.n_steps;
    record();
  }

  void record() {
    const bool is_first = since_ == 0;
    recorded_.accepted = statistics_.accepted || (!is_first && recorded_.accepted);
    recorded_.is_nuts = statistics_.is_nuts || (!is_first && recorded_.is_nuts);
    recorded_.diverging = statistics_.diverging || (!is_first && recorded_.diverging);
    recorded_.n_steps = statistics_.n_steps + (is_first ? 0 : recorded_.n_steps);
    if (++since_ < settings_.every) return;
    since_ = 0;
    recorded_.log_density = statistics_.log_density;
    recorded_.log_weight = statistics_.log_weight;
    if (iteration_ >= settings_.burn_in) {
      if constexpr (std::invocable<Recorder&, int, Eigen::Index, const Eigen::VectorXd&, const IndependenceStatistics&,
                                   Density&>) {
        recorder_(chain_, std::as_const(result_.iterations), std::as_const(state_), std::as_const(recorded_), density_);
      } else {
        recorder_(chain_, std::as_const(result_.iterations), std::as_const(state_), std::as_const(recorded_));
      }
      ++result_.iterations;
    }
    ++iteration_;
    progress_.n_steps.store(n_steps_, std::memory_order_relaxed);
    progress_.iterations.store(result_.iterations, std::memory_order_relaxed);
  }

  const IndependenceSettings& settings_;
  const WeightedPoints* starts_;
  int chain_;
  Density density_;
  Proposal proposal_;
  Recorder recorder_;
  std::stop_token stop_;
  ChainProgress& progress_;
  Rng rng_;
  std::conditional_t<is_factorised, Turns<Density>, NutsMoves<Density>> moves_;
  Eigen::MatrixXd points_;
  Eigen::VectorXd log_proposal_, log_density_, uniforms_, state_, proposed_;
  IndependenceStatistics statistics_, recorded_;  // of a move, and of those that an iteration is made of
  IndependenceChain result_;
  Eigen::Index iteration_ = 0, since_ = 0, stay_ = 0, n_steps_ = 0;
};

/// Samples `settings.chains` chains on at most `settings.cores` threads. `recorder(chain, iteration, position, statistics)` gets every draw
/// after the burn-in, and with a fifth argument the chain's own copy of the density, which may know more of points that it has seen. Draws depend on the density, the proposal, the settings, the starts and the seed, never on `cores`. Polling,
/// stopping and exceptions are as in `sample`.
template <typename Rules = IndependenceRules, typename Density, IndependentProposal Proposal, typename Recorder,
          typename Poll = KeepGoing>
  requires BatchLogDensity<Density> || FactorisedLogDensity<Density>
std::vector<IndependenceChain> sample_independence(
    const Density& density, const Proposal& proposal, const IndependenceSettings& settings, const Recorder& recorder,
    Progress& progress, Poll&& poll = {}, std::stop_token stop = {},
    std::chrono::milliseconds poll_interval = std::chrono::milliseconds(50), const WeightedPoints* starts = nullptr) {
  return run_chains(
      settings,
      [&](int chain, std::stop_token chain_stop) {
        IndependenceRun<Rules, Density, Proposal, Recorder> run(density, proposal, settings, starts, chain, recorder,
                                                                std::move(chain_stop), progress[chain]);
        return run.run();
      },
      progress, poll, std::move(stop), poll_interval);
}

}  // namespace filbert
