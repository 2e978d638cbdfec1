// Adapts a mixture of t to a density before a run: population Monte Carlo (Cappé, Douc, Guillin, Marin and Robert 2008).
#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "filbert/sampler/independence.hpp"
#include "filbert/sampler/rng.hpp"
#include "filbert/sampler/student_mixture.hpp"

namespace filbert {

/// Components beside the frame's own t, which keeps this share of the draws so that no tail is left without proposals.
inline constexpr std::size_t adapted_components = 8;
inline constexpr double defensive_share = 0.1;

namespace population {

/// Weights that add up to 1.
inline Eigen::VectorXd normalised(const WeightedPoints& points) {
  const Eigen::VectorXd weights = (points.log_weights.array() - points.log_weights.maxCoeff()).exp();
  return weights / weights.sum();
}

/// Σ w (x − c)(x − c)' over Σ w.
inline Eigen::MatrixXd scatter(const Eigen::MatrixXd& points, const Eigen::VectorXd& weights,
                               const Eigen::VectorXd& centre) {
  const Eigen::MatrixXd centred = points.colwise() - centre;
  return centred * weights.asDiagonal() * centred.transpose() / weights.sum();
}

/// The mixture of these components, of those whose scale matrix is positive definite, with the frame's own t.
inline StudentMixture defended(Eigen::Index dimension, const std::vector<double>& shares,
                               const std::vector<Eigen::VectorXd>& centres,
                               const std::vector<Eigen::MatrixXd>& scales) {
  std::vector<StudentMixture::Component> components = StudentMixture(dimension).components();
  double total = 0;
  for (std::size_t k = 0; k < shares.size(); ++k) {
    const Eigen::LLT<Eigen::MatrixXd> root(scales[k]);
    if (!(shares[k] > 0) || root.info() != Eigen::Success || !scales[k].allFinite()) continue;
    components.push_back({shares[k], centres[k], root.matrixL()});
    total += shares[k];
  }
  if (components.size() == 1) return StudentMixture(dimension);
  for (StudentMixture::Component& each : components) each.share *= (1 - defensive_share) / total;
  components.front().share = defensive_share;
  return StudentMixture(std::move(components));
}

}  // namespace population

/// A mixture about some of the points, drawn by weight, each component as wide as all of them would be divided up.
inline StudentMixture mixture_about(const WeightedPoints& points, Rng& rng) {
  const Eigen::Index dimension = points.points.rows();
  const Eigen::VectorXd weights = population::normalised(points), mean = points.points * weights;
  const double parts = std::pow(static_cast<double>(adapted_components), -2.0 / static_cast<double>(dimension));
  const Eigen::MatrixXd scale = parts * population::scatter(points.points, weights, mean);
  std::vector<Eigen::VectorXd> centres;
  for (std::size_t k = 0; k < adapted_components; ++k) centres.emplace_back(points.points.col(points.draw(rng)));
  return population::defended(dimension, std::vector<double>(adapted_components, 1), centres,
                              std::vector<Eigen::MatrixXd>(adapted_components, scale));
}

/// One step of expectation and maximisation: the components that explain best the points, draws of `mixture` with their weights. The
/// scale of a component that few points speak for is drawn to that of all; one that none speaks for is left out.
inline StudentMixture improved(StudentMixture mixture, const WeightedPoints& points) {
  const Eigen::Index dimension = points.points.rows(), n = points.points.cols();
  const std::size_t count = mixture.components().size();
  const double nu = StudentMixture::freedom, size = static_cast<double>(dimension);
  const Eigen::VectorXd weights = population::normalised(points), mean = points.points * weights;
  const double parts = std::pow(static_cast<double>(adapted_components), -2.0 / size);
  const Eigen::MatrixXd common = parts * population::scatter(points.points, weights, mean);
  Eigen::MatrixXd explained(n, static_cast<Eigen::Index>(count)), pull = explained;
  for (Eigen::Index i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < count; ++k) {
      const double squared = mixture.squared_distance(k, points.points.col(i));
      const auto column = static_cast<Eigen::Index>(k);
      explained(i, column) = mixture.log_term(k, squared);
      pull(i, column) = (nu + size) / (nu + squared);
    }
    const double largest = explained.row(i).maxCoeff();
    explained.row(i) = (explained.row(i).array() - largest).exp();
    explained.row(i) *= weights(i) / explained.row(i).sum();
  }
  std::vector<double> shares;
  std::vector<Eigen::VectorXd> centres;
  std::vector<Eigen::MatrixXd> scales;
  for (Eigen::Index k = 1; k < explained.cols(); ++k) {
    const Eigen::VectorXd own = explained.col(k), pulled = own.cwiseProduct(pull.col(k));
    const double share = own.sum(), points_that_count = share * share / own.squaredNorm();
    if (!(points_that_count > 1)) continue;
    const Eigen::VectorXd centre = points.points * pulled / pulled.sum();
    const Eigen::MatrixXd scale = population::scatter(points.points, pulled, centre) * (pulled.sum() / share);
    const double borrowed = size + 2;
    shares.push_back(share);
    centres.push_back(centre);
    scales.push_back((points_that_count * scale + borrowed * common) / (points_that_count + borrowed));
  }
  return population::defended(dimension, shares, centres, scales);
}

}  // namespace filbert
