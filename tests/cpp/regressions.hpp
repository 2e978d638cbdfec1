// Regressions to test on: rows by seed, and the density evaluated row by row, the slow and obvious way.
#pragma once

#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "filbert/density/linear_gaussian.hpp"
#include "filbert/priors/prior.hpp"
#include "filbert/sampler/rng.hpp"
#include "filbert/summary/sufficient_statistics.hpp"

namespace regressions {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

struct Rows {
  MatrixXd X;
  VectorXd y;
  VectorXd weights;
};

/// Columns with means and scales of their own, correlated with the first, and a response that depends on all of them.
inline Rows make_rows(Index n, Index p, std::uint64_t seed, bool weighted = false) {
  filbert::Rng rng(seed, 0);
  Rows rows{MatrixXd(n, p), VectorXd(n), VectorXd::Ones(n)};
  for (Index i = 0; i < n; ++i) {
    double mean = 2;
    for (Index j = 0; j < p; ++j) {
      const double common = j == 0 ? 0 : 0.5 * (rows.X(i, 0) - 3);
      const double unit = std::pow(3.0, static_cast<double>(j % 5) - 2);
      rows.X(i, j) = j == 0 ? 3 + rng.normal() : unit * (static_cast<double>(j) + common + rng.normal());
      mean += 0.3 / unit * rows.X(i, j) * (j % 2 == 0 ? 1 : -1);
    }
    rows.y(i) = mean + 0.7 * rng.normal();
    if (weighted) rows.weights(i) = i % 7 == 3 ? 0 : 0.25 + 2 * rng.uniform();
  }
  return rows;
}

inline filbert::SufficientStatistics summarise(const Rows& rows) {
  filbert::SufficientStatistics summary(rows.X.cols());
  summary.update(rows.X, rows.y, filbert::ValuesRef(rows.weights));
  return summary;
}

struct Specification {
  bool intercept = true;
  filbert::InterceptPrior about = filbert::InterceptPrior::AtMeans;
  std::vector<filbert::Prior> coefficient_priors;
  filbert::Prior sigma_prior = filbert::Prior::half_cauchy(2);
};

/// The same prior for every coefficient.
inline Specification with_priors(Index coefficients, const filbert::Prior& prior,
                                 const filbert::Prior& sigma_prior = filbert::Prior::half_cauchy(2)) {
  Specification model;
  model.coefficient_priors.assign(static_cast<std::size_t>(coefficients), prior);
  model.sigma_prior = sigma_prior;
  return model;
}

inline filbert::LinearGaussian posterior(const Rows& rows, const Specification& model) {
  return filbert::LinearGaussian(summarise(rows), model.intercept, model.about, model.coefficient_priors,
                                 model.sigma_prior);
}

/// The log density of (β, log σ), summed over the rows.
inline double naive_log_density(const Rows& rows, const Specification& model, const VectorXd& position) {
  const Index first = model.intercept ? 1 : 0;
  const double log_sigma = position(position.size() - 1);
  const double sigma = std::exp(log_sigma);
  const VectorXd slopes = position.segment(first, rows.X.cols());
  double value = log_sigma + model.sigma_prior(sigma).value;
  for (Index i = 0; i < rows.y.size(); ++i) {
    const double residual = (rows.y(i) - (model.intercept ? position(0) : 0) - rows.X.row(i).dot(slopes)) / sigma;
    value -= rows.weights(i) * (0.5 * residual * residual + log_sigma + 0.5 * std::log(2 * std::numbers::pi));
  }
  for (Index k = 0; k < position.size() - 1; ++k) {
    double at = position(k);
    if (k == 0 && model.intercept && model.about == filbert::InterceptPrior::AtMeans) {
      const VectorXd means = rows.X.transpose() * rows.weights / rows.weights.sum();
      at += means.dot(slopes);
    }
    value += model.coefficient_priors[static_cast<std::size_t>(k)](at).value;
  }
  return value;
}

}  // namespace regressions
