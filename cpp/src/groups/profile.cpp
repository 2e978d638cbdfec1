// Walks in steps that grow until the density has fallen far enough.
#include "filbert/groups/profile.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <utility>

#include "filbert/frame/posterior_errors.hpp"

namespace filbert {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double deep_enough = 25;  // in log density below the mode
constexpr int most_points = 60;     // on either side
constexpr double farthest = 400;    // from the mode: doubles hold e^±740
/// Between two points of a table; a cubic through more would say nothing of what is between them.
constexpr double longest_fall = 8;
constexpr double least_fall = 0.3;  // in log density, a unit of a coordinate beyond the last points of a table

/// A posterior that is level far from its mode is improper; even the tail of a half-Cauchy falls by 1 a unit of a logarithm.
void require_falling(double distance, double slope) {
  constexpr double far = 6;
  if (distance < far || slope < -0.01) return;
  throw ImproperPosterior(
      "the posterior of a deviation or of sigma is improper: neither the data nor its prior keep it from growing. Give "
      "it a "
      "proper prior, such as HalfNormal");
}

/// The coordinates besides k, and how they move with it.
struct Others {
  Others(const MatrixXd& curvature, Index k) : coordinate(k) {
    for (Index j = 0; j < curvature.rows(); ++j) {
      if (j != k) indices.push_back(j);
    }
    own.compute(curvature(indices, indices));
    direction = VectorXd::Unit(curvature.rows(), k);
    if (!indices.empty()) direction(indices) = -own.solve(curvature(indices, k));
  }

  Index coordinate;
  std::vector<Index> indices;
  Eigen::LLT<MatrixXd> own;  // of their curvature
  VectorXd direction;        // dx / dx_k along the ridge of the quadratic
};

/// The highest value over the other coordinates, as far as it was found, and the slope along k there.
struct Corrected {
  double value, slope;
};

/// Moves the other coordinates up, by two steps of Newton's method with the curvature of the mode, of which the second is not looked
/// at. Far out that curvature may be wrong: where `care` is to be taken, a step that goes down is halved, and there are more.
Corrected correct(const SmoothFunction& function, const Others& others, Corrections care, VectorXd& position,
                  VectorXd& gradient) {
  const bool is_careful = care == Corrections::Careful;
  const int most_evaluations = is_careful ? 12 : 2;
  constexpr double close = 0.01, near = 2;  // gains in log density that are left
  Corrected best{function(position, gradient), gradient(others.coordinate)};
  if (others.indices.empty() || !std::isfinite(best.value) || !gradient.allFinite()) return best;
  VectorXd own_gradient, step, further(gradient.size());
  const auto newton_step = [&] {
    own_gradient = gradient(others.indices);
    step = others.own.solve(own_gradient);
    const double longest = step.lpNorm<Eigen::Infinity>();
    if (longest > 1) step /= longest;
  };
  newton_step();
  for (int evaluations = 1;; ++evaluations) {
    const double gain = own_gradient.dot(step);
    const bool is_last = evaluations == most_evaluations;
    if (is_careful && is_last) break;
    if (is_last || gain < close || (is_careful && evaluations > 1 && gain < near)) {
      position(others.indices) += step;
      best.value += std::min(0.5 * gain, 1.0);
      break;
    }
    VectorXd candidate = position;
    candidate(others.indices) += step;
    const double value = function(candidate, further);
    const bool is_finite = std::isfinite(value) && further.allFinite();
    if (is_careful && !(is_finite && value > best.value)) {
      step *= 0.5;
      continue;
    }
    position = candidate;
    gradient = further;
    best = {value, gradient(others.coordinate)};
    if (!is_finite) break;
    newton_step();
  }
  return best;
}

}  // namespace

Ridge::Ridge(std::vector<Point> points) : points_(std::move(points)) {}

double Ridge::operator()(double at) const {
  const Point& first = points_.front();
  const Point& last = points_.back();
  if (at <= first.at) return first.value + first.slope * (at - first.at);
  if (at >= last.at) return last.value + last.slope * (at - last.at);
  const auto right = std::upper_bound(points_.begin(), points_.end(), at,
                                      [](double value, const Point& point) { return value < point.at; });
  const auto left = right - 1;
  const double width = right->at - left->at;
  const double t = (at - left->at) / width;
  const double secant = (right->value - left->value) / width;
  // A slope much steeper than the secant would make the cubic rise above both ends (Fritsch and Carlson 1980).
  const auto limited = [secant](double slope) {
    return slope * secant > 0 && std::abs(slope) > 3 * std::abs(secant) ? 3 * secant : slope;
  };
  const double left_slope = limited(left->slope);
  const double right_slope = limited(right->slope);
  const double second = 3 * secant - 2 * left_slope - right_slope;
  const double third = left_slope + right_slope - 2 * secant;
  return left->value + width * t * (left_slope + t * (second + t * third));
}

std::pair<double, double> Ridge::within(double depth) const {
  double highest = points_.front().value;
  for (const Point& point : points_) highest = std::max(highest, point.value);
  std::size_t first = points_.size() - 1, last = 0;
  for (std::size_t i = 0; i < points_.size(); ++i) {
    if (points_[i].value < highest - depth) continue;
    first = std::min(first, i);
    last = i;
  }
  return {points_[first - std::min<std::size_t>(first, 1)].at, points_[std::min(last + 1, points_.size() - 1)].at};
}

Ridge profile(const SmoothFunction& function, const Mode& mode, const MatrixXd& curvature, Index k, Corrections care) {
  const Others others(curvature, k);
  // The deviation of coordinate k, all others integrated out of the quadratic.
  const double deviation = 1 / std::sqrt(std::max(1e-8, others.direction.dot(curvature * others.direction)));
  std::vector<Ridge::Point> points{{mode.position(k), mode.value, 0}};
  VectorXd gradient(mode.position.size());
  for (const double side : {-1.0, 1.0}) {
    VectorXd position = mode.position;
    double step = 0.7 * std::min(deviation, 3.0);
    double value = mode.value;
    std::vector<Ridge::Point> walked;
    while (static_cast<int>(walked.size()) < most_points && value > mode.value - deep_enough &&
           std::abs(position(k) - mode.position(k)) < farthest) {
      const VectorXd before = position;
      position += side * step * others.direction;
      const Corrected corrected = correct(function, others, care, position, gradient);
      value = corrected.value;
      const double slope = corrected.slope;
      const double from = walked.empty() ? mode.value : walked.back().value;
      const bool is_lost = !std::isfinite(value) || !std::isfinite(slope);
      if (is_lost || (from - value > longest_fall && step > 1e-3 * deviation)) {
        position = before;
        value = from;
        step *= is_lost ? 0.25 : 0.5;
        if (step < 1e-6 * deviation) break;
        continue;
      }
      walked.push_back({position(k), value, slope});
      require_falling(std::abs(position(k) - mode.position(k)), side * slope);
      const double fallen = std::abs(value - from);
      step *= fallen > 6 ? 0.6 : fallen < 2.5 ? 1.5 : 1.0;
    }
    if (side < 0) {
      std::reverse(walked.begin(), walked.end());
      points.insert(points.begin(), walked.begin(), walked.end());
    } else {
      points.insert(points.end(), walked.begin(), walked.end());
    }
  }
  if (care == Corrections::Careful) {  // a slope that rises outwards was found beside the ridge
    points.front().slope = std::max(points.front().slope, least_fall);
    points.back().slope = std::min(points.back().slope, -least_fall);
  }
  return Ridge(std::move(points));
}

}  // namespace filbert
