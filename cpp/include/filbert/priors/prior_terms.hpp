// The loop over priors that every density runs: their log densities, less those of Gaussians that are counted elsewhere.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "filbert/priors/prior.hpp"

namespace filbert {

class PriorTerms {
 public:
  /// Counts a prior, less a proxy of it; the proxy that is not given is flat.
  void add(const Prior& prior, const GaussianProxy& proxy = {}) { terms_.push_back({prior, proxy}); }

  Eigen::Index size() const { return static_cast<Eigen::Index>(terms_.size()); }

  /// Adds the log density of each prior at its point to `value`, and writes its derivative there; allocates nothing.
  double operator()(double value, const Eigen::VectorXd& points, Eigen::VectorXd& derivatives) const {
    for (Eigen::Index k = 0; k < size(); ++k) {
      const auto& [density, proxy] = terms_[static_cast<std::size_t>(k)];
      const LogDensityAt prior = density(points(k));
      const double distance = points(k) - proxy.mean;
      value += prior.value + 0.5 * proxy.precision * distance * distance;
      derivatives(k) = prior.derivative + proxy.precision * distance;
    }
    return value;
  }

 private:
  struct Term {
    Prior prior;
    GaussianProxy proxy;
  };
  std::vector<Term> terms_;
};

}  // namespace filbert
