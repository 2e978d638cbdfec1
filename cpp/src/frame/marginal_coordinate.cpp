// Tabulates the normal scores of a density by quadrature on both sides of its mode.
#include "filbert/frame/marginal_coordinate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <stdexcept>

#include "filbert/numeric/normal_quantile.hpp"

namespace filbert {
namespace {

/// Cubic Hermite interpolation between two knots: value, and its first and second derivative.
struct Cubic {
  double value, slope, curvature;
};

Cubic hermite(double width, double at, double left, double left_slope, double right, double right_slope) {
  const double per_width = 1 / width;  // which is known beforehand where the width is
  const double t = at * per_width;
  const double secant = (right - left) * per_width;
  const double second = (3 * secant - 2 * left_slope - right_slope);
  const double third = (left_slope + right_slope - 2 * secant);
  return {left + at * (left_slope + t * (second + t * third)), left_slope + t * (2 * second + 3 * t * third),
          (2 * second + 6 * t * third) * per_width};
}

/// Limits slopes so that the cubics through rising points rise: to three secants (Fritsch and Carlson 1980).
template <typename Points, typename Secant>
void make_monotone(Points& points, const Secant& secant) {
  for (std::size_t k = 0; k < points.size(); ++k) {
    const double before = secant(k > 0 ? k - 1 : 0);
    const double after = secant(std::min(k, points.size() - 2));
    const double least = std::min(before, after);
    points[k].slope = std::clamp(points[k].slope, 1e-3 * least, 2.9 * least);
  }
}

double normal_density(double score) { return std::exp(-0.5 * score * score) / std::sqrt(2 * std::numbers::pi); }

/// About the mode of a density on the line: a coarse grid, which goes on where the density still rises at its end, then golden
/// sections. Not closer than values tell apart: rounding would place the tables, and draws would hang on how a sum was rounded.
double mode_of(const std::function<double(double)>& log_density) {
  constexpr double coarse = 0.25;
  constexpr double near = 60;
  constexpr double far = 740;  // e^±θ is still a double
  double best = 0;
  double highest = -std::numeric_limits<double>::infinity();
  const auto try_at = [&](double theta) {
    const double height = log_density(theta);
    if (height > highest) {
      highest = height;
      best = theta;
    }
  };
  for (double theta = -near; theta <= near; theta += coarse) try_at(theta);
  for (const double direction : {-1.0, 1.0}) {
    double theta = direction * near;
    while (std::abs(theta) < far && (best == theta || !std::isfinite(highest))) try_at(theta += direction * coarse);
  }
  constexpr double golden = std::numbers::phi - 1;
  double low = best - coarse;
  double high = best + coarse;
  constexpr double close = 1e-4;
  while (high - low > close) {
    const double left = high - golden * (high - low);
    const double right = low + golden * (high - low);
    if (log_density(left) > log_density(right)) {
      high = right;
    } else {
      low = left;
    }
  }
  return 0.5 * (low + high);
}

}  // namespace

MarginalCoordinate::MarginalCoordinate(const Support& support, const std::function<double(double)>& log_density)
    : support_(support), is_identity_(false) {
  std::vector<Scored> scored = normal_scores([&](double theta) {
    const At at = on_support(theta);
    const double value = log_density(at.value) + at.log_slope;
    return std::isfinite(value) ? value : -std::numeric_limits<double>::infinity();
  });
  if (scored.size() < 2) throw std::range_error("the density is finite nowhere");
  make_monotone(scored, [&](std::size_t k) {
    return (scored[k + 1].theta - scored[k].theta) / (scored[k + 1].score - scored[k].score);
  });
  std::size_t next = 1;
  for (std::size_t k = 0; k <= steps; ++k) {
    const double zeta = -reach + step * static_cast<double>(k);
    while (next + 1 < scored.size() && scored[next].score < zeta) ++next;
    const Scored& left = scored[next - 1];
    const Scored& right = scored[next];
    if (zeta <= left.score || zeta >= right.score) {  // beyond what the quadrature reached
      const Scored& end = zeta <= left.score ? left : right;
      table_[k] = {end.theta + end.slope * (zeta - end.score), end.slope};
      continue;
    }
    const Cubic cubic =
        hermite(right.score - left.score, zeta - left.score, left.theta, left.slope, right.theta, right.slope);
    table_[k] = {cubic.value, cubic.slope};
  }
  make_monotone(table_, [this](std::size_t k) { return (table_[k + 1].theta - table_[k].theta) / step; });
}

std::vector<MarginalCoordinate::Scored> MarginalCoordinate::normal_scores(
    const std::function<double(double)>& log_density) const {
  constexpr double negligible = 36;  // of log density below the mode
  constexpr int cells = 400;         // on each side of the mode
  const double mode = mode_of(log_density);
  const double highest = log_density(mode);
  const auto width_towards = [&](double direction) {
    double width = 1e-7;
    while (width < 120 && log_density(mode + direction * width) > highest - negligible) width *= 1.5;
    return width;
  };
  const double left_width = width_towards(-1) / cells;
  const double right_width = width_towards(1) / cells;

  std::vector<double> mass(std::size_t{2} * cells);
  for (int i = 0; i < 2 * cells; ++i) {
    const double width = i < cells ? left_width : right_width;
    const double middle = mode + (i - cells + 0.5) * width;
    mass[static_cast<std::size_t>(i)] = std::exp(log_density(middle) - highest) * width;
  }
  std::vector<double> above(mass.size() + 1, 0.0);  // summed from the far end, so that small tails keep their digits
  for (std::size_t i = mass.size(); i-- > 0;) above[i] = above[i + 1] + mass[i];
  const double total = above[0];

  std::vector<Scored> scored;
  double below = 0;
  for (std::size_t i = 1; i < mass.size(); ++i) {
    below += mass[i - 1];
    const int offset = static_cast<int>(i) - cells;
    const double theta = mode + offset * (offset < 0 ? left_width : right_width);
    const double score = below < above[i] ? normal_quantile(below / total) : -normal_quantile(above[i] / total);
    const double density = std::exp(log_density(theta) - highest) / total;
    const double slope = normal_density(score) / density;
    if (std::isfinite(score) && std::isfinite(slope) && (scored.empty() || score > scored.back().score + 1e-9)) {
      scored.push_back({score, theta, slope});
    }
  }
  return scored;
}

MarginalCoordinate::At MarginalCoordinate::on_support(double theta) const {
  const bool has_lower = std::isfinite(support_.lower);
  const bool has_upper = std::isfinite(support_.upper);
  if (!has_lower && !has_upper) return {theta, 0, 0};
  if (!has_upper) return {support_.lower + std::exp(theta), theta, 1};
  if (!has_lower) return {support_.upper - std::exp(-theta), -theta, -1};
  const double width = support_.upper - support_.lower;
  const double share = 1 / (1 + std::exp(-theta));
  const double rest = 1 / (1 + std::exp(theta));
  const double value = theta < 0 ? support_.lower + width * share : support_.upper - width * rest;
  return {value, std::log(width) + std::log(share) + std::log(rest), rest - share};
}

MarginalCoordinate::OnLine MarginalCoordinate::on_line(double zeta) const {
  if (is_identity_) return {zeta, 1, 0};
  if (!(std::abs(zeta) < reach)) {
    const Knot& end = zeta < 0 ? table_.front() : table_.back();
    return {end.theta + end.slope * (zeta - std::copysign(reach, zeta)), end.slope, 0};
  }
  const std::size_t k = std::min(static_cast<std::size_t>((zeta + reach) / step), steps - 1);
  const double at = zeta + reach - step * static_cast<double>(k);
  const Cubic theta = hermite(step, at, table_[k].theta, table_[k].slope, table_[k + 1].theta, table_[k + 1].slope);
  return {theta.value, theta.slope, theta.curvature};
}

MarginalCoordinate::At MarginalCoordinate::operator()(double zeta) const {
  if (is_identity_) return {zeta, 0, 0};
  const OnLine line = on_line(zeta);
  const At edge = on_support(line.theta);
  return {edge.value, edge.log_slope + std::log(line.slope),
          edge.slope_of_log * line.slope + line.curvature / line.slope};
}

}  // namespace filbert
