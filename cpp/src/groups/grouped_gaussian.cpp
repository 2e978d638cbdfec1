// Chains the maps from a position to covariances, through the eliminations of effects and coefficients, and back.
#include "filbert/groups/grouped_gaussian.hpp"

#include <algorithm>
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

double GroupedGaussian::scaled(const Scale& scale, const VectorXd& position) const {
  if (scale.coordinate < 0) return scale.fixed;
  return shared_->parameters[at(scale.coordinate)].map(position(scale.coordinate)).value;
}

void GroupedGaussian::set_factors(const VectorXd& position) {
  for (std::size_t t = 0; t < shared_->terms.size(); ++t) {
    const Term& term = shared_->terms[t];
    for (Index j = 0; j < term.covariance.effects(); ++j) deviations_[t](j) = scaled(term.deviations[at(j)], position);
    w_[t] = position.segment(term.first_w, w_[t].size());
    term.covariance.factor(deviations_[t], w_[t], term_factors_[t]);
    factors_[at(term.structure.factor)].block(term.first_column, term.first_column, term.covariance.effects(),
                                              term.covariance.effects()) = term_factors_[t];
  }
  sigma_ = scaled(shared_->sigma, position);
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
double GroupedGaussian::evaluate(const VectorXd& position) {
  set_factors(position);
  set_sampled_coefficients(position);
  const double log_determinant = elimination_.forward(factors_, sigma_, K_);
  return shared_->log_constant - 0.5 * log_determinant + integrate_coefficients();
}

void GroupedGaussian::set_sampled_coefficients(const VectorXd& position) {
  const GroupedUnits& units = shared_->units;
  v_(v_.size() - 1) = -1;
  for (Index i = units.sampled; i-- > 0;) {  // α to γ, from the last row of the triangle up
    const Index row = units.marginal() + i;
    const Index coordinate = shared_->first_coefficient + i;
    double left = shared_->parameters[at(coordinate)].map(position(coordinate)).value - units.reference(row);
    for (Index j = row + 1; j < units.coefficients(); ++j) left -= units.basis(row, j) * v_(j);
    v_(row) = left / units.basis(row, row);
  }
}

void GroupedGaussian::add_priors(const VectorXd& position, double& value, VectorXd* gradient) {
  for (std::size_t t = 0; t < shared_->terms.size(); ++t) {
    const Term& term = shared_->terms[t];
    if (!term.covariance.is_correlated()) continue;
    w_slopes_[t].setZero();
    value += term.covariance.lkj(w_[t], w_slopes_[t]);
    if (gradient != nullptr) gradient->segment(term.first_w, w_[t].size()) += w_slopes_[t];
  }
  for (Index k = 0; k < dimension(); ++k) {  // w is flat here, on a line that is its own
    const Parameter& parameter = shared_->parameters[at(k)];
    const LineMap::At at_position = parameter.map(position(k));
    const LogDensityAt prior = parameter.prior(at_position.value);
    value += prior.value + at_position.log_slope;
    if (gradient == nullptr) continue;
    (*gradient)(k) = ((*gradient)(k) + prior.derivative) * std::exp(at_position.log_slope) + at_position.slope_of_log;
  }
}

double GroupedGaussian::value(const VectorXd& position) {
  const double log_slopes = to_line(position, line_);
  double value = evaluate(line_) + log_slopes;
  add_priors(line_, value, nullptr);
  return std::isnan(value) ? -std::numeric_limits<double>::infinity() : value;
}

double GroupedGaussian::operator()(const VectorXd& position, VectorXd& gradient) {
  const double log_slopes = to_line(position, line_);
  double value = evaluate(line_) + log_slopes;
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
  add_priors(line_, value, &gradient);
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

// ---- Positions and draws

std::vector<VectorXd> GroupedGaussian::starts() const {
  std::vector<VectorXd> result{start(0.5)};
  const auto has_slopes = [](const Term& term) { return term.structure.columns > 1; };
  // Slopes along a predictor far from zero are made up for by intercepts: such a posterior has a mode of no effects besides.
  if (std::any_of(shared_->terms.begin(), shared_->terms.end(), has_slopes)) {
    result.push_back(start(5));
    result.push_back(start(50));
  }
  return result;
}

VectorXd GroupedGaussian::start(double deviation) const {
  const GroupedUnits& units = shared_->units;
  VectorXd result = VectorXd::Zero(dimension());
  for (const Term& term : shared_->terms) {
    for (const Scale& scale : term.deviations) {
      if (scale.coordinate < 0) continue;
      result(scale.coordinate) = shared_->parameters[at(scale.coordinate)].map.inverse(deviation * units.sigma0);
    }
  }
  if (shared_->sigma.coordinate >= 0) {
    result(shared_->sigma.coordinate) =
        shared_->parameters[at(shared_->sigma.coordinate)].map.inverse(0.8 * units.sigma0);
  }
  for (Index i = 0; i < units.sampled; ++i) {
    const Index k = shared_->first_coefficient + i;
    result(k) = shared_->parameters[at(k)].map.inverse(units.reference(units.marginal() + i));
  }
  for (const DeviationTie& tie : ties_) tie.place(result);
  return result;
}

VectorXd GroupedGaussian::values(const VectorXd& position) const {
  VectorXd result(dimension());
  to_line(position, result);
  for (Index k = 0; k < dimension(); ++k) {
    const Parameter& parameter = shared_->parameters[at(k)];
    result(k) = parameter.map(result(k)).value * parameter.unit;
  }
  return result;
}

VectorXd GroupedGaussian::position(const VectorXd& values) const {
  VectorXd result(dimension());
  for (Index k = 0; k < dimension(); ++k) {
    const Parameter& parameter = shared_->parameters[at(k)];
    result(k) = parameter.map.inverse(values(k) / parameter.unit);
  }
  for (const DeviationTie& tie : ties_) tie.from_line(result);
  return result;
}

/// Writes σ, deviations and correlations as they are in the scratch.
void GroupedGaussian::write_scales(Eigen::Ref<VectorXd> parameters) const {
  Index next = shared_->units.coefficients();
  if (shared_->sigma.coordinate >= 0) parameters(next++) = sigma_ * shared_->sigma.unit;
  for (std::size_t t = 0; t < shared_->terms.size(); ++t) {
    if (shared_->levels) return;
    const Term& term = shared_->terms[t];
    for (Index j = 0; j < term.covariance.effects(); ++j) {
      parameters(next++) = deviations_[t](j) * term.deviations[at(j)].unit;
    }
    term.covariance.correlations_of(w_[t], parameters.segment(next, w_[t].size()));
    next += w_[t].size();
  }
}

/// Reads them back: the factors are what the parameters of a draw determine, to the last bit.
void GroupedGaussian::read_scales(const Eigen::Ref<const VectorXd>& parameters) {
  Index next = shared_->units.coefficients();
  sigma_ = shared_->sigma.coordinate >= 0 ? parameters(next++) / shared_->sigma.unit : shared_->sigma.fixed;
  for (std::size_t t = 0; t < shared_->terms.size(); ++t) {
    const Term& term = shared_->terms[t];
    const Index q = term.covariance.effects();
    for (Index j = 0; j < q; ++j) {
      deviations_[t](j) =
          shared_->levels ? term.deviations[at(j)].fixed : parameters(next++) / term.deviations[at(j)].unit;
    }
    const Index n = term.covariance.correlations();
    term.covariance.factor_of(deviations_[t], parameters.segment(next, n), term_factors_[t]);
    next += n;
    factors_[at(term.structure.factor)].block(term.first_column, term.first_column, q, q) = term_factors_[t];
  }
}

/// Leaves in `v_` the means of the coefficients given θ, whose scales are written; returns the log density.
double GroupedGaussian::condition(const VectorXd& position, Eigen::Ref<VectorXd> parameters) {
  const double log_slopes = to_line(position, line_);
  set_factors(line_);
  set_sampled_coefficients(line_);
  write_scales(parameters);
  read_scales(parameters);  // so that what is eliminated here serves the effects too
  const double log_determinant = elimination_.forward(factors_, sigma_, K_);
  double value = shared_->log_constant - 0.5 * log_determinant + integrate_coefficients() + log_slopes;
  add_priors(line_, value, nullptr);
  return std::isnan(value) ? -std::numeric_limits<double>::infinity() : value;
}

void GroupedGaussian::write_coefficients(Eigen::Ref<VectorXd> parameters) const {
  const Index coefficients = shared_->units.coefficients();
  shared_->units.to_user(v_.head(coefficients), parameters.head(coefficients));
}

double GroupedGaussian::draw_parameters(const VectorXd& position, Rng& rng, Eigen::Ref<VectorXd> parameters) {
  const double value = condition(position, parameters);
  const Index marginal = shared_->units.marginal();
  if (marginal > 0) {
    Eigen::Ref<VectorXd> noise = Kv_.head(marginal);
    for (double& one : noise) one = rng.normal();
    solve_lower_transposed(precision_, noise);
    v_.head(marginal) += noise;
  }
  write_coefficients(parameters);
  return value;
}

VectorXd GroupedGaussian::expected(const VectorXd& position) {
  VectorXd result(parameters() + effects());
  condition(position, result.head(parameters()));
  write_coefficients(result.head(parameters()));
  read_parameters(result.head(parameters()));
  elimination_.condition(factors_, sigma_, v_, effects_);
  write_effects(result.tail(effects()));
  return result;
}

/// Of each level but the reference, from its standard normal effect.
void GroupedGaussian::write_levels(Eigen::Ref<VectorXd> coefficients) const {
  const LevelPriors& levels = *shared_->levels;
  for (Index g = 0, k = 0; k < coefficients.size(); ++g) {
    if (g == levels.reference) continue;
    coefficients(k) = levels.mean(k) + levels.deviation(k) * effects_.front()(g, 0);
    ++k;
  }
}

void GroupedGaussian::read_parameters(const Eigen::Ref<const VectorXd>& parameters) {
  const GroupedUnits& units = shared_->units;
  const Index coefficients = units.coefficients();
  units.from_user(parameters.head(coefficients), v_.head(coefficients));
  v_(coefficients) = -1;
  read_scales(parameters);
}

void GroupedGaussian::write_effects(Eigen::Ref<VectorXd> effects) const {
  if (shared_->levels) return write_levels(effects);
  Index first = 0;
  for (const Term& term : shared_->terms) {
    const MatrixXd& of_factor = effects_[at(term.structure.factor)];
    const Index groups = of_factor.rows();
    for (Index j = 0; j < term.covariance.effects(); ++j, first += groups) {
      effects.segment(first, groups) = of_factor.col(term.first_column + j) * term.deviations[at(j)].unit;
    }
  }
}

void GroupedGaussian::draw_effects(const Eigen::Ref<const VectorXd>& parameters, Rng& rng,
                                   Eigen::Ref<VectorXd> effects) {
  read_parameters(parameters);
  elimination_.draw(factors_, sigma_, v_, rng, effects_);
  write_effects(effects);
}

}  // namespace filbert
