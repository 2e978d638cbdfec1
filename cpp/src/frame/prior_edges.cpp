// Decides what is close to an edge, and makes the coordinates from the Gaussian marginal and the prior.
#include "filbert/frame/prior_edges.hpp"

#include <numeric>
#include <stdexcept>
#include <utility>

#include "filbert/frame/posterior_errors.hpp"

namespace filbert {

using Eigen::Index;
using Eigen::VectorXd;

namespace {

/// The Gaussian marginal without the proxy, times the prior; where the proxy is all there is, that difference is rounding.
MarginalCoordinate coordinate_of(const Prior& prior, const GaussianProxy& proxy, double mean, double deviation) {
  const double precision = 1 / (deviation * deviation);
  const bool is_informed = precision - proxy.precision > 1e-10 * precision;
  const double curvature = is_informed ? precision - proxy.precision : 0;
  const double slope = is_informed ? precision * (mean - proxy.mean) : 0;
  return MarginalCoordinate(prior.support(), [&](double value) {
    const double distance = value - proxy.mean;
    return distance * (slope - 0.5 * curvature * distance) + prior(value).value;
  });
}

}  // namespace

PriorEdges::PriorEdges(Index coefficients) : free_(static_cast<std::size_t>(coefficients)) {
  std::iota(free_.begin(), free_.end(), Index{0});
}

bool PriorEdges::bind(const ScaledRegression& regression, const PriorProxies& proxies, const VectorXd& mean,
                      const VectorXd& deviation) {
  // Farther from its edge than this many posterior deviations, a coefficient keeps its place in the Gaussian frame: it
  // would meet the edge once in a billion draws, and then only end a trajectory.
  constexpr double near = 6;
  std::vector<Index> still_free;
  for (std::size_t row = 0; row < free_.size(); ++row) {
    const Index k = free_[row];
    const Prior& prior = regression.coefficient_priors[static_cast<std::size_t>(k)];
    const Support& support = prior.support();
    const double reach = near * deviation(static_cast<Index>(row));
    const bool is_alone = regression.combinations.row(k).cwiseAbs().sum() == 1;  // about one coefficient, not several
    if (!is_alone || (mean(k) - reach > support.lower && mean(k) + reach < support.upper)) {
      still_free.push_back(k);
      continue;
    }
    try {
      coordinates_.push_back(coordinate_of(prior, proxies[k], mean(k), deviation(static_cast<Index>(row))));
    } catch (const std::range_error&) {
      throw UncomputablePosterior(k);
    }
    bounded_.push_back(k);
  }
  if (still_free.size() == free_.size()) return false;
  free_ = std::move(still_free);
  reference_.resize(static_cast<Index>(bounded_.size()));
  for (Index b = 0; b < bounded_size(); ++b) reference_(b) = coordinates_[static_cast<std::size_t>(b)](0).value;
  return true;
}

}  // namespace filbert
