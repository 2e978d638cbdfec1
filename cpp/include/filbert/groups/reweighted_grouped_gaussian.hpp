// The posterior of a mixed model whose rows are elsewhere: a Gaussian one with the same priors, times a ratio of likelihoods.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "filbert/draws/independence_verdict.hpp"
#include "filbert/groups/grouped_sampling.hpp"
#include "filbert/sampler/foreseen_independence.hpp"

namespace filbert {

/// Chooses each point among several candidates, by their weights, so that what is left of a weight is the mean of theirs: weights vary less
/// the more there are (the extended target of Andrieu, Doucet & Holenstein 2010, section 4.2). Further coordinates, below those of the
/// density, have one candidate each, of a standard t.
class CandidateProposal {
 public:
  CandidateProposal(const FramedGroupedGaussian& density, const StudentMixture& proposal, Eigen::Index further,
                    Eigen::Index candidates, int threads)
      : density_(density), proposal_(proposal), further_(further), candidates_(candidates), threads_(threads) {}

  /// Log densities are those of the density less the logarithm of the mean weight.
  void draw(Rng& rng, Eigen::Ref<Eigen::MatrixXd> points, Eigen::Ref<Eigen::VectorXd> log_proposal);

 private:
  FramedGroupedGaussian density_;
  StudentMixture proposal_, further_;
  Eigen::Index candidates_;
  int threads_;
};

/// Logarithms of the likelihood's auxiliaries, as proposals have them: centre + slopes · draw + factor · t.
struct AuxiliaryProposal {
  Eigen::VectorXd centre;
  Eigen::MatrixXd factor;
  Eigen::MatrixXd slopes;  ///< (auxiliaries, variables) of the surrogate

  Eigen::Index size() const { return centre.size(); }
  Eigen::MatrixXd values(const Eigen::Ref<const Eigen::MatrixXd>& t,
                         const Eigen::Ref<const Eigen::MatrixXd>& draws) const {
    return ((factor * t + slopes * draws).colwise() + centre).array().exp();
  }
};

/// What is asked of runs by reweighting: another sampler would have to bring the rows here, which is worth some refusals. Of heavy weights half
/// the runs have a stay of 30 proposals, and those without it are short of the tail that it is in.
inline IndependenceThresholds thresholds_of_reweighting() {
  return {.least_acceptance = 0.6, .least_acceptance_of_run = 0.5, .longest_stay = 60};
}

/// Draws of the Gaussian mixed model, coefficients and effects among them, are proposals. What prior and effects contribute is in both
/// models the same, so that the ratio of likelihoods is all that is left of their weights, once those of the frame are counted; and since
/// proposals do not depend on states, it is asked for many draws at once.
class ReweightedGroupedGaussian {
 public:
  /// Of draws as the surrogate has them, a column each: parameters, then all effects; and of auxiliaries, (auxiliaries, draws), whose
  /// prior, on their logarithms, is part of the ratio.
  using LogRatios = std::function<Eigen::VectorXd(const Eigen::MatrixXd& draws, const Eigen::MatrixXd& auxiliaries)>;

  /// The surrogate's draws must hold effects. `means` are what its predictors were centred at, or empty.
  ReweightedGroupedGaussian(const FramedGroupedGaussian& surrogate, LogRatios log_ratios, Eigen::VectorXd means,
                            AuxiliaryProposal auxiliaries, bool with_effects)
      : surrogate_(surrogate),
        log_ratios_(std::move(log_ratios)),
        means_(std::move(means)),
        auxiliaries_(std::move(auxiliaries)),
        with_effects_(with_effects) {}

  /// Coefficients, auxiliaries, deviations and correlations.
  Eigen::Index parameters() const { return surrogate_.posterior().parameters() + auxiliaries_.size(); }
  Eigen::Index variables() const { return parameters() + (with_effects_ ? surrogate_.posterior().effects() : 0); }

  /// Of a point: those of the surrogate's frame, and one an auxiliary.
  Eigen::Index dimension(const FramedGroupedGaussian& frame) const { return frame.dimension() + auxiliaries_.size(); }

  struct Pilot {
    FramedGroupedGaussian frame;  ///< of the surrogate
    CandidateProposal proposal;
    std::string refusal;  ///< why proposals will not do; empty where they will
  };

  /// What to propose, judged by some proposals.
  Pilot pilot(std::uint64_t seed, int threads, const IndependenceThresholds& asked) const;

  /// Log densities at points of a frame, a column each: of θ under the surrogate, plus the log ratio of the likelihoods at the
  /// coefficients and effects that are drawn there.
  Eigen::VectorXd log_densities(const FramedGroupedGaussian& frame, const Eigen::MatrixXd& points, int threads) const;

  /// The draw at a point of a frame, (variables()): the intercept where every predictor is 0.
  void write(FramedGroupedGaussian& frame, const Eigen::VectorXd& point, Eigen::Ref<Eigen::VectorXd> draw) const;

 private:
  FramedGroupedGaussian surrogate_;
  LogRatios log_ratios_;
  Eigen::VectorXd means_;
  AuxiliaryProposal auxiliaries_;
  bool with_effects_;
};

}  // namespace filbert
