// What passes over the rows of a mixed model ask for: squares of residuals, log likelihoods with effects, means and candidates.
#include "filbert/groups/reweighted_grouped_gaussian.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "filbert/groups/effect_columns.hpp"
#include "mixed_models.hpp"

using filbert::EffectColumns;
using filbert::FramedGroupedGaussian;
using filbert::GlmData;
using filbert::GroupedGaussian;
using namespace mixed_models;

namespace {

MatrixXd normals(Index rows, Index columns, std::uint64_t seed) {
  filbert::Rng rng(seed, 5);
  MatrixXd result(rows, columns);
  for (double& value : result.reshaped()) value = rng.normal();
  return result;
}

EffectColumns columns_of(const Data& data) {
  const filbert::GroupedRows rows = data.rows(0, data.y.size());
  return EffectColumns(data.structure, rows.Z, rows.codes);
}

/// Σ Z b of each row, term by term.
VectorXd effects_of_rows(const Data& data, const VectorXd& effects) {
  VectorXd result = VectorXd::Zero(data.y.size());
  Index first = 0;
  for (std::size_t t = 0; t < data.structure.terms.size(); ++t) {
    const filbert::GroupTerm& term = data.structure.terms[t];
    for (Index j = 0; j < term.columns; ++j, first += data.structure.groups(term.factor)) {
      for (Index i = 0; i < data.y.size(); ++i) {
        result(i) += data.Z[t](i, j) * effects(first + data.codes[static_cast<std::size_t>(term.factor)](i));
      }
    }
  }
  return result;
}

}  // namespace

TEST_CASE("a summary knows the squared residuals of its rows at any coefficients and effects") {
  for (const Data& data : every_structure()) {
    const MatrixXd coefficients = normals(data.X.cols() + 1, 4, 1);
    const MatrixXd effects = normals(data.structure.all_effects(), 4, 2);
    const VectorXd found = data.summary().squared_residuals(coefficients, effects);
    for (Index k = 0; k < 4; ++k) {
      VectorXd residuals = data.y - data.offset - data.X * coefficients.col(k).tail(data.X.cols());
      residuals.array() -= coefficients(0, k);
      residuals -= effects_of_rows(data, effects.col(k));
      const double expected = (data.weights.array() * residuals.array().square()).sum();
      CHECK(found(k) == doctest::Approx(expected).epsilon(1e-11));
    }
    CHECK_THROWS_AS(data.summary().squared_residuals(normals(data.X.cols() + 2, 4, 1), effects), std::invalid_argument);
    CHECK_THROWS_AS(data.summary().squared_residuals(coefficients, effects.leftCols(2)), std::invalid_argument);
  }
}

TEST_CASE("effects are added to the linear predictors of a batch") {
  for (const Data& data : every_structure()) {
    const Index n = data.y.size(), draws = 101;
    const EffectColumns columns = columns_of(data);
    const MatrixXd effects = 0.3 * normals(columns.effects(), draws, 3);
    const MatrixXd c = 0.2 * normals(data.X.cols() + 1, draws, 4), none(0, draws);
    filbert::GlmResponses responses{(data.y.array() > data.y.mean()).cast<double>(), {}, data.weights, data.offset};
    const GlmData rows(filbert::Family::Bernoulli, filbert::Link::Logit, data.X, responses);
    const VectorXd found = columns.batch(rows, c, none, effects),
                   with_threads = columns.batch(rows, c, none, effects, 2);
    CHECK(found == with_threads);
    for (const Index k : {Index{0}, draws / 2, draws - 1}) {
      const VectorXd added = columns.predictors(effects.col(k));
      CHECK((added - effects_of_rows(data, effects.col(k))).norm() < 1e-12 * (1 + added.norm()));
      responses.offset = data.offset + added;
      const GlmData moved(filbert::Family::Bernoulli, filbert::Link::Logit, data.X, responses);
      CHECK(found(k) == doctest::Approx(moved.batch(c.col(k), none.col(k))(0)).epsilon(1e-12));
    }
    CHECK_THROWS_AS(columns.batch(rows, c, none, effects.topRows(1)), std::invalid_argument);
    CHECK(columns.rows() == n);
  }
  Data data = make_data({}, 1);
  data.codes[0](3) = 7;
  CHECK_THROWS_AS(columns_of(data), std::invalid_argument);
}

TEST_CASE("expected draws are the means of draws given the scales") {
  for (const Data& data : every_structure()) {
    GroupedGaussian posterior(data.summary(), weakly_informed(data, false));
    const VectorXd position = posterior.starts().front();
    const VectorXd expected = posterior.expected(position);
    const Index n = posterior.parameters() + posterior.effects(), count = 4000;
    MatrixXd draws(n, count);
    filbert::Rng rng(7, 6);
    for (Index i = 0; i < count; ++i) {
      posterior.draw_parameters(position, rng, draws.col(i).head(posterior.parameters()));
      const VectorXd parameters = draws.col(i).head(posterior.parameters());
      posterior.draw_effects(parameters, rng, draws.col(i).tail(posterior.effects()));
    }
    const VectorXd mean = draws.rowwise().mean();
    for (Index k = 0; k < n; ++k) {
      const double sd = std::sqrt((draws.row(k).array() - mean(k)).square().mean());
      CHECK(std::abs(mean(k) - expected(k)) < 5 * sd / std::sqrt(static_cast<double>(count)) + 1e-9);
    }
  }
}

TEST_CASE("a single candidate is a draw of the proposal, and of many one is chosen by weight") {
  const Data data = make_data({.n_groups = {12, 6}, .terms = {{0, 1}, {1, 1}}}, 3);
  FramedGroupedGaussian density(GroupedGaussian(data.summary(), weakly_informed(data, false)));
  const filbert::StudentMixture wide(
      {{1, VectorXd::Zero(density.dimension()), 2 * MatrixXd::Identity(density.dimension(), density.dimension())}});
  const Index count = 4000;
  MatrixXd points(density.dimension(), count);
  VectorXd log_proposal(count);
  filbert::Rng rng(3, 0);
  filbert::CandidateProposal(density, wide, 0, 1, 1).draw(rng, points, log_proposal);
  filbert::StudentMixture own = wide;
  for (const Index i : {Index{0}, Index{17}}) {
    CHECK(log_proposal(i) == doctest::Approx(own.log_density(points.col(i))));
  }
  const auto log_weights = [&] {
    VectorXd result(count);
    for (Index i = 0; i < count; ++i) result(i) = density.value(points.col(i)) - log_proposal(i);
    return result;
  };
  const VectorXd of_one = log_weights();
  filbert::CandidateProposal(density, wide, 0, 30, 2).draw(rng, points, log_proposal);
  const VectorXd of_many = log_weights();
  // Means of weights have the same expectation, and vary less.
  const auto mean = [](const VectorXd& logs) { return std::log(logs.array().exp().mean()); };
  const auto relative_sd = [](const VectorXd& logs) {
    const Eigen::ArrayXd weights = (logs.array() - logs.maxCoeff()).exp();
    return std::sqrt((weights / weights.mean() - 1).square().mean());
  };
  const double error = relative_sd(of_one) / std::sqrt(static_cast<double>(count));
  CHECK(std::abs(mean(of_one) - mean(of_many)) < 5 * error);
  CHECK(relative_sd(of_many) < 0.3 * relative_sd(of_one));
}
