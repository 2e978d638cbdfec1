// Walks through the terms' coordinates.
#include "filbert/groups/covariance_parameters.hpp"

#include <cmath>
#include <string>

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

std::size_t at(Index index) { return static_cast<std::size_t>(index); }

}  // namespace

CovarianceParameters::CovarianceParameters(const GroupStructure& structure, const std::vector<TermModel>& terms) {
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
              0};
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
    terms_.push_back(std::move(term));
  }
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
      const LogDensityAt prior = term.model.deviations[j].prior(on_line.value);
      value += prior.value + on_line.log_slope;
      slopes(k) = prior.derivative * std::exp(on_line.log_slope) + on_line.slope_of_log;
    }
    if (!term.covariance.is_correlated()) continue;
    value += term.covariance.lkj(w_[t], slopes.segment(term.first_w, w_[t].size()));
  }
  return value;
}

void CovarianceParameters::add_slopes(const Eigen::Ref<const VectorXd>& position,
                                      const std::vector<MatrixXd>& factor_slopes, Eigen::Ref<VectorXd> slopes) {
  for (std::size_t t = 0; t < terms_.size(); ++t) {
    const Term& term = terms_[t];
    const Index q = term.structure.columns;
    const MatrixXd& of_factor = factor_slopes[at(term.structure.factor)];
    term.covariance.factor_slopes(deviations_[t], w_[t], of_factor.block(term.first_column, term.first_column, q, q),
                                  deviation_slopes_[t], w_slopes_[t]);
    for (Index j = 0; j < q; ++j) {
      const Index k = term.coordinates[at(j)];
      if (k >= 0) slopes(k) += deviation_slopes_[t](j) * std::exp(term.maps[at(j)](position(k)).log_slope);
    }
    slopes.segment(term.first_w, w_[t].size()) += w_slopes_[t];
  }
}

void CovarianceParameters::write(Eigen::Ref<VectorXd> parameters) {
  Index next = 0;
  for (std::size_t t = 0; t < terms_.size(); ++t) {
    const Index q = deviations_[t].size(), n = w_[t].size();
    parameters.segment(next, q) = deviations_[t];
    terms_[t].covariance.correlations_of(w_[t], term_factors_[t], parameters.segment(next + q, n));
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
