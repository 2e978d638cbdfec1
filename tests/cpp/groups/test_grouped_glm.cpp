// The density of a grouped GLM is the sum over rows that anyone would write.
#include "filbert/groups/grouped_glm.hpp"

#include <doctest/doctest.h>

#include <Eigen/LU>
#include <cmath>

#include "grouped_glms.hpp"

using filbert::GlmData;
using filbert::GlmPriors;
using filbert::GlmResponses;
using filbert::GroupedGlm;
using filbert::Prior;
using namespace mixed_models;

namespace {

std::size_t at(Index index) { return static_cast<std::size_t>(index); }

/// Log likelihood and priors of a draw, row by row, as anyone would write them; the effects' normals by dense covariances.
double naive(const Data& data, const Kind& kind, const GlmPriors& priors, const GlmResponses& responses,
             const VectorXd& draw) {
  const Index p = data.X.cols();
  double value = 0;
  for (Index k = 1; k <= p; ++k) value += priors.coefficients[at(k)](draw(k)).value;
  double at_means = draw(0), total = 0;
  VectorXd means = VectorXd::Zero(p);
  for (Index i = 0; i < data.y.size(); ++i) {
    const double w = responses.weights.size() > 0 ? responses.weights(i) : 1.0;
    means += w * data.X.row(i).transpose();
    total += w;
  }
  at_means += draw.segment(1, p).dot(means) / total;
  value += priors.coefficients[0](priors.about == filbert::InterceptPrior::AtMeans ? at_means : draw(0)).value;
  Index next = p + 1;
  VectorXd auxiliaries = VectorXd::Ones(1);
  for (const filbert::AuxiliaryPrior& prior : kind.auxiliaries) {
    auxiliaries(0) = std::holds_alternative<double>(prior) ? std::get<double>(prior) : draw(next);
    if (!std::holds_alternative<Prior>(prior)) continue;
    value += std::get<Prior>(prior)(draw(next++)).value;
  }
  Index effect = next;
  for (const filbert::GroupTerm& term : data.structure.terms) {
    effect += term.columns + term.columns * (term.columns - 1) / 2;
  }
  VectorXd eta = data.X * draw.segment(1, p) + VectorXd::Constant(data.y.size(), draw(0));
  if (responses.offset.size() > 0) eta += responses.offset;
  for (std::size_t t = 0; t < data.structure.terms.size(); ++t) {
    const Index q = data.structure.terms[t].columns, groups = data.structure.groups(data.structure.terms[t].factor);
    MatrixXd covariance = draw.segment(next, q).asDiagonal();
    MatrixXd correlation = MatrixXd::Identity(q, q);
    for (Index k = 0; k < q; ++k) value += Prior::half_normal(1)(draw(next + k)).value;
    next += q;
    for (Index a = 0; a < q; ++a) {
      for (Index b = a + 1; b < q; ++b) correlation(a, b) = correlation(b, a) = draw(next++);
    }
    covariance = covariance * correlation * covariance;
    const Codes& codes = data.codes[at(data.structure.terms[t].factor)];
    const Eigen::Map<const MatrixXd> effects(draw.data() + effect, groups, q);
    for (Index g = 0; g < groups; ++g) {
      value += log_normal(effects.row(g).transpose(), covariance.cast<long double>());
    }
    for (Index i = 0; i < eta.size(); ++i) eta(i) += data.Z[t].row(i).dot(effects.row(codes(i)));
    effect += groups * q;
  }
  const GlmData rows(kind.family, kind.link, data.X, responses);
  VectorXd of_rows(eta.size());
  rows.single(eta, auxiliaries, {.value = of_rows.data()});
  for (Index i = 0; i < eta.size(); ++i) {
    const double trials = responses.trials.size() > 0 ? responses.trials(i) : 1.0;
    const double w = rows.weight(i);
    if (w > 0) value += w * (of_rows(i) + filbert::row_constant(kind.family, responses.y(i), trials));
  }
  return value;
}

/// log |d draw / d position| without the correlations, by their maps: what the naive density lacks.
double log_jacobian(const Data& data, const GroupedGlm& posterior, const VectorXd& position, const VectorXd& draw,
                    const Kind& kind) {
  const Index p = data.X.cols();
  double value = -posterior.data().scale().array().log().sum();
  Index next = p + 1;
  for (const filbert::AuxiliaryPrior& prior : kind.auxiliaries) {
    if (std::holds_alternative<Prior>(prior)) value += std::log(draw(next++));
  }
  Index coordinate = 0;
  for (std::size_t t = 0; t < data.structure.terms.size(); ++t) {
    const Index q = data.structure.terms[t].columns;
    const double groups = static_cast<double>(data.structure.groups(data.structure.terms[t].factor));
    for (Index k = 0; k < q; ++k) value += (1 + groups) * std::log(draw(next++));  // of the line, and of b = Λ v
    coordinate += q;
    filbert::EffectCovariance covariance(q, true, 2);
    const Index n = q * (q - 1) / 2;
    const VectorXd w = position.segment(coordinate, n);
    VectorXd slopes = VectorXd::Zero(n);
    value += covariance.lkj(w, slopes);
    MatrixXd factor(q, q);
    covariance.factor(VectorXd::Ones(q), w, factor);
    value += groups * factor.diagonal().array().log().sum();
    coordinate += n;
    next += n;
  }
  return value;
}

/// The naive density with LKJ(2), a density of correlations, up to a constant; and what differences say of the change of variables.
double in_the_users_scale(const Data& data, const Kind& kind, const GlmPriors& priors, GroupedGlm& posterior,
                          const VectorXd& position) {
  const Index n = position.size();
  VectorXd draw(n), above(n), below(n);
  posterior.to_user_scale(position, draw);
  double value = naive(data, kind, priors, responses_of(data, kind.family, false, 1), draw);
  Index next = draw.size() - posterior.effects();
  for (const filbert::GroupTerm& term : data.structure.terms) {
    next -= term.columns + term.columns * (term.columns - 1) / 2;
  }
  for (const filbert::GroupTerm& term : data.structure.terms) {
    MatrixXd correlation = MatrixXd::Identity(term.columns, term.columns);
    next += term.columns;
    for (Index a = 0; a < term.columns; ++a) {
      for (Index b = a + 1; b < term.columns; ++b) correlation(a, b) = correlation(b, a) = draw(next++);
    }
    value += std::log(correlation.determinant());
  }
  MatrixXd jacobian(n, n);
  for (Index i = 0; i < n; ++i) {
    const VectorXd step = 1e-6 * VectorXd::Unit(n, i);
    posterior.to_user_scale(position + step, above);
    posterior.to_user_scale(position - step, below);
    jacobian.col(i) = (above - below) / 2e-6;
  }
  return value + Eigen::FullPivLU<MatrixXd>(jacobian).matrixLU().diagonal().array().abs().log().sum();
}

}  // namespace

TEST_CASE("effects at the centre of their columns have the density of those at zero") {
  int centred = 0;
  std::uint64_t seed = 0;
  for (const double place : {0.0, 4.0, 40.0}) {
    for (Data data : every_structure()) {
      for (MatrixXd& z : data.Z) {
        for (Index j = 1; j < z.cols(); ++j) z.col(j).array() += place * (j % 2 == 1 ? 1 : -0.5);
      }
      const Kind& kind = kinds[++seed % kinds.size()];
      const GlmPriors priors = priors_of(data, kind);
      const GroupedGlm posterior = posterior_of(data, kind, priors);
      const std::optional<GroupedGlm> elsewhere = posterior.elsewhere();
      if (!elsewhere) continue;
      ++centred;
      for (GroupedGlm each : {posterior, *elsewhere}) {
        const VectorXd first = random_point(each.dimension(), 0.4, seed),
                       second = random_point(each.dimension(), 0.4, 7);
        VectorXd gradient(first.size());
        const double rise = each(second, gradient) - each(first, gradient);
        const double expected =
            in_the_users_scale(data, kind, priors, each, second) - in_the_users_scale(data, kind, priors, each, first);
        CHECK(rise == doctest::Approx(expected).epsilon(1e-6));
        check_gradient([&](const VectorXd& x, VectorXd& g) { return each(x, g); }, first);
      }
      VectorXd one(posterior.dimension()), other(posterior.dimension());
      const VectorXd position = random_point(posterior.dimension(), 0.4, seed);
      GroupedGlm back = elsewhere->elsewhere().value(), same = posterior;
      CHECK(back(position, one) == same(position, other));
      CHECK(one == other);
    }
  }
  CHECK(centred >= 8);
}

TEST_CASE(
    "the density is the sum over rows with dense normals of the effects, for every structure and kind of response") {
  std::uint64_t seed = 0;
  bool weighted = false;
  for (const Data& data : every_structure()) {
    for (const Kind& kind : kinds) {
      GlmPriors priors = priors_of(data, kind);
      if (seed % 3 == 1) priors.about = filbert::InterceptPrior::AtZero;
      GroupedGlm posterior = posterior_of(data, kind, priors, weighted);
      const VectorXd position = random_point(posterior.dimension(), 0.5, ++seed);
      VectorXd gradient(position.size()), draw(posterior.parameters() + posterior.effects());
      const double value = posterior(position, gradient);
      posterior.to_user_scale(position, draw);
      const double expected = naive(data, kind, priors, responses_of(data, kind.family, weighted, 1), draw) +
                              log_jacobian(data, posterior, position, draw, kind);
      CHECK(value == doctest::Approx(expected).epsilon(1e-9));
      check_gradient([&](const VectorXd& x, VectorXd& g) { return posterior(x, g); }, position);
    }
    weighted = !weighted;
  }
}
