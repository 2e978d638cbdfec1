// Which coefficients press against an edge of their prior, and the coordinates that keep them inside.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "filbert/frame/marginal_coordinate.hpp"
#include "filbert/frame/prior_proxies.hpp"
#include "filbert/frame/scaled_regression.hpp"

namespace filbert {

/// Parts the coefficients: a *bounded* one, whose prior has an edge close to the posterior, has a coordinate η of its own that
/// maps onto the support; the others are *free*.
class PriorEdges {
 public:
  /// All free.
  explicit PriorEdges(Eigen::Index coefficients);

  /// Indices of the coefficients, in the order of u and of η.
  const std::vector<Eigen::Index>& free() const { return free_; }
  const std::vector<Eigen::Index>& bounded() const { return bounded_; }

  Eigen::Index bounded_size() const { return reference_.size(); }
  const std::vector<MarginalCoordinate>& coordinates() const { return coordinates_; }
  const Eigen::VectorXd& reference() const { return reference_; }  ///< values of the bounded ones at η = 0

  /// Binds those free coefficients whose prior has an edge close to where they are: around `mean` (of every coefficient), by
  /// `deviation` (of the free ones). Returns whether there were any. Throws UncomputablePosterior.
  bool bind(const ScaledRegression& regression, const PriorProxies& proxies, const Eigen::VectorXd& mean,
            const Eigen::VectorXd& deviation);

 private:
  std::vector<Eigen::Index> free_, bounded_;
  std::vector<MarginalCoordinate> coordinates_;
  Eigen::VectorXd reference_;
};

}  // namespace filbert
