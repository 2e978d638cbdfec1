// Walks along the ridge of each auxiliary, tables what it finds there, and applies the tables.
#include "filbert/density/auxiliary_scores.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "filbert/frame/marginal_coordinate.hpp"
#include "filbert/frame/posterior_errors.hpp"

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr double deep_enough = 6;  // deviations: e^-18 of the density at the mode
constexpr double between = 1.2;    // points, in deviations; twice as far where the last one was where a normal has it
constexpr int most_points = 12;    // on either side
constexpr double secant = 1e-4;    // of ζ, for the tables' second derivatives

/// Where the density was looked at along one auxiliary: rising in its logarithm.
struct Ridge {
  std::vector<double> at;               ///< log α
  std::vector<double> root;             ///< signed deviation: √ of twice the fall from the mode, all else at its best
  std::vector<double> log_determinant;  ///< of the precision of all else

  void reverse() {
    std::reverse(at.begin(), at.end());
    std::reverse(root.begin(), root.end());
    std::reverse(log_determinant.begin(), log_determinant.end());
  }
  void append(const Ridge& other) {
    at.insert(at.end(), other.at.begin(), other.at.end());
    root.insert(root.end(), other.root.begin(), other.root.end());
    log_determinant.insert(log_determinant.end(), other.log_determinant.begin(), other.log_determinant.end());
  }
};

double log_determinant_of(const Eigen::LLT<MatrixXd>& factor) {
  return 2 * factor.matrixLLT().diagonal().array().log().sum();
}

/// Follows the best of all other coordinates as one auxiliary is moved away from the mode.
class Walk {
 public:
  Walk(UnconstrainedGlm& density, const GlmMode& mode, Index coordinate)
      : density_(density), mode_(mode), coordinate_(coordinate), gradient_(density.dimension()) {
    for (Index j = 0; j < density.dimension(); ++j) {
      if (j != coordinate) others_.push_back(j);
    }
    // L L' = precision: the deviation with all else integrated out of the quadratic.
    const VectorXd column = mode.precision.llt().solve(VectorXd::Unit(density.dimension(), coordinate));
    deviation_ = std::sqrt(column(coordinate));
    along_mode_ = column / column(coordinate);
    if (!others_.empty()) log_determinant_ = log_determinant_of(Eigen::LLT<MatrixXd>(mode.precision(others_, others_)));
  }

  double deviation() const { return deviation_; }

  Ridge both_ways() {
    Ridge ridge = one_way(-1);
    ridge.reverse();
    ridge.append({{mode_.q(coordinate_)}, {0}, {log_determinant_}});
    ridge.append(one_way(1));
    return ridge;
  }

 private:
  Ridge one_way(double side) {
    Ridge ridge;
    position_ = mode_.q;
    along_ = along_mode_;
    double reach = between, step = reach * deviation_, root = 0, steepness = 1 / deviation_;
    int failures = 0;
    while (root < deep_enough && static_cast<int>(ridge.at.size()) < most_points) {
      const VectorXd before = position_, along_before = along_;
      position_ += side * step * along_;
      const Point point = best_here();
      if (!(point.root > root + 0.1) || point.root > root + 3 * reach) {
        position_ = before;
        along_ = along_before;
        step *= point.root <= root + 0.1 ? 2.0 : 0.3;
        if (++failures > 6) break;
        continue;
      }
      ridge.at.push_back(position_(coordinate_));
      ridge.root.push_back(side * point.root);
      ridge.log_determinant.push_back(point.log_determinant);
      const double rise = point.root - root, expected = steepness * step;
      if (std::abs(rise - expected) < 0.03 * reach) reach *= 2;
      steepness = rise / step;
      step = std::clamp(reach / steepness, 0.3 * step, 4 * step);
      root = point.root;
    }
    if (ridge.at.size() >= 2) return ridge;
    // Not even close by: what the quadratic at the mode says.
    const double far = side * deep_enough;
    return {{mode_.q(coordinate_) + far * deviation_}, {far}, {log_determinant_}};
  }

  struct Point {
    double root, log_determinant;
  };

  /// Moves the other coordinates to their best, nearly, and notes which way they go from there; root NaN where that fails.
  Point best_here() {
    constexpr double good = 0.1;  // of the squared Newton decrement
    constexpr Point nothing{NAN, NAN};
    for (int correction = 0; correction < 4; ++correction) {
      double value = density_.curvature(position_, gradient_, hessian_, Information::Observed, true);
      if (!std::isfinite(value) || !gradient_.allFinite() || !hessian_.allFinite()) return nothing;
      double log_determinant = 0, decrement = 0;
      if (!others_.empty()) {
        const Eigen::LLT<MatrixXd> own(-hessian_(others_, others_));
        if (own.info() != Eigen::Success) return nothing;
        const VectorXd pull = gradient_(others_), newton = own.solve(pull);
        along_ = VectorXd::Unit(position_.size(), coordinate_);
        const VectorXd cross = hessian_(others_, coordinate_), follow = own.solve(cross);
        along_(others_) = follow;
        decrement = pull.dot(newton);
        value += 0.5 * decrement;
        position_(others_) += newton;
        log_determinant = log_determinant_of(own);
      }
      if (decrement < good) return {std::sqrt(2 * std::max(0.0, mode_.log_density - value)), log_determinant};
    }
    return nothing;
  }

  UnconstrainedGlm& density_;
  const GlmMode& mode_;
  Index coordinate_;
  std::vector<Index> others_;
  double deviation_ = 1, log_determinant_ = 0;
  VectorXd along_mode_;
  VectorXd position_, along_, gradient_;  // along_: how the others follow the coordinate
  MatrixXd hessian_;
};

/// log s: minus half the change of the log determinant of the coefficients' precision, a coefficient, where all else is at the mode.
CubicSpline log_scale_along(UnconstrainedGlm& density, const GlmMode& mode, Index coordinate,
                            const std::vector<double>& at) {
  const Index p = density.coefficients();
  if (p == 0) return {};
  VectorXd gradient(density.dimension());
  MatrixXd hessian;
  std::vector<double> where, values;
  double at_mode = 0;
  const std::ptrdiff_t middle = std::find(at.begin(), at.end(), mode.q(coordinate)) - at.begin();
  for (std::ptrdiff_t k = middle % 2; k < std::ssize(at);
       k += 2) {  // smoother than the density: every second point will do
    const double value = at[static_cast<std::size_t>(k)];
    VectorXd q = mode.q;
    q(coordinate) = value;
    // Expected: the observed one need not be positive far from the mode.
    density.curvature(q, gradient, hessian, Information::Expected, true);
    const Eigen::LLT<MatrixXd> factor(-hessian.topLeftCorner(p, p));
    if (factor.info() != Eigen::Success || !hessian.topLeftCorner(p, p).allFinite()) continue;
    where.push_back(value);
    values.push_back(-0.5 * log_determinant_of(factor) / static_cast<double>(p));
    if (value == mode.q(coordinate)) at_mode = values.back();
  }
  if (where.size() < 2) return {};
  for (double& value : values) value -= at_mode;
  return CubicSpline(std::move(where), std::move(values));
}

/// θ over its normal score, where the log density of θ is `log_density`; about `centre` a step of `unit` is of order one.
///
/// A spline through few points of the table of scores, for all derivatives of the frame go through it: the table has as many
/// knots as its accuracy takes, and a second derivative jumps at each.
CubicSpline theta_over_scores(double centre, double unit, const std::function<double(double)>& log_density) {
  constexpr double furthest = 6;
  constexpr int points = 26;  // an even number: none in the middle, where the mode is
  std::vector<double> scores, thetas;
  try {
    const MarginalCoordinate table({}, [&](double x) { return log_density(centre + unit * x); });
    for (int k = 0; k < points; ++k) {
      scores.push_back(-furthest + 2 * furthest * k / (points - 1));
      thetas.push_back(centre + unit * table(scores.back()).value);
    }
    const CubicSpline spline(scores, thetas);
    if (spline.least_slope() > 1e-6 * unit) return spline;
  } catch (const std::logic_error&) {  // points that do not rise
  } catch (const std::range_error&) {  // no density
  }
  return CubicSpline({-1, 1}, {centre - unit, centre + unit});
}

}  // namespace

AuxiliaryScores::AuxiliaryScores(UnconstrainedGlm& density, const GlmMode& mode)
    : centre_(mode.q.head(density.coefficients())) {
  for (Index i = density.coefficients(); i < density.dimension(); ++i) {
    Walk walk(density, mode, i);
    const Ridge ridge = walk.both_ways();
    if (std::ranges::adjacent_find(ridge.at, std::greater_equal{}) != ridge.at.end()) throw UncomputablePosterior({});
    const CubicSpline root(ridge.at, ridge.root), log_determinant(ridge.at, ridge.log_determinant);
    const Support& prior = density.posterior().auxiliary_prior(static_cast<std::size_t>(i - coefficients())).support();
    const Support support{std::log(prior.lower), std::log(prior.upper)};
    const LineMap onto_support(support);
    const double theta = onto_support.inverse(mode.q(i)),
                 unit = walk.deviation() / std::exp(onto_support(theta).log_slope);
    tables_.push_back({onto_support, !support.is_real_line(),
                       theta_over_scores(theta, unit,
                                         [&](double at) {
                                           const LineMap::At mapped = onto_support(at);
                                           const double deviation = root(mapped.value).value;
                                           return mapped.log_slope -
                                                  0.5 * (deviation * deviation + log_determinant(mapped.value).value);
                                         }),
                       log_scale_along(density, mode, i, ridge.at)});
  }
}

AuxiliaryScores::Located AuxiliaryScores::locate(const Table& table, double zeta) {
  const CubicSpline::At theta = table.theta(zeta);
  if (!table.is_bounded) return {theta.value, theta.slope, std::log(theta.slope), theta.curvature / theta.slope};
  const LineMap::At mapped = table.onto_support(theta.value);
  return {mapped.value, std::exp(mapped.log_slope) * theta.slope, mapped.log_slope + std::log(theta.slope),
          mapped.slope_of_log * theta.slope + theta.curvature / theta.slope};
}

AuxiliaryScores::At AuxiliaryScores::room() const {
  At at;
  at.slopes.resize(tables_.size());
  at.bends = at.stretch = at.slopes;
  return at;
}

void AuxiliaryScores::operator()(const Eigen::Ref<const VectorXd>& r, Eigen::Ref<VectorXd> q, At& at) const {
  const Index p = coefficients();
  double log_scale = 0;
  at.log_determinant = 0;
  for (std::size_t k = 0; k < tables_.size(); ++k) {
    const Table& table = tables_[k];
    const Index i = p + static_cast<Index>(k);
    const Located here = locate(table, r(i));
    q(i) = here.log_alpha;
    const CubicSpline::At scale = table.log_scale(q(i));
    log_scale += scale.value;
    at.slopes[k] = here.slope;
    at.bends[k] = here.slope_of_log;
    at.stretch[k] = scale.slope;
    at.log_determinant += here.log_slope;
  }
  at.scale = std::exp(log_scale);
  at.log_determinant += static_cast<double>(p) * log_scale;
  q.head(p) = centre_ + at.scale * r.head(p);
}

void AuxiliaryScores::pull_back(const Eigen::Ref<const VectorXd>& r, const At& at, const VectorXd& q_gradient,
                                VectorXd& gradient) const {
  const Index p = coefficients();
  gradient.head(p) = at.scale * q_gradient.head(p);
  const double of_log_scale = gradient.head(p).dot(r.head(p)) + static_cast<double>(p);
  for (std::size_t k = 0; k < tables_.size(); ++k) {
    const Index i = p + static_cast<Index>(k);
    gradient(i) = (q_gradient(i) + at.stretch[k] * of_log_scale) * at.slopes[k] + at.bends[k];
  }
}

MatrixXd AuxiliaryScores::pull_back_curvature(const VectorXd& r, const VectorXd& q_gradient,
                                              const MatrixXd& q_hessian) const {
  const Index p = coefficients(), d = r.size();
  At at = room();
  VectorXd q(d), above(d), below(d);
  (*this)(r, q, at);
  MatrixXd jacobian = MatrixXd::Zero(d, d);
  jacobian.diagonal().head(p).setConstant(at.scale);
  for (Index i = p; i < d; ++i) {
    const std::size_t k = static_cast<std::size_t>(i - p);
    jacobian.col(i).head(p) = at.scale * at.stretch[k] * at.slopes[k] * r.head(p);
    jacobian(i, i) = at.slopes[k];
  }
  MatrixXd hessian = jacobian.transpose() * q_hessian * jacobian;
  for (Index i = p; i < d; ++i) {
    // How the map itself bends: the gradient in q is held.
    VectorXd moved = r;
    moved(i) = r(i) + secant;
    (*this)(moved, q, at);
    pull_back(moved, at, q_gradient, above);
    moved(i) = r(i) - secant;
    (*this)(moved, q, at);
    pull_back(moved, at, q_gradient, below);
    const VectorXd bend = (above - below) / (2 * secant);
    hessian.col(i).head(p) += bend.head(p);
    hessian.row(i).head(p) += bend.head(p).transpose();
    hessian.col(i).tail(d - p) += 0.5 * bend.tail(d - p);  // each pair is seen from both sides
    hessian.row(i).tail(d - p) += 0.5 * bend.tail(d - p).transpose();
  }
  return hessian;
}

VectorXd AuxiliaryScores::inverse(const VectorXd& q) const {
  const Index p = coefficients();
  VectorXd r(q.size());
  double log_scale = 0;
  for (std::size_t k = 0; k < tables_.size(); ++k) {
    const Table& table = tables_[k];
    const Index i = p + static_cast<Index>(k);
    log_scale += table.log_scale(q(i)).value;
    double low = -40, high = 40;  // the map rises
    for (int halving = 0; halving < 80; ++halving) {
      const double middle = 0.5 * (low + high);
      (locate(table, middle).log_alpha < q(i) ? low : high) = middle;
    }
    r(i) = 0.5 * (low + high);
  }
  r.head(p) = (q.head(p) - centre_) / std::exp(log_scale);
  return r;
}

}  // namespace filbert
