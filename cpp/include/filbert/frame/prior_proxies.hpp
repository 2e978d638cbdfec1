// The Gaussians that stand in for priors in a frame.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "filbert/priors/prior.hpp"

namespace filbert {

/// One proxy a prior. They shape the frame alone: what priors differ from them by is added to the density.
class PriorProxies {
 public:
  /// Throws UncomputablePosterior for a prior whose precision doubles cannot hold.
  explicit PriorProxies(const std::vector<Prior>& priors);

  const GaussianProxy& operator[](Eigen::Index prior) const { return proxies_[static_cast<std::size_t>(prior)]; }

  /// How many are flat.
  Eigen::Index flat() const;

  /// Moves those of `which` to where the posterior lies: at `values`, one a prior. Returns false, and changes nothing, where
  /// they would stay nearly as they are.
  bool update(const std::vector<Prior>& priors, const std::vector<Eigen::Index>& which, const Eigen::VectorXd& values);

 private:
  std::vector<GaussianProxy> proxies_;
};

}  // namespace filbert
