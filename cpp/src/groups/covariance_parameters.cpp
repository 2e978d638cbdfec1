// Walks through the terms' coordinates.
#include "filbert/groups/covariance_parameters.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

std::size_t at(Index index) { return static_cast<std::size_t>(index); }

constexpr double least_share = 0.5;  // of a deviation at zero in that at the centre, where priors are smooth

}  // namespace

CovarianceParameters::CovarianceParameters(const GroupStructure& structure, const std::vector<TermModel>& terms,
                                           const std::vector<VectorXd>& centres) {
  validate(terms, structure);
  for (Index f = 0; f < structure.factors(); ++f) {
    factors_.push_back(MatrixXd::Zero(structure.effects(f), structure.effects(f)));
  }
  for (std::size_t t = 0; t < terms.size(); ++t) {
    const GroupTerm& of = structure.terms[t];
    Term term{of,
              structure.first_column(static_cast<Index>(t)),
              EffectCovariance(of.columns, terms[t].correlated, terms[t].lkj_eta),
              terms[t],
              {},
              {},
              0,
              centres[t]};
    for (const ScalePrior& deviation : terms[t].deviations) {
      term.maps.emplace_back(deviation.prior.support());
      term.coordinates.push_back(deviation.fixed ? -1 : dimension_++);
    }
    term.first_w = dimension_;
    dimension_ += term.covariance.correlations();
    parameters_ += of.columns + term.covariance.correlations();
    term_factors_.push_back(MatrixXd::Zero(of.columns, of.columns));
    deviations_.push_back(VectorXd::Zero(of.columns));
    w_.push_back(VectorXd::Zero(term.covariance.correlations()));
    intercepts_.emplace_back(term.centre.size());
    terms_.push_back(std::move(term));
  }
  term_slopes_ = term_factors_;
  deviation_slopes_ = deviations_;
  w_slopes_ = w_;
}

void CovarianceParameters::locate(const Eigen::Ref<const VectorXd>& position) {
  for (std::size_t t = 0; t < terms_.size(); ++t) {
    const Term& term = terms_[t];
    const Index q = term.structure.columns;
    for (Index j = 0; j < q; ++j) {
      const Index coordinate = term.coordinates[at(j)];
      deviations_[t](j) =
          coordinate < 0 ? *term.model.deviations[at(j)].fixed : term.maps[at(j)](position(coordinate)).value;
    }
    w_[t] = position.segment(term.first_w, w_[t].size());
    term.covariance.factor(deviations_[t], w_[t], term_factors_[t]);
    factors_[at(term.structure.factor)].block(term.first_column, term.first_column, q, q) = term_factors_[t];
    if (term.is_centred()) {
      intercepts_[t].noalias() = -(term.centre.transpose().lazyProduct(term_factors_[t]));
      intercepts_[t] += term_factors_[t].row(0);
    }
  }
}

double CovarianceParameters::log_prior(const Eigen::Ref<const VectorXd>& position, Eigen::Ref<VectorXd> slopes) {
  double value = 0;
  slopes.setZero();
  for (std::size_t t = 0; t < terms_.size(); ++t) {
    const Term& term = terms_[t];
    for (std::size_t j = 0; j < term.maps.size(); ++j) {
      const Index k = term.coordinates[j];
      if (k < 0) continue;
      const LineMap::At on_line = term.maps[j](position(k));
      value += on_line.log_slope;
      slopes(k) = on_line.slope_of_log;
      if (j == 0 && term.is_centred()) continue;
      const LogDensityAt prior = term.model.deviations[j].prior(on_line.value);
      value += prior.value;
      slopes(k) += prior.derivative * std::exp(on_line.log_slope);
    }
    if (!term.covariance.is_correlated()) continue;
    value += term.covariance.lkj(w_[t], slopes.segment(term.first_w, w_[t].size()));
    if (term.is_centred()) value += log_prior_at_zero(t, position, slopes);
  }
  return value;
}

void CovarianceParameters::flatten(Eigen::Ref<VectorXd> position) const {
  constexpr double hardly = 0.3;  // of the deviation of intercepts
  for (const Term& term : terms_) {
    for (Index j = 1; term.is_centred() && j < term.structure.columns; ++j) {
      const Index k = term.coordinates[at(j)];
      if (k < 0 || term.centre(j) == 0) continue;
      const double deviation = hardly * std::exp(position(term.coordinates.front())) / std::abs(term.centre(j));
      position(k) = std::min(position(k), term.maps[at(j)].inverse(deviation));
    }
  }
}

/// The prior of the deviation D₀ of intercepts at zero, where that at the centre is D'₀, with the change of volume.
double CovarianceParameters::log_prior_at_zero(std::size_t t, const Eigen::Ref<const VectorXd>& position,
                                               Eigen::Ref<VectorXd> slopes) {
  const Term& term = terms_[t];
  const double least = smooth_ ? least_share * deviations_[t](0) : 0.0;
  const double deviation = std::hypot(intercepts_[t].norm(), least);
  if (!(deviation > 0)) return -std::numeric_limits<double>::infinity();
  const LogDensityAt prior = term.model.deviations.front().prior(deviation);
  // (D'₀ / D₀)^effects is the change of volume; and |R| = |R'| (D'₀ / D₀)², of which LKJ has seen |R'|.
  const double power = static_cast<double>(term.structure.columns) + 2 * (term.model.lkj_eta - 1);
  const double log_deviation = position(term.coordinates.front());
  const double slope = (prior.derivative - power / deviation) / deviation;
  slopes(term.coordinates.front()) += power + slope * least * least;
  term_slopes_[t].noalias() = -slope * term.centre.lazyProduct(intercepts_[t]);
  term_slopes_[t](0, 0) += slope * intercepts_[t](0);
  add_term_slopes(t, position, term_slopes_[t], slopes);
  return prior.value + power * (log_deviation - std::log(deviation));
}

void CovarianceParameters::add_slopes(const Eigen::Ref<const VectorXd>& position,
                                      const std::vector<MatrixXd>& factor_slopes, Eigen::Ref<VectorXd> slopes) {
  for (std::size_t t = 0; t < terms_.size(); ++t) {
    const Term& term = terms_[t];
    const Index q = term.structure.columns;
    const MatrixXd& of_factor = factor_slopes[at(term.structure.factor)];
    add_term_slopes(t, position, of_factor.block(term.first_column, term.first_column, q, q), slopes);
  }
}

void CovarianceParameters::add_term_slopes(std::size_t t, const Eigen::Ref<const VectorXd>& position,
                                           const Eigen::Ref<const MatrixXd>& factor_slopes,
                                           Eigen::Ref<VectorXd> slopes) {
  const Term& term = terms_[t];
  term.covariance.factor_slopes(deviations_[t], w_[t], factor_slopes, deviation_slopes_[t], w_slopes_[t]);
  for (Index j = 0; j < term.structure.columns; ++j) {
    const Index k = term.coordinates[at(j)];
    if (k >= 0) slopes(k) += deviation_slopes_[t](j) * std::exp(term.maps[at(j)](position(k)).log_slope);
  }
  slopes.segment(term.first_w, w_[t].size()) += w_slopes_[t];
}

void CovarianceParameters::write(Eigen::Ref<VectorXd> parameters) {
  Index next = 0;
  for (std::size_t t = 0; t < terms_.size(); ++t) {
    const Index q = deviations_[t].size(), n = w_[t].size();
    Eigen::Ref<VectorXd> deviations = parameters.segment(next, q), correlations = parameters.segment(next + q, n);
    deviations = deviations_[t];
    terms_[t].covariance.correlations_of(w_[t], term_factors_[t], correlations);
    if (terms_[t].is_centred()) {
      deviations(0) = intercepts_[t].norm();
      for (Index j = 1; j < q; ++j) {  // the first are those of intercepts
        const double product = intercepts_[t].dot(term_factors_[t].row(j)) / deviations(0);
        correlations(j - 1) = deviations(0) > 0 ? std::clamp(product, -1.0, 1.0) : 0.0;
      }
    }
    next += q + n;
  }
}

VectorXd CovarianceParameters::position_at(const std::vector<VectorXd>& deviations) const {
  VectorXd position = VectorXd::Zero(dimension_);
  for (std::size_t t = 0; t < terms_.size(); ++t) {
    for (std::size_t j = 0; j < terms_[t].maps.size(); ++j) {
      const Index k = terms_[t].coordinates[j];
      if (k >= 0) position(k) = terms_[t].maps[j].inverse(deviations[t](static_cast<Index>(j)));
    }
  }
  return position;
}

}  // namespace filbert
