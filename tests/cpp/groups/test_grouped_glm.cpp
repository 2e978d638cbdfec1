// The density of a grouped GLM is the sum over rows that anyone would write.
#include "filbert/groups/grouped_glm.hpp"

#include <doctest/doctest.h>

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

}  // namespace

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
