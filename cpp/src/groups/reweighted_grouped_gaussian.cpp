// Weighs draws of the Gaussian mixed model.
#include "filbert/groups/reweighted_grouped_gaussian.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "filbert/threads/thread_pool.hpp"

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr double good_acceptance = 0.9;

/// So many that the mean of their weights hardly varies.
Index candidates_for(const VectorXd& log_weights) {
  constexpr double left = 0.02;  // of the variance of a weight
  constexpr double most = 32;
  const VectorXd weights = (log_weights.array() - log_weights.maxCoeff()).exp();
  const double variance = weights.squaredNorm() * static_cast<double>(weights.size()) / std::pow(weights.sum(), 2) - 1;
  return static_cast<Index>(std::ceil(std::clamp(variance / left, 1.0, most)));
}

}  // namespace

void CandidateProposal::draw(Rng& rng, Eigen::Ref<MatrixXd> points, Eigen::Ref<VectorXd> log_proposal) {
  const Index count = points.cols(), own_rows = density_.dimension();
  MatrixXd candidates(own_rows, count * candidates_);
  VectorXd log_weights(candidates.cols()), log_density(candidates.cols()), uniforms(count), log_further(count);
  proposal_.draw(rng, candidates, log_weights);
  further_.draw(rng, points.bottomRows(further_.dimension()), log_further);
  for (double& uniform : uniforms) uniform = rng.uniform();
  share(candidates.cols(), threads_, 8, [&](Index first, Index last) {
    FramedGroupedGaussian own = density_;
    for (Index i = first; i < last; ++i) log_density(i) = own.value(candidates.col(i));
  });
  log_weights = (log_density - log_weights).unaryExpr([](double weight) {
    return std::isnan(weight) ? -std::numeric_limits<double>::infinity() : weight;
  });
  for (Index i = 0; i < count; ++i) {
    const Index first = i * candidates_;
    const VectorXd own = log_weights.segment(first, candidates_);
    const double largest = own.maxCoeff();
    if (!std::isfinite(largest)) {
      points.col(i).head(own_rows) = candidates.col(first);
      log_proposal(i) = std::numeric_limits<double>::quiet_NaN();
      continue;
    }
    const VectorXd weights = (own.array() - largest).exp();
    Index chosen = 0;
    own.maxCoeff(&chosen);
    double left = uniforms(i) * weights.sum();
    for (Index k = 0; k < candidates_; ++k) {
      left -= weights(k);
      if (left < 0) {
        chosen = k;
        break;
      }
    }
    points.col(i).head(own_rows) = candidates.col(first + chosen);
    log_proposal(i) = log_density(first + chosen) - largest - std::log(weights.mean()) + log_further(i);
  }
}

VectorXd ReweightedGroupedGaussian::log_densities(const FramedGroupedGaussian& frame, const MatrixXd& points,
                                                  int threads) const {
  MatrixXd draws(frame.variables(), points.cols());
  VectorXd values(points.cols());
  share(points.cols(), threads, 8, [&](Index first, Index last) {
    FramedGroupedGaussian own = frame;
    for (Index i = first; i < last; ++i) {
      values(i) = own.to_user_scale(points.col(i).head(frame.dimension()), 0, draws.col(i));
    }
  });
  return values + log_ratios_(draws, auxiliaries_.values(points.bottomRows(auxiliaries_.size()), draws));
}

ReweightedGroupedGaussian::Pilot ReweightedGroupedGaussian::pilot(std::uint64_t seed, int threads,
                                                                  const IndependenceThresholds& asked) const {
  constexpr Index count = 384;
  GroupedPilot found = pilot_grouped(surrogate_, seed, threads);
  if (!found.is_adapted && found.pilot.acceptance < good_acceptance) {
    GroupedPilot adapted = pilot_adapted(surrogate_, seed, threads);
    if (adapted.refusal.empty() && adapted.pilot.acceptance > found.pilot.acceptance) found = std::move(adapted);
  }
  const bool is_known = surrogate_.posterior().dimension() == 0;  // then the frame is that of noise
  const Index candidates = is_known ? 1 : candidates_for(found.starts.log_weights);
  Pilot result{found.density,
               {found.density, found.proposal, auxiliaries_.size(), candidates, threads},
               is_known ? "" : found.refusal};
  if (!result.refusal.empty()) return result;
  Rng rng(scrambled(~seed) ^ pilot_stream);
  MatrixXd points(dimension(result.frame), count);
  VectorXd log_proposal(count);
  result.proposal.draw(rng, points, log_proposal);
  VectorXd log_weights = log_densities(result.frame, points, threads) - log_proposal;
  for (double& weight : log_weights) {
    if (std::isnan(weight)) weight = -std::numeric_limits<double>::infinity();
  }
  result.refusal = refusal_of(judge_weights(log_weights, 0), asked);
  return result;
}

void ReweightedGroupedGaussian::write(FramedGroupedGaussian& frame, const VectorXd& point,
                                      Eigen::Ref<VectorXd> draw) const {
  VectorXd whole(frame.variables());
  frame.to_user_scale(point.head(frame.dimension()), 0, whole);
  const Index coefficients = frame.posterior().units().coefficients(), size = auxiliaries_.size();
  const VectorXd auxiliaries = auxiliaries_.values(point.tail(size), whole);
  if (means_.size() > 0) whole(0) -= means_.dot(whole.segment(1, means_.size()));
  draw.head(coefficients) = whole.head(coefficients);
  draw.segment(coefficients, size) = auxiliaries;
  const Index rest = variables() - coefficients - size;
  draw.tail(rest) = whole.segment(coefficients, rest);
}

}  // namespace filbert
