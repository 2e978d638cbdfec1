// Newton's method with a line search; curvature that is not that of a maximum is replaced.
#include "filbert/density/glm_mode.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "filbert/density/glm_edges.hpp"

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr int max_iterations = 200;
constexpr int max_halvings = 50;
// Where each look at the rows is a pass over them, a climb that is so slow is left to who has them at hand.
constexpr int max_iterations_by_passes = 30;
constexpr int max_halvings_by_passes = 10;
constexpr double small_decrement = 1e-9;  // of the squared Newton decrement: the step after it leaves 1e-18
constexpr double small_step = 1e-3;       // of coordinates of order one, before that last step
constexpr Index many_rows = 50000;
constexpr Index thinning = 20;

/// A positive definite matrix in place of less the Hessian, and its factor.
struct Curvature {
  MatrixXd precision;
  Eigen::LLT<MatrixXd> factor;
  bool is_positive_definite = true;  ///< as it came
};

/// |λ| for each eigenvalue λ, none below a share of the largest: a step uphill along every one.
Curvature made_positive(const MatrixXd& precision) {
  Curvature result{precision, Eigen::LLT<MatrixXd>(precision), true};
  if (result.factor.info() == Eigen::Success) return result;
  const VectorXd unit = precision.diagonal().cwiseAbs().cwiseMax(1e-300).cwiseSqrt();
  const MatrixXd scaled = unit.cwiseInverse().asDiagonal() * precision * unit.cwiseInverse().asDiagonal();
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(scaled);
  const VectorXd values = eigen.eigenvalues().cwiseAbs().cwiseMax(1e-10 * eigen.eigenvalues().cwiseAbs().maxCoeff());
  const MatrixXd positive = eigen.eigenvectors() * values.asDiagonal() * eigen.eigenvectors().transpose();
  result.precision = unit.asDiagonal() * positive * unit.asDiagonal();
  result.factor.compute(result.precision);
  result.is_positive_definite = false;
  return result;
}

/// What counts as one where linear predictors are in the response's units: the spread of those that single rows ask for.
double unit_of_predictors(const GlmData& data) {
  if (data.link() != Link::Identity && data.link() != Link::Inverse && data.link() != Link::Sqrt) return 1;
  const VectorXd eta = data.starting_predictors();
  const double spread = std::sqrt((eta.array() - eta.mean()).square().mean());
  if (std::isfinite(spread) && spread > 1e-10 * std::abs(eta.mean())) return spread;
  return std::isfinite(eta.mean()) && eta.mean() != 0 ? std::abs(eta.mean()) : 1.0;
}

class Climb {
 public:
  explicit Climb(UnconstrainedGlm& density)
      : density_(density),
        unit_(unit_of_predictors(density.data())),
        iterations_(density.data().passes() ? max_iterations_by_passes : max_iterations),
        halvings_(density.data().passes() ? max_halvings_by_passes : max_halvings),
        gradient_(density.dimension()),
        trial_gradient_(density.dimension()) {}

  GlmMode from(VectorXd start) {
    q_ = std::move(start);
    for (int iteration = 1; iteration <= iterations_; ++iteration) {
      Curvature curvature = curvature_here();
      VectorXd step = curvature.factor.solve(gradient_);
      const double decrement = gradient_.dot(step);
      if (iteration == 1) require_identified(-hessian_);
      if (iteration > 4) require_bounded(step, decrement);
      const double longest = step.size() > 0 ? step.lpNorm<Eigen::Infinity>() : 0.0;
      const double size = q_.size() > 0 ? std::max(unit_, q_.lpNorm<Eigen::Infinity>()) : unit_;
      const bool last = decrement < small_decrement && longest < small_step * size;
      limit(step);
      const bool moved = search_line(step);
      if (last || (!moved && decrement < 1e-5)) return finish(iteration);
      if (!moved) break;
    }
    throw NoMode(
        NoModeReason::NotConverged, {},
        "no mode was found: steps of Newton's method no longer raise the log density, or raise it without end. "
        "Narrower priors, or predictors and a response in units that make coefficients of order one, may help.");
  }

 private:
  Curvature curvature_here() {
    value_ = density_.curvature(q_, gradient_, hessian_, Information::Observed, true);
    Curvature curvature = made_positive(-hessian_);
    if (curvature.is_positive_definite || density_.dimension() == 0) return curvature;
    density_.curvature(q_, gradient_, hessian_, Information::Expected, true);
    return made_positive(-hessian_);
  }

  /// Far steps in the logarithm of an auxiliary leave the region where the quadratic means anything.
  void limit(VectorXd& step) const {
    const Index auxiliaries = density_.dimension() - density_.coefficients();
    if (auxiliaries == 0) return;
    const double longest = step.tail(auxiliaries).lpNorm<Eigen::Infinity>();
    if (longest > 2) step *= 2 / longest;
  }

  bool search_line(const VectorXd& step) {
    constexpr double sufficient = 1e-4;
    const double rise = gradient_.dot(step);  // of a straight line
    double share = 1;
    for (int attempt = 0; attempt < halvings_; ++attempt, share *= 0.5) {
      trial_ = q_ + share * step;
      const double value = density_.surrogate(trial_, trial_gradient_);
      if (!std::isfinite(value) || !trial_gradient_.allFinite()) continue;
      // Near the top the values cannot tell any more; the quadratic can.
      const double rounding = 1e-12 * (1 + std::abs(value_));
      if (value >= value_ + sufficient * share * rise - (rise < std::max(1e-6, rounding) ? rounding : 0.0)) {
        q_ = trial_;
        return true;
      }
    }
    return false;
  }

  GlmMode finish(int iterations) {
    const double value = density_.curvature(q_, gradient_, hessian_, Information::Observed, true);
    const MatrixXd precision = -hessian_;
    const Eigen::LLT<MatrixXd> factor(precision);
    if (factor.info() != Eigen::Success || !precision.allFinite()) {
      throw NoMode(
          NoModeReason::NotConverged, {},
          "no mode was found: where the climb ended, the log density does not curve downwards in every direction");
    }
    return {q_, value, precision, iterations, nullptr};
  }

  /// In the user's coefficients times their predictors' standard deviations, scaled to 1.
  VectorXd described(const VectorXd& direction) const {
    const MatrixXd jacobian = density_.jacobian(q_);
    VectorXd user = (jacobian * direction).head(density_.coefficients());
    const Index first = density_.has_intercept() ? 1 : 0;
    for (Index k = first; k < user.size(); ++k) user(k) *= density_.data().scale()(k - first);
    if (user.size() > 0 && user.lpNorm<Eigen::Infinity>() > 0) user /= user.lpNorm<Eigen::Infinity>();
    return user;
  }

  /// Whether the log density does not fall from here along a direction, as far as can be seen.
  bool never_falls(const VectorXd& direction) {
    const double here = density_.surrogate(q_, trial_gradient_);
    double before = here;
    for (const double distance : {1e1, 1e2, 1e3, 1e4}) {
      trial_ = q_ + distance * unit_ * direction;
      const double value = density_.surrogate(trial_, trial_gradient_);
      if (!(value >= before - 1e-9 * (1 + std::abs(here)))) return false;
      before = value;
    }
    return true;
  }

  void require_identified(const MatrixXd& precision) {
    if (density_.coefficients() == 0) return;
    const Index p = density_.coefficients();
    const MatrixXd block = precision.topLeftCorner(p, p);
    const VectorXd unit = block.diagonal().cwiseAbs().cwiseMax(1e-300).cwiseSqrt().cwiseInverse();
    const MatrixXd scaled = unit.asDiagonal() * block * unit.asDiagonal();
    if (Eigen::LLT<MatrixXd>(scaled - 1e-11 * MatrixXd::Identity(p, p)).info() == Eigen::Success) return;
    const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(scaled);
    VectorXd direction = VectorXd::Zero(density_.dimension());
    direction.head(p) = unit.cwiseProduct(eigen.eigenvectors().col(0));
    direction /= direction.lpNorm<Eigen::Infinity>();
    if (never_falls(direction) && never_falls(-direction)) {
      throw NoMode(NoModeReason::NotIdentified, described(direction),
                   "neither the data nor the priors determine the coefficients along some direction: predictors depend "
                   "on each other, "
                   "or one is constant. Leave one out, or give proper priors.");
    }
  }

  void require_bounded(const VectorXd& step, double decrement) {
    if (step.size() == 0 || !(decrement < 0.5)) return;
    const double longest = step.head(density_.coefficients()).size() > 0
                               ? step.head(density_.coefficients()).lpNorm<Eigen::Infinity>()
                               : 0.0;
    if (longest < 0.05 * unit_) return;  // Newton's steps at a maximum shrink faster than that
    VectorXd direction = step / longest;
    direction.tail(density_.dimension() - density_.coefficients()).setZero();
    if (!never_falls(direction)) return;
    throw NoMode(NoModeReason::Separated, described(direction),
                 "the likelihood rises without end along some direction: a combination of the predictors separates the "
                 "responses, and no "
                 "prior holds the coefficients. Give proper priors, or leave out the predictors that separate.");
  }

  UnconstrainedGlm& density_;
  double unit_;
  int iterations_, halvings_;  // at most
  VectorXd q_, gradient_, trial_, trial_gradient_;
  MatrixXd hessian_;
  double value_ = 0;
};

/// Coefficients that fit the rows' own best predictors by least squares, where there is no intercept to start from.
VectorXd fitted_start(const UnconstrainedGlm& density, const VectorXd& eta) {
  const GlmData& data = density.data();
  const VectorXd zero = VectorXd::Zero(density.dimension());
  const MatrixXd slopes = density.column_slopes(zero);
  MatrixXd products = MatrixXd::Zero(data.columns(), data.columns());
  VectorXd pulls = VectorXd::Zero(data.columns()), row(data.columns());
  for (Index i = 0; i < data.rows(); ++i) {
    for (Index j = 0; j < data.columns(); ++j) row(j) = data.design(i, j);
    products.selfadjointView<Eigen::Lower>().rankUpdate(row, data.weight(i));
    pulls += data.weight(i) * (eta(i) - data.offset(i)) * row;
  }
  const MatrixXd normal = slopes.transpose() * (products.selfadjointView<Eigen::Lower>() * slopes);
  return normal.completeOrthogonalDecomposition().solve(slopes.transpose() * pulls);
}

/// A positive number between the ends of a support, far from both.
double well_inside(const Support& support) {
  if (!std::isfinite(support.upper)) return support.lower + std::max(1.0, support.lower);
  const double lower = std::max(support.lower, 0.0);
  return lower > 0 ? std::sqrt(lower * support.upper) : 0.5 * support.upper;
}

}  // namespace

/// The intercept alone, or a fit of the rows' own best predictors.
VectorXd starting_point(UnconstrainedGlm& density) {
  const GlmData& data = density.data();
  VectorXd start = VectorXd::Zero(density.dimension()), gradient(density.dimension());
  const VectorXd auxiliaries = data.starting_auxiliaries();
  const auto& free = density.posterior().free_auxiliaries();
  for (std::size_t k = 0; k < free.size(); ++k) {
    const double guess = auxiliaries(free[k]);
    const Support support = density.likelihood_only() ? Support{} : density.posterior().auxiliary_prior(k).support();
    const bool is_inside = guess > support.lower && guess < support.upper;
    start(density.coefficients() + static_cast<Index>(k)) = std::log(is_inside ? guess : well_inside(support));
  }
  const Index first = density.has_intercept() ? 1 : 0;
  for (Index k = first; k < density.coefficients(); ++k) {
    start(k) = density.map(k).inverse(density.map(k).inside(0.1 / data.scale()(k - first)));
  }
  const VectorXd eta = data.starting_predictors();
  double mean = 0, mean_offset = 0;
  for (Index i = 0; i < data.rows(); ++i) {
    mean += data.weight(i) * eta(i) / data.total_weight();
    mean_offset += data.weight(i) * data.offset(i) / data.total_weight();
  }
  const auto works = [&](const VectorXd& q) {
    const double value = density.surrogate(q, gradient);
    return std::isfinite(value) && gradient.allFinite();
  };
  if (first == 1) {
    for (const double intercept : {mean - mean_offset, mean, 0.5 * mean, 0.0, 1.0, -1.0}) {
      start(0) = density.map(0).is_linear()
                     ? intercept
                     : density.map(0).inverse(density.map(0).inside(std::max(std::abs(intercept), 0.1)));
      if (works(start)) return start;
    }
  } else if (works(start)) {
    return start;
  }
  if (density.is_linear() && density.coefficients() > 0) {
    const VectorXd fitted = fitted_start(density, eta);
    for (const double share : {1.0, 0.5, 0.1, 0.01}) {
      start.head(density.coefficients()) = share * fitted;
      if (works(start)) return start;
    }
  }
  throw NoMode(
      NoModeReason::NoStart, {},
      "no starting point was found: the log density is not finite where the intercept alone, or least squares, would "
      "fit. Check the "
      "offset, the priors and the link: the identity and inverse links need linear predictors inside of their domain.");
}

namespace {

/// The mode of some rows, from which few passes over all of them lead to theirs.
VectorXd start_from_sample(const UnconstrainedGlm& density) {
  UnconstrainedGlm sampled(std::make_shared<const GlmPosterior>(density.posterior().with_data(density.data().sample())),
                           density.likelihood_only());
  VectorXd start = starting_point(sampled);
  try {
    return Climb(sampled).from(start).q;
  } catch (const NoMode&) {
    return start;  // some rows may lack what all have
  }
}

}  // namespace

GlmMode climb_from(UnconstrainedGlm& density, VectorXd start) { return Climb(density).from(std::move(start)); }

GlmMode find_mode(UnconstrainedGlm& density) {
  VectorXd start;
  if (density.data().passes() != nullptr) {
    start = start_from_sample(density);
  } else if (density.data().rows() > many_rows && density.dimension() > 0 && density.data().family()) {
    // A look at a part gets close to the mode of all, at a part of the price; where it fails, nothing is lost.
    try {
      const auto part = std::make_shared<const GlmData>(density.data().thinned(thinning));
      UnconstrainedGlm thinned(std::make_shared<const GlmPosterior>(density.posterior().with_data(part)),
                               density.likelihood_only());
      start = Climb(thinned).from(starting_point(thinned)).q;
      VectorXd gradient(density.dimension());
      if (!std::isfinite(density.surrogate(start, gradient)) || !gradient.allFinite()) start.resize(0);
    } catch (const NoMode&) {
      start.resize(0);
    }
  }
  if (start.size() == 0) start = starting_point(density);
  try {
    return climb_from(density, std::move(start));
  } catch (const NoMode& none) {
    if (density.data().passes() != nullptr) throw;  // what follows looks at single rows
    UnconstrainedGlm held = density;
    const bool is_held = held.hold_auxiliaries();
    if (none.reason() != NoModeReason::NotConverged || !(is_held || has_edges(density.data()))) throw;
    if (!is_held) return mode_off_edges(density);
    try {
      return climb_from(held, starting_point(held));
    } catch (const NoMode&) {
      if (!has_edges(density.data())) throw;
      return mode_off_edges(held);
    }
  }
}

GlmMaximumLikelihood maximum_likelihood(std::shared_ptr<const GlmPosterior> posterior) {
  UnconstrainedGlm density(std::move(posterior), true);
  const GlmMode mode = find_mode(density);
  if (mode.held_off) {
    throw NoMode(
        NoModeReason::AtEdge, {},
        "the likelihood is highest at the edge of what the link allows: linear predictors of some rows go there");
  }
  GlmMaximumLikelihood result;
  result.iterations = mode.iterations;
  result.log_likelihood = mode.log_density;
  result.estimate.resize(density.dimension());
  density.to_user_scale(mode.q, result.estimate, false);
  const MatrixXd jacobian = density.jacobian(mode.q);
  const Index n = density.dimension(), p = density.coefficients();
  result.covariance = jacobian * mode.precision.llt().solve(MatrixXd::Identity(n, n)) * jacobian.transpose();
  VectorXd gradient(n);
  MatrixXd hessian;
  density.curvature(mode.q, gradient, hessian, Information::Expected, true);
  const MatrixXd of_coefficients = jacobian.topLeftCorner(p, p);
  result.expected_covariance = of_coefficients * (-hessian.topLeftCorner(p, p)).llt().solve(MatrixXd::Identity(p, p)) *
                               of_coefficients.transpose();
  if (density.data().passes() != nullptr) return result;
  VectorXd c(density.data().columns());
  density.to_columns(mode.q, c);
  result.linear_predictor.resize(density.data().rows());
  density.data().predict(c, result.linear_predictor);
  return result;
}

}  // namespace filbert
