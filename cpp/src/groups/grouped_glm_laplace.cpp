// Newton's method inside, and the derivative of the determinant through the mode.
#include "filbert/groups/grouped_glm_laplace.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "filbert/density/glm_mode.hpp"

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr double step = 1e-3;  // of η and of logarithms of auxiliaries, in differences

/// What counts as one in linear predictors.
double unit_of_predictors(const GlmData& data) {
  if (data.link() != Link::Identity && data.link() != Link::Inverse && data.link() != Link::Sqrt) return 1;
  const VectorXd eta = data.starting_predictors();
  const double spread = std::sqrt((eta.array() - eta.mean()).square().mean());
  return std::isfinite(spread) && spread > 0 ? spread : 1;
}

}  // namespace

GroupedGlmLaplace::GroupedGlmLaplace(const GroupedGlm& posterior) : posterior_(posterior) {
  const GroupStructure& structure = posterior_.design().structure();
  for (Index f = 0; f < structure.factors(); ++f) {
    factor_slopes_.push_back(MatrixXd::Zero(structure.effects(f), structure.effects(f)));
  }
  outer_slopes_ = VectorXd::Zero(posterior_.outer_coefficients().size());
  gradient_ = VectorXd::Zero(posterior_.dimension());
  eta_ = VectorXd::Zero(posterior_.data().rows());
  slopes_ = eta_;
  weights_ = eta_;
  zero_ = VectorXd::Zero(posterior_.inner() + posterior_.effects());
  solution_ = zero_;
  posterior_.smooth_priors();
  climb_likelihood();
  first_inner_ = position_.tail(zero_.size());
}

/// Begins without effects: what separates responses there, or does not determine coefficients, does so with them.
void GroupedGlmLaplace::climb_likelihood() {
  const GlmData& data = posterior_.data();
  const auto unowned = std::shared_ptr<const GlmData>(&data, [](const GlmData*) {});
  UnconstrainedGlm density(std::make_shared<const GlmPosterior>(unowned, posterior_.priors()));
  VectorXd coefficients = VectorXd::Zero(density.coefficients()), auxiliaries = data.starting_auxiliaries();
  try {
    VectorXd user(density.dimension());
    density.to_user_scale(find_mode(density).q, user, false);
    coefficients = user.head(density.coefficients());
    const auto& free = density.posterior().free_auxiliaries();
    for (std::size_t k = 0; k < free.size(); ++k) {
      auxiliaries(free[k]) = user(density.coefficients() + static_cast<Index>(k));
    }
  } catch (const NoMode& error) {
    if (error.reason() != NoModeReason::NotConverged) throw;
  }
  const GroupStructure& structure = posterior_.design().structure();
  std::vector<VectorXd> deviations;
  for (std::size_t t = 0; t < structure.terms.size(); ++t) {
    const Index first = structure.first_column(static_cast<Index>(t));
    const MatrixXd& Z = posterior_.design().Z(structure.terms[t].factor);
    deviations.emplace_back(structure.terms[t].columns);
    for (Index j = 0; j < structure.terms[t].columns; ++j) {
      const double size = std::sqrt(Z.col(first + j).squaredNorm() / static_cast<double>(Z.rows()));
      deviations.back()(j) = 0.5 * unit_of_predictors(data) / (size > 0 ? size : 1);
    }
  }
  position_ = posterior_.position_at(coefficients, auxiliaries, deviations);
}

std::vector<VectorXd> GroupedGlmLaplace::starts() const {
  const VectorXd start = position_.head(posterior_.outer());
  const Index n = posterior_.covariance().dimension();
  VectorXd without_slopes = start;
  posterior_.covariance().flatten(without_slopes.head(n));
  if (without_slopes == start) return {start};
  return {start, without_slopes};
}

void GroupedGlmLaplace::set_working() {
  posterior_.predict(position_, eta_);
  posterior_.data().working(eta_, posterior_.auxiliaries(), slopes_, weights_);
  whitening_.emplace(blocks());
  log_determinant_ = whitening_->forward(posterior_.factors(), posterior_.outer_coefficients(), zero_, solution_);
}

WorkingBlocks GroupedGlmLaplace::blocks() const {
  return posterior_.working_blocks(position_, eta_, slopes_, weights_);
}

/// To the mode of the inner coordinates. What is not there after the usual steps is far out, where the tails of a t
/// have no curvature that says how far the top is: steps become as long as they raise the density.
bool GroupedGlmLaplace::climb() {
  constexpr int usual_iterations = 60, most_iterations = 1000;
  const Index n = zero_.size();
  double value = posterior_(position_, gradient_);
  if (!std::isfinite(value)) {
    position_.tail(n) = first_inner_;
    value = posterior_(position_, gradient_);
  }
  VectorXd before(n), trial_gradient(gradient_.size());
  for (int iteration = 0; iteration < most_iterations; ++iteration) {
    if (!std::isfinite(value) || !gradient_.allFinite()) return false;
    set_working();
    if (!std::isfinite(log_determinant_) || !solution_.allFinite()) return false;
    before = position_.tail(n);
    const VectorXd direction = solution_ - before;
    const double rise = direction.dot(gradient_.tail(n));
    if (std::abs(rise) < 1e-10) return true;
    double share = 1, found = value;
    for (; share > 1e-9; share *= 0.5) {
      position_.tail(n) = before + share * direction;
      found = posterior_(position_, trial_gradient);
      const double rounding = rise < 1e-6 ? 1e-11 * (1 + std::abs(value)) : 0.0;
      if (found >= value + 1e-4 * share * rise - rounding && trial_gradient.allFinite()) break;
    }
    if (share <= 1e-9) {
      position_.tail(n) = before;
      posterior_(position_, gradient_);
      return rise < 1e-5;
    }
    value = found;
    gradient_ = trial_gradient;
    if (iteration >= usual_iterations && share == 1) value = lengthen(before, direction, value);
  }
  return false;
}

/// Doubles the step from `before` that was made as long as that raises the density, which is returned.
double GroupedGlmLaplace::lengthen(const VectorXd& before, const VectorXd& direction, double value) {
  VectorXd reached = position_, trial_gradient(gradient_.size());
  for (double share = 2;; share *= 2) {
    position_.tail(before.size()) = before + share * direction;
    const double found = posterior_(position_, trial_gradient);
    if (!(found > value) || !trial_gradient.allFinite()) break;
    value = found;
    gradient_ = trial_gradient;
    reached = position_;
  }
  position_ = reached;
  return value;
}

double GroupedGlmLaplace::operator()(const VectorXd& outer, VectorXd& gradient) {
  const VectorXd warm = position_;
  position_.head(outer.size()) = outer;
  if (!climb()) {
    position_ = warm;
    return -std::numeric_limits<double>::infinity();
  }
  const double value = posterior_(position_, gradient_) - log_determinant_;
  add_implicit_slopes();
  gradient = gradient_.head(outer.size());
  return value;
}

/// With x̂ moves what the curvature is made of: slopes -½ s_i dW_i/dη_i in η, s_i the variance of a row's η.
void GroupedGlmLaplace::add_implicit_slopes() {
  const GlmData& data = posterior_.data();
  VectorXd above(data.rows()), below(data.rows()), ignored(data.rows());
  data.working((eta_.array() + step).matrix(), posterior_.auxiliaries(), ignored, above);
  data.working((eta_.array() - step).matrix(), posterior_.auxiliaries(), ignored, below);
  const VectorXd variances = row_variances();
  VectorXd row_slopes = -0.5 * variances.cwiseProduct(above - below) / (2 * step);
  for (double& slope : row_slopes) slope = std::isfinite(slope) ? slope : 0.0;
  posterior_.add_row_slopes(position_, row_slopes, gradient_);
  VectorXd z_slopes(zero_.size());
  whitening_->backward(posterior_.factors(), gradient_.tail(zero_.size()), z_slopes, factor_slopes_, outer_slopes_);
  posterior_.add_outer_slopes(position_.head(posterior_.outer()), factor_slopes_, outer_slopes_,
                              gradient_.head(posterior_.outer()));
  add_auxiliary_slopes(variances, z_slopes);
}

void GroupedGlmLaplace::add_auxiliary_slopes(const VectorXd& variances, const VectorXd& z_slopes) {
  const std::vector<Index>& coordinates = posterior_.auxiliary_coordinates();
  if (std::all_of(coordinates.begin(), coordinates.end(), [](Index k) { return k < 0; })) return;
  const GlmData& data = posterior_.data();
  // H⁻¹ times the slopes in x: the map from z to x is affine.
  VectorXd moved(zero_.size()), pull(data.rows());
  whitening_->forward(posterior_.factors(), posterior_.outer_coefficients(), z_slopes, moved);
  moved -= solution_;
  posterior_.predict_direction(moved, pull);
  VectorXd slopes_above(data.rows()), slopes_below(data.rows()), above(data.rows()), below(data.rows());
  for (std::size_t k = 0; k < coordinates.size(); ++k) {
    if (coordinates[k] < 0) continue;
    VectorXd auxiliaries = posterior_.auxiliaries();
    const double value = auxiliaries(static_cast<Index>(k));
    auxiliaries(static_cast<Index>(k)) = value * std::exp(step);
    data.working(eta_, auxiliaries, slopes_above, above);
    auxiliaries(static_cast<Index>(k)) = value * std::exp(-step);
    data.working(eta_, auxiliaries, slopes_below, below);
    const double in_logarithm =
        (pull.dot(slopes_above - slopes_below) - 0.5 * variances.dot(above - below)) / (2 * step);
    const LineMap::At on_line = posterior_.auxiliary_map(static_cast<Index>(k))(position_(coordinates[k]));
    if (std::isfinite(in_logarithm)) gradient_(coordinates[k]) += in_logarithm / value * std::exp(on_line.log_slope);
  }
}

VectorXd GroupedGlmLaplace::row_variances() const {
  const GroupedDesign& design = posterior_.design();
  const GroupStructure& structure = design.structure();
  const Index primary = structure.primary(), p = posterior_.inner();
  const MatrixXd inverse = whitening_->border_inverse();
  VectorXd result(design.rows()), border(p + (structure.factors() > 1 ? structure.tail_size() : 0));
  std::vector<Index> tail;
  VectorXd own(structure.effects(primary));
  for (Index g = 0; g < structure.groups(primary); ++g) {
    for (Index i = design.first_row(g); i < design.first_row(g + 1); ++i) {
      tail.clear();
      for (Index f = 0; f < structure.factors(); ++f) {
        if (f == primary) continue;
        const MatrixXd& factor = posterior_.factors()[static_cast<std::size_t>(f)];
        const Index q = structure.effects(f), code = design.code(f, i);
        for (Index j = 0; j < q; ++j) {
          border(static_cast<Index>(tail.size())) = design.Z(f).row(i).tail(q - j).dot(factor.col(j).tail(q - j));
          tail.push_back(structure.tail_offset(f) + code * q + j);
        }
      }
      for (Index k = 0; k < p; ++k) border(border.size() - p + k) = posterior_.column(i, k);
      own = design.Z(primary).row(i).transpose();
      result(i) = whitening_->variance(posterior_.factors(), g, own, tail, border, inverse);
    }
  }
  return result;
}

}  // namespace filbert
