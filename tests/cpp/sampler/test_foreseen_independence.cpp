#include "filbert/sampler/foreseen_independence.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "filbert/density/skewed_proposal.hpp"
#include "filbert/draws/diagnostics.hpp"

using namespace filbert;

namespace {

using Values = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

const SkewedProposal proposal(Eigen::MatrixXd(0, 1), {});

IndependenceSettings settings_of(Eigen::Index draws) {
  IndependenceSettings settings;
  settings.draws = draws;
  settings.seed = 12;
  return settings;
}

struct AcceptsAll : IndependenceRules {
  static bool accepts(double log_ratio, double) { return !std::isnan(log_ratio); }
};

/// Draws of a normal of deviation ½, a factor of which may be left to `passes`.
template <typename Rules, typename Passes>
Values run(Eigen::Index draws, double share, const Passes& passes) {
  const IndependenceSettings settings = settings_of(draws);
  const ForeseenProposals proposals = foresee(proposal, 1, settings);
  const Eigen::VectorXd log_density = -2 * share * proposals.points.row(0).transpose().array().square();
  Values values(settings.chains, draws);
  const auto record = [&](int chain, Eigen::Index iteration, const Eigen::VectorXd& position,
                          const IndependenceStatistics&) { values(chain, iteration) = position(0); };
  decide<Rules>(proposals, log_density, settings, record,
                [&](Eigen::Index from, Eigen::Index to) { return passes(proposals, from, to); });
  return values;
}

double score(const Values& values) {
  const Values squares = values.array().square();
  const double spread = std::sqrt((squares.array() - squares.mean()).square().mean());
  return std::abs(squares.mean() - 0.25) / (spread / std::sqrt(ess_mean(squares)));
}

const auto everything = [](const ForeseenProposals&, Eigen::Index, Eigen::Index) { return true; };

}  // namespace

TEST_CASE("foreseen proposals are accepted to give the distribution, and a sampler that accepts all is noticed") {
  CHECK(score(run<IndependenceRules>(20000, 1, everything)) < 4);
  CHECK(score(run<AcceptsAll>(20000, 1, everything)) > 30);
}

TEST_CASE("a factor that decides for itself counts, and one that is left out is noticed") {
  Rng rng(5, 0);
  const auto factor = [&](const ForeseenProposals& proposals, Eigen::Index from, Eigen::Index to) {
    const double before = proposals.points(0, from), after = proposals.points(0, to);
    return std::log(rng.uniform()) < -(after * after - before * before);  // the other half of the density
  };
  CHECK(score(run<IndependenceRules>(20000, 0.5, factor)) < 4);
  CHECK(score(run<IndependenceRules>(20000, 0.5, everything)) > 30);
}

TEST_CASE("a chain's proposals do not depend on the number of chains") {
  IndependenceSettings settings = settings_of(100);
  const ForeseenProposals four = foresee(proposal, 1, settings);
  settings.chains = 2;
  const ForeseenProposals two = foresee(proposal, 1, settings);
  CHECK(two.points == four.points.leftCols(two.points.cols()));
  CHECK(two.uniforms == four.uniforms.head(two.uniforms.size()));
}

TEST_CASE("a chain without a possible state says so") {
  const IndependenceSettings settings = settings_of(10);
  const ForeseenProposals proposals = foresee(proposal, 1, settings);
  const Eigen::VectorXd nowhere =
      Eigen::VectorXd::Constant(proposals.points.cols(), -std::numeric_limits<double>::infinity());
  const auto ignore = [](int, Eigen::Index, const Eigen::VectorXd&, const IndependenceStatistics&) {};
  const auto passes = [](Eigen::Index, Eigen::Index) { return true; };
  CHECK_THROWS_WITH_AS(decide(proposals, nowhere, settings, ignore, passes),
                       doctest::Contains("found no starting point"), std::runtime_error);
}
