// Proposes points from a mixture of multivariate t, with heavy tails, and normals.
#pragma once

#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include "filbert/sampler/rng.hpp"

namespace filbert {

/// Student t with 8 degrees of freedom, heavier in their tails than what is left in a frame, so that no weight is large. Models
/// `IndependentProposal`.
class StudentMixture {
 public:
  static constexpr int freedom = 8;

  struct Component {
    double share = 1;        ///< of the draws
    Eigen::VectorXd centre;  ///< (dimension)
    Eigen::MatrixXd factor;  ///< (dimension, dimension), zero above its diagonal: the scale matrix is factor · factor'
    bool is_normal = false;  ///< in place of a t
  };

  /// One t about 0, as wide as the standard normal that a frame aims at.
  explicit StudentMixture(Eigen::Index dimension) : StudentMixture({standard(dimension)}) {}

  /// That t and, for a quarter of the draws, the standard normal: tails are as heavy, and what a good frame makes of a density is nearer.
  static StudentMixture with_normal(Eigen::Index dimension) {
    std::vector<Component> components(2, standard(dimension));
    components.front().share = 0.75;
    components.back().share = 0.25;
    components.back().is_normal = true;
    return StudentMixture(std::move(components));
  }

  /// Of at least one component; shares add up to 1.
  explicit StudentMixture(std::vector<Component> components) : components_(std::move(components)) {
    const double size = static_cast<double>(dimension()), nu = freedom, pi = std::numbers::pi;
    const double of_t = std::lgamma(0.5 * (nu + size)) - std::lgamma(0.5 * nu) - 0.5 * size * std::log(nu * pi);
    const double of_normal = -0.5 * size * std::log(2 * pi);
    for (const Component& each : components_) {
      const double constant = each.is_normal ? of_normal : of_t;
      log_constants_.push_back(constant + std::log(each.share) - each.factor.diagonal().array().log().sum());
    }
    terms_.resize(static_cast<Eigen::Index>(components_.size()));
  }

  Eigen::Index dimension() const { return components_.front().centre.size(); }
  const std::vector<Component>& components() const { return components_; }

  /// The least of the deviations of all components along any direction.
  double narrowest() const {
    double least = std::numeric_limits<double>::infinity();
    for (const Component& each : components_) {
      const Eigen::MatrixXd squared = each.factor * each.factor.transpose();
      const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(squared, Eigen::EigenvaluesOnly);
      least = std::min(least, std::sqrt(eigen.eigenvalues().minCoeff()));
    }
    return least;
  }

  /// Fills the columns of `draws`, and writes the log density of each.
  void draw(Rng& rng, Eigen::Ref<Eigen::MatrixXd> draws, Eigen::Ref<Eigen::VectorXd> values) {
    for (Eigen::Index i = 0; i < draws.cols(); ++i) {
      const Component& from = components_[chosen(rng)];
      const double stretch = from.is_normal ? 1 : std::sqrt(freedom / chi_square(rng));
      for (double& coordinate : draws.col(i)) coordinate = stretch * rng.normal();
      scaled_.noalias() = from.factor.lazyProduct(draws.col(i));
      draws.col(i) = from.centre + scaled_;
      values(i) = log_density(draws.col(i));
    }
  }

  double log_density(const Eigen::Ref<const Eigen::VectorXd>& point) {
    for (std::size_t k = 0; k < components_.size(); ++k) {
      terms_(static_cast<Eigen::Index>(k)) = log_term(k, squared_distance(k, point));
    }
    const double largest = terms_.maxCoeff();
    return terms_.size() == 1 ? largest : largest + std::log((terms_.array() - largest).exp().sum());
  }

  /// Mahalanobis' distance from the centre of component `k`.
  double squared_distance(std::size_t k, const Eigen::Ref<const Eigen::VectorXd>& point) {
    scaled_ = point - components_[k].centre;
    const Eigen::MatrixXd& factor = components_[k].factor;
    for (Eigen::Index j = 0; j < scaled_.size(); ++j) {  // few: Eigen's solve takes longer to begin
      scaled_(j) /= factor(j, j);
      for (Eigen::Index i = j + 1; i < scaled_.size(); ++i) scaled_(i) -= factor(i, j) * scaled_(j);
    }
    return scaled_.squaredNorm();
  }

  /// The logarithm of share times density of component `k` at a squared distance from its centre.
  double log_term(std::size_t k, double squared) const {
    if (components_[k].is_normal) return log_constants_[k] - 0.5 * squared;
    return log_constants_[k] - 0.5 * (freedom + static_cast<double>(dimension())) * std::log(1 + squared / freedom);
  }

 private:
  static Component standard(Eigen::Index dimension) {
    return {1, Eigen::VectorXd::Zero(dimension), Eigen::MatrixXd::Identity(dimension, dimension)};
  }

  static double chi_square(Rng& rng) {
    double sum = 0;
    for (int k = 0; k < freedom; ++k) {
      const double normal = rng.normal();
      sum += normal * normal;
    }
    return sum;
  }

  std::size_t chosen(Rng& rng) const {
    if (components_.size() == 1) return 0;
    double left = rng.uniform();
    for (std::size_t k = 0; k + 1 < components_.size(); ++k) {
      left -= components_[k].share;
      if (left < 0) return k;
    }
    return components_.size() - 1;
  }

  std::vector<Component> components_;
  std::vector<double> log_constants_;
  Eigen::VectorXd terms_, scaled_;
};

}  // namespace filbert
