// Rows that might refuse moves between proposals that are known beforehand: found in one pass over rows that are elsewhere.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "filbert/density/framed_glm.hpp"
#include "filbert/density/remainders.hpp"
#include "filbert/sampler/foreseen_independence.hpp"

namespace filbert {

/// The density of SubsampledGlm, where all proposals of a run are foreseen. Its first factor needs no rows. The others refuse a move with
/// probability 1 - exp(-loss) a row, which a Poisson process of candidates decides: a row has them at a rate that is proportional to its
/// bound, whatever else there is, so that each row draws them for the whole run by itself, wherever it is. Those few are brought here.
///
/// Which state a move starts from is not known beforehand. What any of the states that the first factor lets the chain have would need is
/// an upper bound, and a higher rate is thinned to the true one.
class CandidateRows {
 public:
  /// Empty where no bound is known, or more than `most` rows would have to be brought.
  static std::optional<CandidateRows> of(const FramedGlm& density, const ForeseenProposals& proposals,
                                         const IndependenceSettings& settings, Eigen::Index most);

  /// Log densities of the first factor at the proposals.
  const Eigen::VectorXd& first_factor() const { return first_factor_; }

  /// Whether no row refuses the move from one proposal to another.
  bool passes(Eigen::Index from, Eigen::Index to) const;

  Eigen::Index size() const { return bounds_.size(); }

 private:
  CandidateRows(const FramedGlm& density, const ForeseenProposals& proposals);
  void bound_moves(const ForeseenProposals& proposals, const IndependenceSettings& settings);
  bool fetch(const FramedGlm& density, const ForeseenProposals& proposals, std::uint64_t seed, Eigen::Index most);

  struct Candidate {
    Eigen::Index row;
    double uniform;
  };

  Expansion expansion_;
  Eigen::VectorXd auxiliaries_;
  Eigen::MatrixXd moves_;         // of c to each proposal
  Eigen::VectorXd first_factor_;  // at each proposal
  Eigen::VectorXd reaches_;       // by which bounds are multiplied for a move to each proposal; 0 where there is none
  double radius_ = 0;             // of the proposals that may become states
  std::shared_ptr<const GlmData> rows_;
  Eigen::VectorXd bounds_;
  std::vector<std::vector<Candidate>> of_proposals_;
};

}  // namespace filbert
