// Finds the curvatures at the points, a tridiagonal system, and evaluates the cubics between them.
#include "filbert/numeric/cubic_spline.hpp"

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <utility>

namespace filbert {

CubicSpline::CubicSpline(std::vector<double> at, std::vector<double> values)
    : at_(std::move(at)), values_(std::move(values)), curvatures_(at_.size(), 0.0) {
  if (at_.size() != values_.size()) throw std::invalid_argument("a spline needs one value for each point");
  for (std::size_t k = 1; k < at_.size(); ++k) {
    if (!(at_[k] > at_[k - 1])) throw std::invalid_argument("the points of a spline must rise");
  }
  // Rows h_{k-1} c_{k-1} + 2 (h_{k-1} + h_k) c_k + h_k c_{k+1} = 6 (secant_k - secant_{k-1}), and 0 at both ends.
  std::vector<double> above(at_.size(), 0.0);
  for (std::size_t k = 1; k + 1 < at_.size(); ++k) {
    const double before = at_[k] - at_[k - 1], after = at_[k + 1] - at_[k];
    const double bend = 6 * ((values_[k + 1] - values_[k]) / after - (values_[k] - values_[k - 1]) / before);
    const double pivot = 2 * (before + after) - before * above[k - 1];
    above[k] = after / pivot;
    curvatures_[k] = (bend - before * curvatures_[k - 1]) / pivot;
  }
  for (std::size_t k = at_.size(); k-- > 2;) curvatures_[k - 1] -= above[k - 1] * curvatures_[k];
}

/// The interval of x, or the nearest to it: first where it would be if points were evenly spaced, then one by one.
std::size_t CubicSpline::interval(double x) const {
  const std::size_t last = at_.size() - 2;
  const double even = (x - at_.front()) / (at_.back() - at_.front()) * static_cast<double>(last + 1);
  std::size_t left = even > 0 ? static_cast<std::size_t>(std::min(even, static_cast<double>(last))) : 0;
  while (left < last && x >= at_[left + 1]) ++left;
  while (left > 0 && x < at_[left]) --left;
  return left;
}

CubicSpline::At CubicSpline::operator()(double x) const {
  if (at_.empty()) return {0, 0, 0};
  if (at_.size() == 1) return {values_[0], 0, 0};
  const std::size_t last = at_.size() - 1;
  const std::size_t left = interval(x), right = left + 1;
  const double width = at_[right] - at_[left];
  const double secant = (values_[right] - values_[left]) / width;
  if (x < at_[0]) {
    const double slope = secant - width * curvatures_[1] / 6;
    return {values_[0] + slope * (x - at_[0]), slope, 0};
  }
  if (x > at_[last]) {
    const double slope = secant + width * curvatures_[last - 1] / 6;
    return {values_[last] + slope * (x - at_[last]), slope, 0};
  }
  const double b = (x - at_[left]) / width, a = 1 - b;
  const double of_left = curvatures_[left] * width / 6, of_right = curvatures_[right] * width / 6;
  return {a * values_[left] + b * values_[right] + width * (of_left * (a * a * a - a) + of_right * (b * b * b - b)),
          secant - of_left * (3 * a * a - 1) + of_right * (3 * b * b - 1),
          a * curvatures_[left] + b * curvatures_[right]};
}

double CubicSpline::least_slope() const {
  if (at_.size() < 2) return 0;
  double least = std::min((*this)(at_.front()).slope, (*this)(at_.back()).slope);
  for (std::size_t k = 0; k + 1 < at_.size(); ++k) {
    // Between two points the second derivative is linear: where it is 0 the slope has its only extreme.
    const double left = curvatures_[k], right = curvatures_[k + 1];
    const double share = left == right ? 0 : left / (left - right);
    for (const double t : {0.0, share}) {
      if (t >= 0 && t < 1) least = std::min(least, (*this)(at_[k] + t * (at_[k + 1] - at_[k])).slope);
    }
  }
  return least;
}

}  // namespace filbert
