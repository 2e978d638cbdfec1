// Positions of a Gaussian mixed model from and to values, and draws of what was integrated out.
#include <algorithm>
#include <cmath>
#include <limits>

#include "filbert/groups/grouped_gaussian.hpp"
#include "filbert/numeric/small_triangles.hpp"

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

std::size_t at(Index index) { return static_cast<std::size_t>(index); }

}  // namespace

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
void GroupedGaussian::write_scales(Eigen::Ref<VectorXd> parameters) {
  Index next = shared_->units.coefficients();
  if (shared_->sigma.coordinate >= 0) parameters(next++) = sigma_ * shared_->sigma.unit;
  for (std::size_t t = 0; t < shared_->terms.size(); ++t) {
    if (shared_->levels) return;
    const Term& term = shared_->terms[t];
    for (Index j = 0; j < term.covariance.effects(); ++j) {
      parameters(next++) = deviations_[t](j) * term.deviations[at(j)].unit;
    }
    term.covariance.correlations_of(w_[t], term_factors_[t], parameters.segment(next, w_[t].size()));
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
  const double log_slopes = map(position);
  set_factors();
  set_sampled_coefficients();
  write_scales(parameters);
  read_scales(parameters);  // so that what is eliminated here serves the effects too
  const double log_determinant = elimination_.forward(factors_, sigma_, K_);
  double value = shared_->log_constant - 0.5 * log_determinant + integrate_coefficients() + log_slopes;
  add_priors(value, nullptr);
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
