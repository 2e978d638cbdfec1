// Chains the maps from a position to covariances, through the eliminations of effects and coefficients, and back.
#include "filbert/groups/grouped_gaussian.hpp"

#include <cmath>
#include <limits>
#include <numbers>

#include "filbert/numeric/small_triangles.hpp"

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

std::size_t at(Index index) { return static_cast<std::size_t>(index); }

constexpr double far_from_zero = 10;  // in standard deviations of a predictor

}  // namespace

GroupedGaussian::Scale GroupedGaussian::Shared::add_scale(const ScalePrior& scale, double unit) {
  if (scale.fixed) return {-1, *scale.fixed / unit, unit};
  const Prior prior = scale.prior.scaled(1 / unit);
  parameters.push_back({prior, LineMap(prior.support()), unit});
  if (!prior.is_proper()) log_constant += std::log(unit);
  return {static_cast<Index>(parameters.size()) - 1, 0, unit};
}

GroupedGaussian::Shared::Shared(const GroupedSummary& summary, const GroupedModel& model)
    : units((model.validate(summary), summary), model), levels(model.levels) {
  const GroupStructure& structure = summary.structure();
  for (std::size_t t = 0; t < model.terms.size(); ++t) {
    const GroupTerm& of = structure.terms[t];
    Term term{of,
              structure.first_column(static_cast<Index>(t)),
              EffectCovariance(of.columns, model.terms[t].correlated, model.terms[t].lkj_eta),
              {},
              0};
    for (Index j = 0; j < of.columns; ++j) {
      const double effect_unit = units.columns.effect_unit[at(of.factor)](term.first_column + j);
      term.deviations.push_back(add_scale(model.terms[t].deviations[at(j)], units.response_scale / effect_unit));
    }
    term.first_w = static_cast<Index>(parameters.size());
    for (Index k = 0; k < term.covariance.correlations(); ++k) {
      parameters.push_back({Prior::flat(), LineMap(Support{}), 1});
    }
    n_parameters += levels ? 0 : of.columns + term.covariance.correlations();
    n_effects += levels ? levels->mean.size() : of.columns * structure.groups(of.factor);
    find_ridge(term);
    terms.push_back(std::move(term));
  }
  sigma = add_scale(model.sigma, units.response_scale);
  n_parameters += units.coefficients() + (model.sigma.fixed ? 0 : 1);
  first_coefficient = static_cast<Index>(parameters.size());
  for (Index i = units.marginal(); i < units.coefficients(); ++i) {
    const Index k = units.order[at(i)];
    const Prior prior = model.coefficient_priors[at(k)].scaled(1 / units.scale(k));
    parameters.push_back({prior, LineMap(prior.support()), units.scale(k)});
  }
  log_constant += units.log_constant + 0.5 * static_cast<double>(units.marginal()) * std::log(2 * std::numbers::pi);
}

bool GroupedGaussian::Shared::is_log_deviation(const Scale& scale) const {
  if (scale.coordinate < 0) return false;
  const Support& support = parameters[at(scale.coordinate)].prior.support();
  return support.lower == 0 && std::isinf(support.upper);
}

/// Of correlated effects: between the first deviation, that of intercepts, and that of the predictor that is farthest from zero.
void GroupedGaussian::Shared::find_ridge(const Term& term) {
  const Scale& intercepts = term.deviations.front();
  if (!term.covariance.is_correlated() || !is_log_deviation(intercepts)) return;
  double farthest = far_from_zero;
  std::optional<DeviationTie> found;
  for (Index j = 1; j < term.covariance.effects(); ++j) {
    const Scale& slopes = term.deviations[at(j)];
    const auto place =
        place_of(units.effect_products[at(term.structure.factor)], term.first_column, term.first_column + j);
    if (!is_log_deviation(slopes) || !place || !(place->distance() > farthest)) continue;
    farthest = place->distance();
    const double log_ratio = std::log(std::abs(place->mean) * slopes.unit / intercepts.unit);
    const Index w = term.first_w + j * (j - 1) / 2;
    const double sign = std::copysign(1.0, place->mean);
    found = DeviationTie{intercepts.coordinate, slopes.coordinate, w, log_ratio, 1 / farthest, sign};
  }
  if (found) ridges.push_back(*found);
}

GroupedGaussian::GroupedGaussian(const GroupedSummary& summary, const GroupedModel& model)
    : shared_(std::make_shared<const Shared>(summary, model)), elimination_(summary, shared_->units.columns) {
  const GroupStructure& structure = elimination_.structure();
  for (Index f = 0; f < structure.factors(); ++f) {
    const Index q = structure.effects(f);
    factors_.push_back(MatrixXd::Zero(q, q));
    effects_.push_back(MatrixXd::Zero(structure.groups(f), q));
  }
  factor_slopes_ = factors_;
  for (const Term& term : shared_->terms) {
    const Index q = term.covariance.effects();
    term_factors_.push_back(MatrixXd::Zero(q, q));
    deviations_.push_back(VectorXd::Zero(q));
    w_.push_back(VectorXd::Zero(term.covariance.correlations()));
  }
  term_slopes_ = term_factors_;
  deviation_slopes_ = deviations_;
  w_slopes_ = w_;
  const Index width = elimination_.width();
  const Index marginal = shared_->units.marginal();
  K_.resize(width, width);
  K_slopes_.resize(width, width);
  precision_.resize(marginal, marginal);
  v_ = VectorXd::Zero(width);
  Kv_ = v_;
  alpha_ = VectorXd::Zero(width - 1);
  line_ = VectorXd::Zero(dimension());
  mapped_.resize(shared_->parameters.size());
}

GroupedGaussian GroupedGaussian::tied() const {
  GroupedGaussian result = *this;
  result.ties_ = shared_->ridges;
  return result;
}

/// The position with the log deviations of tied intercepts. Returns the log of the rate at which they change.
double GroupedGaussian::to_line(const VectorXd& position, VectorXd& line) const {
  line = position;
  double log_slopes = 0;
  for (const DeviationTie& tie : ties_) log_slopes += tie.to_line(line);
  return log_slopes;
}

/// Leaves what a position is on the line, and what it maps to, in the scratch. Returns as `to_line` does.
double GroupedGaussian::map(const VectorXd& position) {
  const double log_slopes = to_line(position, line_);
  for (Index k = 0; k < dimension(); ++k) mapped_[at(k)] = shared_->parameters[at(k)].map(line_(k));
  return log_slopes;
}

double GroupedGaussian::scaled(const Scale& scale) const {
  return scale.coordinate < 0 ? scale.fixed : mapped_[at(scale.coordinate)].value;
}

void GroupedGaussian::set_factors() {
  for (std::size_t t = 0; t < shared_->terms.size(); ++t) {
    const Term& term = shared_->terms[t];
    for (Index j = 0; j < term.covariance.effects(); ++j) deviations_[t](j) = scaled(term.deviations[at(j)]);
    w_[t] = line_.segment(term.first_w, w_[t].size());
    term.covariance.factor(deviations_[t], w_[t], term_factors_[t]);
    factors_[at(term.structure.factor)].block(term.first_column, term.first_column, term.covariance.effects(),
                                              term.covariance.effects()) = term_factors_[t];
  }
  sigma_ = scaled(shared_->sigma);
}

/// -½ (v'(K + P)v + log |K + P| over the coefficients integrated out), at the v that is best given the others, left in v_.
double GroupedGaussian::integrate_coefficients() {
  const Index marginal = shared_->units.marginal();
  const Index rest = v_.size() - marginal;
  K_ += shared_->units.prior_square;
  precision_ = K_.topLeftCorner(marginal, marginal);
  cholesky_in_place(precision_);
  double half_log_determinant = 0;
  if (marginal > 0) {
    v_.head(marginal).noalias() = -K_.topRightCorner(marginal, rest).lazyProduct(v_.tail(rest));
    solve_lower(precision_, v_.head(marginal));
    solve_lower_transposed(precision_, v_.head(marginal));
    for (Index i = 0; i < marginal; ++i) half_log_determinant += std::log(precision_(i, i));
  }
  Kv_.noalias() = K_.lazyProduct(v_);
  return -0.5 * v_.dot(Kv_) - half_log_determinant;
}

/// All but the priors and Jacobians of the position, with what `operator()` needs for slopes left in the scratch.
double GroupedGaussian::evaluate() {
  set_factors();
  set_sampled_coefficients();
  const double log_determinant = elimination_.forward(factors_, sigma_, K_);
  return shared_->log_constant - 0.5 * log_determinant + integrate_coefficients();
}

void GroupedGaussian::set_sampled_coefficients() {
  const GroupedUnits& units = shared_->units;
  v_(v_.size() - 1) = -1;
  for (Index i = units.sampled; i-- > 0;) {  // α to γ, from the last row of the triangle up
    const Index row = units.marginal() + i;
    double left = mapped_[at(shared_->first_coefficient + i)].value - units.reference(row);
    for (Index j = row + 1; j < units.coefficients(); ++j) left -= units.basis(row, j) * v_(j);
    v_(row) = left / units.basis(row, row);
  }
}

void GroupedGaussian::add_priors(double& value, VectorXd* gradient) {
  for (std::size_t t = 0; t < shared_->terms.size(); ++t) {
    const Term& term = shared_->terms[t];
    if (!term.covariance.is_correlated()) continue;
    w_slopes_[t].setZero();
    value += term.covariance.lkj(w_[t], w_slopes_[t]);
    if (gradient != nullptr) gradient->segment(term.first_w, w_[t].size()) += w_slopes_[t];
  }
  for (Index k = 0; k < dimension(); ++k) {  // w is flat here, on a line that is its own
    const LineMap::At& mapped = mapped_[at(k)];
    const LogDensityAt prior = shared_->parameters[at(k)].prior(mapped.value);
    value += prior.value + mapped.log_slope;
    if (gradient == nullptr) continue;
    (*gradient)(k) = ((*gradient)(k) + prior.derivative) * std::exp(mapped.log_slope) + mapped.slope_of_log;
  }
}

double GroupedGaussian::value(const VectorXd& position) {
  const double log_slopes = map(position);
  double value = evaluate() + log_slopes;
  add_priors(value, nullptr);
  return std::isnan(value) ? -std::numeric_limits<double>::infinity() : value;
}

double GroupedGaussian::operator()(const VectorXd& position, VectorXd& gradient) {
  const double log_slopes = map(position);
  double value = evaluate() + log_slopes;
  const GroupedUnits& units = shared_->units;
  const Index marginal = units.marginal();
  // Slopes in K: -½ ((K + P)⁻¹ over the coefficients integrated out, and v v').
  K_slopes_.noalias() = -0.5 * v_.lazyProduct(v_.transpose());
  if (marginal > 0) {
    Eigen::Ref<MatrixXd> inverse = K_.topLeftCorner(marginal, marginal);
    inverse.setIdentity();
    solve_lower(precision_, inverse);
    solve_lower_transposed(precision_, inverse);
    K_slopes_.topLeftCorner(marginal, marginal) -= 0.5 * inverse;
  }
  const double log_sigma_slope = elimination_.backward(factors_, sigma_, K_slopes_, -0.5, factor_slopes_);

  gradient.setZero();
  add_covariance_slopes(gradient);
  if (shared_->sigma.coordinate >= 0) gradient(shared_->sigma.coordinate) = log_sigma_slope / sigma_;
  for (Index i = 0; i < units.sampled; ++i) {  // α slopes: basis⁻ᵀ times those in γ
    const Index row = marginal + i;
    double slope = -Kv_(row);
    for (Index j = marginal; j < row; ++j) slope -= units.basis(j, row) * alpha_(j);
    alpha_(row) = slope / units.basis(row, row);
    gradient(shared_->first_coefficient + i) = alpha_(row);
  }
  add_priors(value, &gradient);
  for (const DeviationTie& tie : ties_) tie.pull_back(position, gradient);
  return value;
}

/// Slopes in the deviations (as values) and in w, from those in the factors.
void GroupedGaussian::add_covariance_slopes(VectorXd& gradient) {
  for (std::size_t t = 0; t < shared_->terms.size(); ++t) {
    const Term& term = shared_->terms[t];
    const Index q = term.covariance.effects();
    term_slopes_[t] = factor_slopes_[at(term.structure.factor)].block(term.first_column, term.first_column, q, q);
    term.covariance.factor_slopes(deviations_[t], w_[t], term_slopes_[t], deviation_slopes_[t], w_slopes_[t]);
    for (Index j = 0; j < q; ++j) {
      const Index coordinate = term.deviations[at(j)].coordinate;
      if (coordinate >= 0) gradient(coordinate) = deviation_slopes_[t](j);
    }
    gradient.segment(term.first_w, w_[t].size()) = w_slopes_[t];
  }
}

}  // namespace filbert
