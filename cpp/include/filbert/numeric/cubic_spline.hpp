// A smooth curve through a few points.
#pragma once

#include <cstddef>
#include <vector>

namespace filbert {

/// The natural cubic spline through points, with straight lines beyond the first and the last. Without points it is 0.
class CubicSpline {
 public:
  struct At {
    double value, slope, curvature;
  };

  CubicSpline() = default;

  /// `at` rises. Throws std::invalid_argument where it does not, or where there are not as many values.
  CubicSpline(std::vector<double> at, std::vector<double> values);

  At operator()(double x) const;

  /// The least slope anywhere; 0 where there are fewer than two points.
  double least_slope() const;

 private:
  std::size_t interval(double x) const;

  std::vector<double> at_, values_, curvatures_;
};

}  // namespace filbert
