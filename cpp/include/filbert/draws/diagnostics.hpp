// Judges from the draws whether chains have converged and how many independent draws they are worth.
//
// Definitions are those of Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), "Rank-normalization, folding, and
// localization: An improved R-hat for assessing convergence of MCMC", Bayesian Analysis 16(2), 667-718, with ArviZ's
// choices where the paper leaves one. Draws are (chains, draws), one row a chain. A diagnostic is NaN with fewer than 4
// draws a chain, or with a draw that is not finite (ArviZ ranks infinities, and so can call such chains converged).
#pragma once

#include <Eigen/Core>
#include <memory>
#include <vector>

namespace filbert {

/// Chains of one quantity, one a row; the draws of a chain lie side by side.
using ChainsRef = Eigen::Ref<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

/// The convergence diagnostics of one quantity.
struct ChainSummary {
  double rhat;
  double ess_bulk;
  double ess_tail;
};

/// Rank-normalised split R-hat: the larger of that of the draws and that of the draws folded at their median. NaN for
/// one chain and for constant draws; infinite where chains differ but none moves.
double split_rhat(const ChainsRef& draws);

/// That of many quantities, each of which is `chains` consecutive rows of `draws`, on at most `threads` threads.
Eigen::VectorXd split_rhats(const ChainsRef& draws, Eigen::Index chains, int threads = 1);

/// Effective sample size of the rank-normalised split chains; the number of draws when they are all equal.
double ess_bulk(const ChainsRef& draws);

/// Effective sample size of the split chains as they are; the Monte Carlo error of the mean is sd / sqrt(ess_mean).
double ess_mean(const ChainsRef& draws);

/// The smaller effective sample size of the 5% and 95% quantiles.
double ess_tail(const ChainsRef& draws);

/// All three diagnostics of many quantities, each of which is `chains` consecutive rows of `draws`. Draws are sorted
/// once for the three. At most `threads` threads run: all but one from the beginning, and that of who asks for the result.
class ChainSummaries {
 public:
  /// The draws must stay where they are.
  ChainSummaries(const ChainsRef& draws, Eigen::Index chains, int threads = 1);
  ~ChainSummaries();
  ChainSummaries(const ChainSummaries&) = delete;
  ChainSummaries& operator=(const ChainSummaries&) = delete;

  /// Of each quantity.
  const std::vector<ChainSummary>& result();

 private:
  struct Work;
  std::vector<ChainSummary> summaries_;
  std::unique_ptr<Work> work_;
};

/// Estimated Bayesian fraction of missing information of each chain: mean squared change of the energy between draws
/// over its variance (Betancourt 2016, "Diagnosing suboptimal cotangent disintegrations in Hamiltonian Monte Carlo",
/// arXiv:1604.00695).
Eigen::VectorXd e_bfmi(const ChainsRef& energy);

}  // namespace filbert
