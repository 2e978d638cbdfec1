// Mixed models to test on: random designs of any structure, and their likelihood by dense matrices, the slow and obvious way.
#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <optional>
#include <utility>
#include <vector>

#include "filbert/groups/grouped_gaussian.hpp"
#include "filbert/groups/grouped_summary.hpp"
#include "filbert/sampler/rng.hpp"

namespace mixed_models {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using Codes = Eigen::Matrix<std::int64_t, Eigen::Dynamic, 1>;

/// Rows of a regression with group effects.
struct Data {
  filbert::GroupStructure structure;
  MatrixXd X;
  VectorXd y;
  std::vector<MatrixXd> Z;
  std::vector<Codes> codes;
  VectorXd weights, offset;

  filbert::GroupedRows rows(Index first, Index n) const {
    filbert::GroupedRows block{X.middleRows(first, n), y.segment(first, n), {}, {}};
    for (const MatrixXd& z : Z) block.Z.emplace_back(filbert::RowsRef(z.middleRows(first, n)));
    for (const Codes& c : codes) block.codes.emplace_back(c.segment(first, n));
    block.weights.emplace(weights.segment(first, n));
    block.offset.emplace(offset.segment(first, n));
    return block;
  }

  filbert::GroupedSummary summary(Index first, Index n) const {
    filbert::GroupedSummary result(X.cols(), structure);
    result.update(rows(first, n));
    return result;
  }
  filbert::GroupedSummary summary() const { return summary(0, y.size()); }
};

struct Shape {
  Index n = 60;
  Index p = 2;
  std::vector<Index> n_groups = {7};
  std::vector<filbert::GroupTerm> terms = {{0, 2}};
  bool nested = false;    ///< each level of the first factor within one of the second
  bool weighted = false;  ///< with weights of zero too
};

/// Unbalanced: the last groups are small, one has a row, and one may have none. Slopes of a term are correlated with X.
inline Data make_data(const Shape& shape, std::uint64_t seed) {
  filbert::Rng rng(seed, 3);
  Data data;
  data.structure = {shape.n_groups, shape.terms};
  data.X.resize(shape.n, shape.p);
  for (Index j = 0; j < shape.p; ++j) {
    for (Index i = 0; i < shape.n; ++i) {
      data.X(i, j) = 3 * static_cast<double>(j + 1) + rng.normal() * static_cast<double>(2 * j + 1);
    }
  }
  for (std::size_t f = 0; f < shape.n_groups.size(); ++f) {
    Codes codes(shape.n);
    for (Index i = 0; i < shape.n; ++i) {
      const double u = rng.uniform();
      codes(i) = static_cast<std::int64_t>(static_cast<double>(shape.n_groups[f]) * u * u);
      if (shape.nested && f > 0) codes(i) = data.codes[0](i) % shape.n_groups[f];
    }
    data.codes.push_back(codes);
  }
  data.codes[0](0) = shape.n_groups[0] - 1;
  if (shape.nested) data.codes[1](0) = data.codes[0](0) % shape.n_groups[1];
  for (const filbert::GroupTerm& term : shape.terms) {
    MatrixXd Z = MatrixXd::Ones(shape.n, term.columns);
    for (Index j = 1; j < term.columns; ++j) {
      for (Index i = 0; i < shape.n; ++i) Z(i, j) = j <= shape.p ? data.X(i, j - 1) : rng.normal();
    }
    data.Z.push_back(Z);
  }
  data.y.resize(shape.n);
  data.weights = VectorXd::Ones(shape.n);
  data.offset = VectorXd::Zero(shape.n);
  for (Index i = 0; i < shape.n; ++i) {
    data.y(i) = 10 + 0.3 * data.X.row(i).sum() + std::sin(static_cast<double>(data.codes[0](i))) + rng.normal();
    if (shape.weighted) data.weights(i) = i % 7 == 3 ? 0 : 0.25 + 2 * rng.uniform();
    if (shape.weighted) data.offset(i) = rng.normal();
  }
  return data;
}

/// Λ of each factor: positive diagonals, and below them anything within a term.
inline std::vector<MatrixXd> make_factors(const filbert::GroupStructure& structure, std::uint64_t seed) {
  filbert::Rng rng(seed, 4);
  std::vector<MatrixXd> factors;
  for (Index f = 0; f < structure.factors(); ++f) {
    factors.push_back(MatrixXd::Zero(structure.effects(f), structure.effects(f)));
  }
  for (std::size_t t = 0; t < structure.terms.size(); ++t) {
    const filbert::GroupTerm& term = structure.terms[t];
    const Index first = structure.first_column(static_cast<Index>(t));
    MatrixXd& factor = factors[static_cast<std::size_t>(term.factor)];
    for (Index i = 0; i < term.columns; ++i) {
      for (Index j = 0; j < i; ++j) factor(first + i, first + j) = 0.4 * rng.normal();
      factor(first + i, first + i) = 0.3 + rng.uniform();
    }
  }
  return factors;
}

/// All effects side by side, factor after factor and group after group: their design and their covariance.
struct Dense {
  MatrixXd Z, covariance;
};

inline Dense dense(const Data& data, const std::vector<MatrixXd>& factors) {
  const filbert::GroupStructure& structure = data.structure;
  Index size = 0;
  std::vector<Index> first;
  for (Index f = 0; f < structure.factors(); ++f) {
    first.push_back(size);
    size += structure.groups(f) * structure.effects(f);
  }
  Dense result{MatrixXd::Zero(data.y.size(), size), MatrixXd::Zero(size, size)};
  for (Index f = 0; f < structure.factors(); ++f) {
    const MatrixXd& factor = factors[static_cast<std::size_t>(f)];
    const Index q = structure.effects(f);
    for (Index g = 0; g < structure.groups(f); ++g) {
      const Index at = first[static_cast<std::size_t>(f)] + g * q;
      result.covariance.block(at, at, q, q) = factor * factor.transpose();
    }
  }
  for (std::size_t t = 0; t < structure.terms.size(); ++t) {
    const filbert::GroupTerm& term = structure.terms[t];
    const std::size_t f = static_cast<std::size_t>(term.factor);
    for (Index i = 0; i < data.y.size(); ++i) {
      const Index at =
          first[f] + data.codes[f](i) * structure.effects(term.factor) + structure.first_column(static_cast<Index>(t));
      result.Z.row(i).segment(at, term.columns) += data.Z[t].row(i);
    }
  }
  return result;
}

using LongMatrix =
    Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic>;  // as the covariance may be ill-conditioned
using LongVector = Eigen::Matrix<long double, Eigen::Dynamic, 1>;

/// Rows of positive weight, and the covariance of their errors and effects together.
struct Marginal {
  std::vector<Index> counted;
  LongMatrix covariance;
  double weight_constant =
      0;  ///< a row of weight w counts as w rows; this is what that is more than one of variance σ²/w
};

inline Marginal marginal(const Data& data, const std::vector<MatrixXd>& factors, double sigma) {
  Marginal result;
  for (Index i = 0; i < data.y.size(); ++i) {
    if (data.weights(i) > 0) result.counted.push_back(i);
  }
  const Dense full = dense(data, factors);
  const LongMatrix Z = full.Z(result.counted, Eigen::all).cast<long double>();
  result.covariance = Z * full.covariance.cast<long double>() * Z.transpose();
  for (std::size_t k = 0; k < result.counted.size(); ++k) {
    const double w = data.weights(result.counted[k]);
    const double variance = 2 * std::numbers::pi * sigma * sigma;
    result.covariance(static_cast<Index>(k), static_cast<Index>(k)) += static_cast<long double>(sigma) * sigma / w;
    result.weight_constant += 0.5 * std::log(variance / w) - 0.5 * w * std::log(variance);
  }
  return result;
}

/// Log density of a normal of mean zero.
inline double log_normal(const VectorXd& x, const LongMatrix& covariance) {
  const Eigen::LLT<LongMatrix> cholesky(covariance);
  const LongVector whitened = cholesky.matrixL().solve(x.cast<long double>());
  const long double log_determinant = 2 * cholesky.matrixLLT().diagonal().array().log().sum();
  const double sum = static_cast<double>(whitened.squaredNorm() + log_determinant);
  return -0.5 * (sum + static_cast<double>(x.size()) * std::log(2 * std::numbers::pi));
}

/// The log likelihood of (intercept, slopes) with all effects integrated out.
inline double log_likelihood(const Data& data, const std::vector<MatrixXd>& factors, double sigma,
                             const VectorXd& coefficients) {
  const Marginal rows = marginal(data, factors, sigma);
  const VectorXd residual = data.y - data.offset - data.X * coefficients.tail(data.X.cols()) -
                            VectorXd::Constant(data.y.size(), coefficients(0));
  return log_normal(residual(rows.counted), rows.covariance) + rows.weight_constant;
}

/// One of every structure: with as many columns as rows in some groups, collinear slopes, several terms, crossed and nested.
inline std::vector<Data> every_structure() {
  std::vector<Data> all;
  std::uint64_t seed = 100;
  const auto add = [&](Shape shape) {
    for (const bool weighted : {false, true}) {
      shape.weighted = weighted;
      all.push_back(make_data(shape, ++seed));
    }
  };
  add({.terms = {{0, 1}}});
  add({.n = 40, .n_groups = {12}, .terms = {{0, 2}}});
  add({.n = 30, .p = 0, .n_groups = {20}, .terms = {{0, 1}}});
  add({.terms = {{0, 3}}});
  add({.terms = {{0, 4}}});
  add({.terms = {{0, 2}, {0, 1}, {0, 2}}});  // the columns of the last repeat those of the first
  add({.n = 30, .n_groups = {30}, .terms = {{0, 1}}});
  add({.n_groups = {7, 4}, .terms = {{0, 1}, {1, 1}}});
  add({.n_groups = {7, 4, 3}, .terms = {{0, 2}, {1, 1}, {2, 1}}});
  add({.n_groups = {4, 9}, .terms = {{0, 2}, {1, 3}, {0, 1}}});
  add({.n_groups = {12, 4}, .terms = {{0, 1}, {1, 2}}, .nested = true});
  add({.n = 150, .p = 1, .n_groups = {50}, .terms = {{0, 1}}});
  return all;
}

/// Priors that leave the data to decide; the effects of a term have correlations or not.
inline filbert::GroupedModel weakly_informed(const Data& data, bool correlated) {
  filbert::GroupedModel model;
  model.coefficient_priors.assign(static_cast<std::size_t>(data.X.cols() + 1), filbert::Prior::normal(0, 20));
  model.sigma.prior = filbert::Prior::half_normal(5);
  for (const filbert::GroupTerm& term : data.structure.terms) {
    filbert::TermModel one{correlated, {}, 2};
    one.deviations.assign(static_cast<std::size_t>(term.columns), {filbert::Prior::half_normal(5)});
    model.terms.push_back(one);
  }
  return model;
}

}  // namespace mixed_models
