// Follows the ridge of a density along each coordinate, and makes normal scores of what it finds.
#pragma once

#include <Eigen/Core>
#include <utility>
#include <vector>

#include "filbert/frame/marginal_coordinate.hpp"
#include "filbert/groups/quasi_newton.hpp"

namespace filbert {

/// The log of a one-dimensional density by cubics through points with slopes, and straight lines beyond the last ones.
class Ridge {
 public:
  struct Point {
    double at, value, slope;
  };

  /// `points` rise in `at`; at least one.
  explicit Ridge(std::vector<Point> points);

  double operator()(double at) const;

  /// The first and the last of the points that are less than `depth` below the highest one, and one beyond each if there is.
  std::pair<double, double> within(double depth) const;

 private:
  std::vector<Point> points_;
};

/// How far corrections by the curvature at the mode are trusted: that of a bent ridge leads astray far out.
enum class Corrections { Quick, Careful };

/// The profile of coordinate k: from the mode outwards both ways, the other coordinates following the curvature and corrected by
/// Newton steps at each point, until the density has fallen by e^-25. Careful ones fall beyond their last points. Throws
/// ImproperPosterior where the density does not fall.
Ridge profile(const SmoothFunction& function, const Mode& mode, const Eigen::MatrixXd& curvature, Eigen::Index k,
              Corrections care);

}  // namespace filbert
