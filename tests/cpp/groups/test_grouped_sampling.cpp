// Independence draws of mixed models have the moments of NUTS, and a pilot sees where they would not do.
#include "filbert/groups/grouped_sampling.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "filbert/draws/diagnostics.hpp"
#include "filbert/sampler/sample.hpp"
#include "mixed_models.hpp"

using filbert::FramedGroupedGaussian;
using filbert::GroupedGaussian;
using filbert::GroupedModel;
using filbert::Prior;
using namespace mixed_models;

namespace {

using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

FramedGroupedGaussian crossed(const filbert::GroupedFrameSettings& settings = {}) {
  const Data data = make_data({.n_groups = {12, 6}, .terms = {{0, 1}, {1, 1}}}, 3);
  return FramedGroupedGaussian(GroupedGaussian(data.summary(), weakly_informed(data, false)), settings);
}

/// Draws (variables, 4 · draws) by independence Metropolis.
template <typename Rules = filbert::IndependenceRules>
MatrixXd independent(const FramedGroupedGaussian& density, Index draws, Index every, int cores = 1) {
  const filbert::GroupedPilot pilot = filbert::pilot_grouped(density, 1);
  filbert::IndependenceSettings settings{.draws = draws, .burn_in = 10, .chains = 4, .cores = cores, .seed = 2};
  settings.every = every;
  MatrixXd result(density.variables(), 4 * draws);
  filbert::Progress progress(4);
  const auto record = [&](int chain, Index iteration, const VectorXd& position, const filbert::IndependenceStatistics&,
                          FramedGroupedGaussian& own) {
    own.to_user_scale(position, 0, result.col(chain * draws + iteration));
  };
  filbert::sample_independence<Rules>(pilot.density, pilot.proposal, settings, record, progress, {}, {},
                                      std::chrono::milliseconds(50), &pilot.starts);
  return result;
}

MatrixXd by_nuts(const FramedGroupedGaussian& density, Index draws) {
  filbert::SampleSettings settings{.draws = draws, .tune = 200, .chains = 4, .cores = 2, .seed = 3};
  MatrixXd positions(density.dimension(), 4 * draws), result(density.variables(), 4 * draws);
  filbert::Progress progress(4);
  const auto record = [&](int chain, Index iteration, const VectorXd& position, const filbert::TransitionStatistics&) {
    if (iteration >= settings.tune) positions.col(chain * draws + iteration - settings.tune) = position;
  };
  filbert::sample(density, settings, record, progress);
  FramedGroupedGaussian own = density;
  own.to_user_scale(positions, result);
  return result;
}

/// The largest difference of means of log scales between two runs, in Monte Carlo errors.
double difference(const MatrixXd& a, const MatrixXd& b, Index first, Index last) {
  double worst = 0;
  for (Index row = first; row < last; ++row) {
    const Rows x = a.row(row).array().log().matrix().reshaped(a.cols() / 4, 4).transpose();
    const Rows y = b.row(row).array().log().matrix().reshaped(b.cols() / 4, 4).transpose();
    const auto error = [](const Rows& of) { return (of.array() - of.mean()).square().mean() / filbert::ess_mean(of); };
    worst = std::max(worst, std::abs(x.mean() - y.mean()) / std::sqrt(error(x) + error(y)));
  }
  return worst;
}

struct AcceptsAll : filbert::IndependenceRules {
  static bool accepts(double log_ratio, double) { return !std::isnan(log_ratio); }
};

}  // namespace

TEST_CASE("independence draws of a crossed model have the moments of NUTS, and a sampler that accepts all has not") {
  const FramedGroupedGaussian density = crossed();
  const Index first = density.posterior().units().coefficients(), last = first + 3;  // σ and the deviations
  const MatrixXd nuts = by_nuts(density, 10000);
  CHECK(difference(independent(density, 10000, 2), nuts, first, last) < 4);
  CHECK(difference(independent<AcceptsAll>(density, 10000, 2), nuts, first, last) > 5);
}

TEST_CASE("where the frame's own proposals fail, adapted ones do, and their draws have the moments of NUTS") {
  const Data data = make_data({.n = 8, .p = 1, .n_groups = {6, 3}, .terms = {{0, 1}, {1, 1}}}, 1);
  const FramedGroupedGaussian density(GroupedGaussian(data.summary(), weakly_informed(data, false)));
  CHECK(!filbert::pilot_grouped(density, 1, 1, {.most_adapted = 0}).refusal.empty());
  const filbert::GroupedPilot pilot = filbert::pilot_grouped(density, 1);
  CHECK(pilot.refusal.empty());
  CHECK(pilot.proposal.components().size() > 2);
  const Index first = density.posterior().units().coefficients(), last = first + 3;
  const MatrixXd nuts = by_nuts(density, 20000);
  CHECK(difference(independent(density, 10000, 3), nuts, first, last) < 4);
  CHECK(difference(independent<AcceptsAll>(density, 10000, 3), nuts, first, last) > 5);
}

TEST_CASE("a draw of several moves repeats the one before it less often, and draws do not depend on cores") {
  const FramedGroupedGaussian density = crossed({.with_effects = false, .seed = 0});
  const Index sigma = density.posterior().units().coefficients();
  const auto repeats = [sigma](const MatrixXd& draws) {
    int count = 0;
    for (Index i = 1; i < draws.cols(); ++i) count += draws(sigma, i) == draws(sigma, i - 1) ? 1 : 0;
    return count;
  };
  const MatrixXd one = independent(density, 1000, 1), three = independent(density, 1000, 3);
  CHECK(repeats(three) < repeats(one) / 4);
  CHECK(independent(density, 1000, 3, 4) == three);
}

TEST_CASE("a dear density draws while it evaluates, what it would draw later") {
  const FramedGroupedGaussian density = crossed({.with_effects = true, .seed = 9});
  filbert::DrawingDensity drawing(density);
  FramedGroupedGaussian own = density;
  const MatrixXd points = 0.3 * MatrixXd::Random(density.dimension(), 7);
  VectorXd values(7), draw(density.variables()), expected(density.variables());
  drawing.batch(points, values);
  const Index sigma = density.posterior().units().coefficients();
  for (Index i = 0; i < 7; ++i) {
    CHECK(values(i) == doctest::Approx(own.value(points.col(i))).epsilon(1e-12));
    own.to_user_scale(points.col(i), 0, expected);
    drawing.draw(points.col(i), 0, draw);
    CHECK(draw == expected);
    drawing.draw(points.col(i), 1, draw);  // the second of a stay: the same variances, coefficients and effects anew
    CHECK(draw(sigma) == expected(sigma));
    CHECK(draw(0) != expected(0));
    CHECK(draw.tail(1) != expected.tail(1));
  }
}

TEST_CASE("draws are made at every value where nearly all are kept, or where a value costs more than a draw") {
  const auto pilot_of = [](const Data& data, double most_correlated) {
    const FramedGroupedGaussian density(GroupedGaussian(data.summary(), weakly_informed(data, false)));
    return filbert::pilot_grouped(density, 1, 1, {.most_correlated = most_correlated});
  };
  constexpr double any = 1e9, none = 0;  // moves that a draw is made of: one, or as many as there may be
  const Data blocks = make_data({.n = 200, .n_groups = {20}, .terms = {{0, 1}}}, 3);
  CHECK(pilot_of(blocks, any).draws_everywhere);
  CHECK_FALSE(pilot_of(blocks, none).draws_everywhere);
  const FramedGroupedGaussian density = crossed();
  double two = 1;
  while (filbert::pilot_grouped(density, 1, 1, {.most_correlated = two}).every > 2) two += 0.001;
  const filbert::GroupedPilot pilot = filbert::pilot_grouped(density, 1, 1, {.most_correlated = two});
  CHECK(pilot.every == 2);
  CHECK(pilot.draws_everywhere);
}

TEST_CASE("the frame does not depend on threads, where a component is large") {
  const Data data = make_data({.n = 3000, .n_groups = {260, 240}, .terms = {{0, 1}, {1, 1}}}, 5);
  const GroupedGaussian posterior(data.summary(), weakly_informed(data, false));
  CHECK(posterior.dense_effects() > 200);
  FramedGroupedGaussian one(posterior, {.with_effects = true, .seed = 1, .threads = 1});
  FramedGroupedGaussian three(posterior, {.with_effects = true, .seed = 1, .threads = 3});
  const VectorXd u = VectorXd::Constant(one.dimension(), 0.4);
  CHECK(one.position(u) == three.position(u));
  const filbert::GroupedPilot pilot = filbert::pilot_grouped(one, 4, 1);
  CHECK(pilot.is_dear);
  CHECK(pilot.every == 1);
  CHECK(pilot.draws_everywhere);
  CHECK(pilot.starts.log_weights == filbert::pilot_grouped(one, 4, 3).starts.log_weights);
}
