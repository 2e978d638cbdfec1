// Bounds what any move may need of a row, has the rows draw candidates in a pass, and thins these.
#include "filbert/density/candidate_rows.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::uint64_t candidate_stream = 0x63616e6469646174;  // so that no chain shares its random numbers

double cube_of_norm(const Eigen::Ref<const VectorXd>& z) {
  const double squared = z.squaredNorm();
  return squared * std::sqrt(squared);
}

/// Of all rows, from those that stand for them; or of what is at hand.
double total_bound(const GlmData& data, const ThirdDerivativeBound& third, const Expansion& expansion, double radius) {
  VectorXd bounds(data.rows());
  bound_remainders(data, third, expansion, radius, 0, data.rows(), bounds);
  return bounds.sum();
}

}  // namespace

std::optional<CandidateRows> CandidateRows::of(const FramedGlm& density, const ForeseenProposals& proposals,
                                               const IndependenceSettings& settings, Index most) {
  const UnconstrainedGlm& unconstrained = density.unconstrained();
  const GlmData& data = unconstrained.data();
  if (data.passes() == nullptr || !unconstrained.is_linear() || unconstrained.coefficients() == 0 ||
      unconstrained.dimension() != unconstrained.coefficients()) {
    return std::nullopt;
  }
  const auto third = ThirdDerivativeBound::of(*data.family(), data.link());
  if (!third) return std::nullopt;
  CandidateRows found(density, proposals);
  found.bound_moves(proposals, settings);
  const double expected = found.reaches_.sum() * total_bound(*data.sample(), *third, found.expansion_, found.radius_);
  if (!(expected <= 0.5 * static_cast<double>(most))) return std::nullopt;
  if (!found.fetch(density, proposals, settings.seed ^ candidate_stream, most)) return std::nullopt;
  return found;
}

CandidateRows::CandidateRows(const FramedGlm& density, const ForeseenProposals& proposals)
    : auxiliaries_(density.unconstrained().posterior().fixed_auxiliaries()) {
  const UnconstrainedGlm& unconstrained = density.unconstrained();
  const GlmData& data = unconstrained.data();
  expansion_.columns.resize(data.columns());
  unconstrained.to_columns(density.centre(), expansion_.columns);
  expansion_.slopes = unconstrained.column_slopes(density.centre()) * density.directions();
  const GlmCurvature at = data.passes()->at({expansion_.columns, auxiliaries_}, Information::Observed);
  const VectorXd gradient = expansion_.slopes.transpose() * at.gradient;
  const MatrixXd hessian =
      expansion_.slopes.transpose() * (at.hessian.selfadjointView<Eigen::Lower>() * expansion_.slopes);
  moves_ = expansion_.slopes * proposals.points;
  first_factor_.resize(proposals.points.cols());
  for (Index i = 0; i < proposals.points.cols(); ++i) {
    const VectorXd z = proposals.points.col(i);
    const VectorXd q = density.centre() + density.directions().triangularView<Eigen::Upper>() * z;
    const double value =
        density.log_determinant() + unconstrained.prior_value(q) + at.value + z.dot(gradient + 0.5 * (hessian * z));
    first_factor_(i) = std::isnan(value) ? -infinity : value;
  }
}

/// Follows the states that a chain may have: those that the first factor would accept from the least likely of them.
void CandidateRows::bound_moves(const ForeseenProposals& proposals, const IndependenceSettings& settings) {
  const VectorXd log_weights = first_factor_ - proposals.log_proposal;
  reaches_ = VectorXd::Zero(log_weights.size());
  double longest = 0;  // cubed
  for (int chain = 0; chain < settings.chains; ++chain) {
    double least_weight = infinity, reach = 0;
    const Index first = chain * proposals.of_chain;
    for (Index at = first; at < first + proposals.of_chain; ++at) {
      if (!std::isfinite(log_weights(at))) continue;
      const bool is_first_state = at < first + first_states;
      const bool may_come =
          is_first_state || IndependenceRules::accepts(log_weights(at) - least_weight, proposals.uniforms(at));
      if (!may_come) continue;
      const double own = cube_of_norm(proposals.points.col(at));
      if (!is_first_state) reaches_(at) = reach + own;
      least_weight = std::min(least_weight, log_weights(at));
      reach = std::max(reach, own);
    }
    longest = std::max(longest, reach);
  }
  radius_ = std::cbrt(longest) * (1 + 1e-12);
}

/// Whether there were no more than `most`.
bool CandidateRows::fetch(const FramedGlm& density, const ForeseenProposals& proposals, std::uint64_t seed,
                          Index most) {
  const double total = reaches_.sum();
  GlmCandidates found = density.unconstrained().data().passes()->candidates(expansion_.columns, expansion_.slopes,
                                                                            radius_, total, most, seed);
  if (found.too_many) return false;
  rows_ = std::move(found.rows);
  bounds_ = std::move(found.bounds);
  of_proposals_.resize(static_cast<std::size_t>(proposals.points.cols()));
  VectorXd until(reaches_.size());
  double sum = 0;
  for (Index i = 0; i < reaches_.size(); ++i) until(i) = sum += reaches_(i);
  Rng rng(seed);
  for (Index row = 0; row < bounds_.size(); ++row) {
    const double place = rng.uniform() * sum;
    const Index at = std::upper_bound(until.begin(), until.end(), place) - until.begin();
    of_proposals_[static_cast<std::size_t>(std::min(at, reaches_.size() - 1))].push_back({row, rng.uniform()});
  }
  return true;
}

bool CandidateRows::passes(Index from, Index to) const {
  const std::vector<Candidate>& candidates = of_proposals_[static_cast<std::size_t>(to)];
  if (candidates.empty()) return true;
  const VectorXd before = moves_.col(from), after = moves_.col(to);
  for (const Candidate& candidate : candidates) {
    const double loss = remainder_loss(*rows_, candidate.row, expansion_.columns, before, after, auxiliaries_);
    if (candidate.uniform * reaches_(to) * bounds_(candidate.row) < loss) return false;
  }
  return true;
}

}  // namespace filbert
