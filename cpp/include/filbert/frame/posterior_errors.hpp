// What is thrown where there is no posterior to sample, or none that doubles can hold.
#pragma once

#include <Eigen/Core>
#include <optional>
#include <stdexcept>

namespace filbert {

/// Thrown where a posterior does not exist: neither data nor priors bound some coefficient, or sigma.
class ImproperPosterior : public std::domain_error {
 public:
  using std::domain_error::domain_error;
};

/// Thrown where doubles cannot hold the posterior: a prior is too narrow, or lies too far from what the data say.
class UncomputablePosterior : public std::range_error {
 public:
  /// The prior of a coefficient, or of sigma.
  explicit UncomputablePosterior(std::optional<Eigen::Index> coefficient)
      : std::range_error("a prior is too narrow, or lies too far from what the data say, for doubles"),
        coefficient_(coefficient) {}

  /// Whose prior it is; empty for sigma.
  std::optional<Eigen::Index> coefficient() const { return coefficient_; }

 private:
  std::optional<Eigen::Index> coefficient_;
};

}  // namespace filbert
