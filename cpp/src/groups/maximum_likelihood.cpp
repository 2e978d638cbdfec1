// Climbs the likelihood over relative covariance factors, with σ profiled out.
#include "filbert/groups/maximum_likelihood.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>

#include "filbert/groups/group_elimination.hpp"
#include "filbert/groups/grouped_units.hpp"
#include "filbert/groups/quasi_newton.hpp"

namespace filbert {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

std::size_t at(Index index) { return static_cast<std::size_t>(index); }

GroupedModel flat_model(const GroupedSummary& summary, bool intercept, const std::vector<bool>& correlated) {
  GroupedModel model;
  model.intercept = intercept;
  model.coefficient_priors.assign(at(summary.columns() + (intercept ? 1 : 0)), Prior::flat());
  const std::vector<GroupTerm>& terms = summary.structure().terms;
  if (correlated.size() != terms.size()) {
    throw std::invalid_argument("correlated must have one value for each of the " + std::to_string(terms.size()) +
                                " group terms, not " + std::to_string(correlated.size()));
  }
  for (std::size_t t = 0; t < terms.size(); ++t) {
    model.terms.push_back({correlated[t], {}, 1});
    model.terms.back().deviations.resize(at(terms[t].columns));
  }
  return model;
}

/// The likelihood of relative factors: with σ = 1 the elimination gives everything, and σ² = v'Kv / freedom at its best.
class RelativeLikelihood {
 public:
  RelativeLikelihood(const GroupedSummary& summary, const GroupedModel& model, bool restricted)
      : units_(summary, model), elimination_(summary, units_.columns), model_(model), restricted_(restricted) {
    const GroupStructure& structure = elimination_.structure();
    for (Index f = 0; f < structure.factors(); ++f) {
      factors_.push_back(MatrixXd::Zero(structure.effects(f), structure.effects(f)));
    }
    slopes_ = factors_;
    for (std::size_t t = 0; t < model.terms.size(); ++t) {
      const GroupTerm& term = structure.terms[t];
      const Index first = structure.first_column(static_cast<Index>(t));
      for (Index i = 0; i < term.columns; ++i) {
        for (Index j = model.terms[t].correlated ? 0 : i; j <= i; ++j) {
          entries_.push_back({at(term.factor), first + i, first + j});
        }
      }
    }
    freedom_ = elimination_.total_weight() - (restricted ? static_cast<double>(units_.coefficients()) : 0.0);
    K_.resize(elimination_.width(), elimination_.width());
    v_ = VectorXd::Constant(elimination_.width(), -1);
  }

  VectorXd start() const {
    VectorXd result(static_cast<Index>(entries_.size()));
    for (Index k = 0; k < result.size(); ++k) result(k) = entries_[at(k)].row == entries_[at(k)].column ? 0.7 : 0.0;
    return result;
  }

  double operator()(const VectorXd& relative, VectorXd& gradient) {
    const Index n = units_.coefficients();
    for (Index k = 0; k < relative.size(); ++k) {
      factors_[entries_[at(k)].factor](entries_[at(k)].row, entries_[at(k)].column) = relative(k);
    }
    const double log_determinant = elimination_.forward(factors_, 1, K_);
    cholesky_.compute(K_.topLeftCorner(n, n));
    if (n > 0) v_.head(n) = cholesky_.solve(K_.col(n).head(n));
    misfit_ = v_.dot(K_ * v_);
    double log_precision = 0;
    if (restricted_ && n > 0) log_precision = 2 * cholesky_.matrixLLT().diagonal().array().log().sum();
    // -½ (log det + freedom log σ² + misfit / σ² + [log |K|]), at σ² = misfit / freedom.
    const double value = -0.5 * (log_determinant + log_precision + freedom_ * (std::log(misfit_ / freedom_) + 1));
    MatrixXd K_slopes = -0.5 * freedom_ / misfit_ * v_ * v_.transpose();
    if (restricted_ && n > 0) K_slopes.topLeftCorner(n, n) -= 0.5 * cholesky_.solve(MatrixXd::Identity(n, n));
    elimination_.backward(factors_, 1, K_slopes, -0.5, slopes_);
    for (Index k = 0; k < relative.size(); ++k) {
      gradient(k) = slopes_[entries_[at(k)].factor](entries_[at(k)].row, entries_[at(k)].column);
    }
    return std::isfinite(value) ? value : -std::numeric_limits<double>::infinity();
  }

  /// At the last point that was evaluated.
  MixedModelFit fit(double value) {
    const GroupStructure& structure = elimination_.structure();
    const Index n = units_.coefficients();
    MixedModelFit fit;
    const double sigma = std::sqrt(misfit_ / freedom_);
    fit.sigma = sigma * units_.response_scale;
    fit.coefficients.resize(n);
    units_.to_user(v_.head(n), fit.coefficients);
    fit.standard_errors = standard_errors(sigma);
    const double restricted_constant =
        restricted_ ? 0.5 * static_cast<double>(n) * std::log(2 * std::numbers::pi) : 0.0;
    // units_.log_constant has the change of variables of an integral over the coefficients, which only REML is.
    double unit_constant = units_.log_constant;
    if (!restricted_) {
      unit_constant =
          -elimination_.total_weight() * (std::log(units_.response_scale) + 0.5 * std::log(2 * std::numbers::pi));
    }
    fit.log_likelihood = value + unit_constant + restricted_constant;

    std::vector<MatrixXd> effects;
    for (Index f = 0; f < structure.factors(); ++f) effects.emplace_back(structure.groups(f), structure.effects(f));
    elimination_.condition(factors_, 1, v_, effects);
    for (std::size_t t = 0; t < structure.terms.size(); ++t) {
      const GroupTerm& term = structure.terms[t];
      const Index first = structure.first_column(static_cast<Index>(t));
      const MatrixXd factor = factors_[at(term.factor)].block(first, first, term.columns, term.columns);
      const VectorXd length = factor.rowwise().norm();
      VectorXd deviations(term.columns);
      VectorXd correlations(model_.terms[t].correlated ? term.columns * (term.columns - 1) / 2 : 0);
      Index next = 0;
      for (Index i = 0; i < term.columns; ++i) {
        const double unit = units_.response_scale / units_.columns.effect_unit[at(term.factor)](first + i);
        deviations(i) = length(i) * sigma * unit;
        for (Index j = i + 1; j < term.columns && correlations.size() > 0; ++j) {
          correlations(next++) = factor.row(i).dot(factor.row(j)) / (length(i) * length(j));  // NaN at a deviation of 0
        }
        const VectorXd modes = effects[at(term.factor)].col(first + i) * unit;
        const Index before = fit.effects.size();
        fit.effects.conservativeResize(before + modes.size());
        fit.effects.tail(modes.size()) = modes;
      }
      fit.deviations.push_back(deviations);
      fit.correlations.push_back(correlations);
    }
    return fit;
  }

 private:
  struct Entry {
    std::size_t factor;
    Index row, column;
  };

  /// From the columns of K⁻¹'s root, mapped as differences of coefficients are.
  VectorXd standard_errors(double sigma) {
    const Index n = units_.coefficients();
    VectorXd squares = VectorXd::Zero(n);
    if (n == 0) return squares;
    const MatrixXd root = cholesky_.matrixU().solve(MatrixXd::Identity(n, n));
    VectorXd origin(n), moved(n);
    units_.to_user(VectorXd::Zero(n), origin);
    for (Index k = 0; k < n; ++k) {
      units_.to_user(root.col(k), moved);
      squares += (moved - origin).cwiseAbs2();
    }
    return sigma * squares.cwiseSqrt();
  }

  GroupedUnits units_;
  GroupElimination elimination_;
  GroupedModel model_;
  bool restricted_;
  std::vector<Entry> entries_;
  std::vector<MatrixXd> factors_, slopes_;
  MatrixXd K_;
  VectorXd v_;
  Eigen::LLT<MatrixXd> cholesky_;
  double freedom_ = 0;
  double misfit_ = 0;
};

}  // namespace

MixedModelFit maximum_likelihood(const GroupedSummary& summary, bool intercept, const std::vector<bool>& correlated,
                                 bool restricted) {
  RelativeLikelihood likelihood(summary, flat_model(summary, intercept, correlated), restricted);
  const SmoothFunction function = [&likelihood](const VectorXd& relative, VectorXd& gradient) {
    return likelihood(relative, gradient);
  };
  const Mode mode =
      climb(function, likelihood.start(), {.tolerance = 1e-7, .longest_step = 2, .most_evaluations = 2000});
  VectorXd gradient(mode.position.size());
  const double value = likelihood(mode.position, gradient);
  MixedModelFit fit = likelihood.fit(value);
  fit.converged = gradient.lpNorm<Eigen::Infinity>() < 1e-3;
  return fit;
}

}  // namespace filbert
