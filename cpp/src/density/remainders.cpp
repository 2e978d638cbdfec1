// Bounds remainders by third derivatives, a panel of rows at a time.
#include "filbert/density/remainders.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace filbert {

using Eigen::Index;
using Eigen::VectorXd;

namespace {

using PanelArray = Eigen::Array<double, panel_rows, 1>;

double positive_part(double x) { return std::isnan(x) ? std::numeric_limits<double>::infinity() : std::max(x, 0.0); }

}  // namespace

/// η moves by the product of z with a row of the frame's design: by no more than its length times |z|.
double bound_remainders(const GlmData& data, const ThirdDerivativeBound& third, const Expansion& expansion,
                        double radius, Index first, Index last, Eigen::Ref<VectorXd> bounds) {
  const Index d = expansion.slopes.cols(), columns = data.columns();
  double longest = 0;
  for (Index start = first; start < last; start += panel_rows) {
    const Eigen::Map<const Eigen::Array<double, panel_rows, Eigen::Dynamic>> X(data.panel(start / panel_rows),
                                                                               panel_rows, columns);
    PanelArray eta = PanelArray::Constant(expansion.columns(0)), squares = PanelArray::Zero();
    for (Index j = 1; j < columns; ++j) eta += expansion.columns(j) * X.col(j);
    for (Index k = 0; k < d; ++k) {
      PanelArray along = PanelArray::Constant(expansion.slopes(0, k));
      for (Index j = 1; j < columns; ++j) {
        if (expansion.slopes(j, k) != 0) along += expansion.slopes(j, k) * X.col(j);
      }
      squares += along.square();
    }
    for (Index i = 0, row = start; i < panel_rows && row < last; ++i, ++row) {
      const double length = std::sqrt(squares(i)), weight = data.weight(row);
      bounds(row - first) = 0;
      if (!(weight > 0 && length > 0)) continue;
      bounds(row - first) = weight * length * length * length / 6 *
                            third(eta(i) + data.offset(row), length * radius, data.response(row), data.trials(row));
      longest = std::max(longest, length);
    }
  }
  return longest;
}

double remainder_loss(const GlmData& data, Index row, const VectorXd& columns, const VectorXd& from, const VectorXd& to,
                      const VectorXd& auxiliaries) {
  double eta = data.offset(row), before = 0, after = 0;
  for (Index j = 0; j < data.columns(); ++j) {
    const double x = data.design(row, j);
    eta += x * columns(j);
    before += x * from(j);
    after += x * to(j);
  }
  const std::array<double, 3> etas = {eta, eta + before, eta + after};
  std::array<double, 3> value{}, d1{}, d2{};
  data.single(row, etas, auxiliaries, {.value = value.data(), .d1 = d1.data(), .d2 = d2.data()});
  return data.weight(row) * positive_part(value[1] - value[2] - d1[0] * (before - after) -
                                          0.5 * d2[0] * (before - after) * (before + after));
}

}  // namespace filbert
