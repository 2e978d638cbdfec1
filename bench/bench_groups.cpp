// Times mixed models: one gradient of the marginal posterior, and effective draws a second of whole runs from rows on.
#include <Eigen/Core>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "filbert/draws/diagnostics.hpp"
#include "filbert/groups/framed_grouped_gaussian.hpp"
#include "filbert/sampler/sample.hpp"

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using Clock = std::chrono::steady_clock;
using Codes = Eigen::Matrix<std::int64_t, Eigen::Dynamic, 1>;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct Problem {
  std::string name;
  filbert::GroupStructure structure;
  bool correlated = false;
  MatrixXd X;
  VectorXd y;
  std::vector<MatrixXd> Z;  // of each term; without columns: of ones
  std::vector<Codes> codes;
};

/// Rows with a predictor from 0 to 9, groups of equal size, intercepts and slopes by group.
Problem slopes(const std::string& name, Index rows, Index groups, bool correlated) {
  filbert::Rng rng(1, 0);
  Problem problem{name,           {{groups}, {{0, 2}}}, correlated,   MatrixXd(rows, 1),
                  VectorXd(rows), {MatrixXd(rows, 2)},  {Codes(rows)}};
  MatrixXd effects(groups, 2);
  for (double& effect : effects.reshaped()) effect = rng.normal();
  for (Index i = 0; i < rows; ++i) {
    const Index g = i * groups / rows;
    const double x = groups < 100 ? static_cast<double>(i % 10) : rng.normal();
    problem.X(i, 0) = x;
    problem.Z[0].row(i) << 1, x;
    problem.codes[0](i) = g;
    problem.y(i) = 250 + 10 * x + 25 * effects(g, 0) + 6 * effects(g, 1) * x + 25 * rng.normal();
  }
  return problem;
}

/// As radon: 919 rows in 85 groups of very unequal size, a predictor of the row and one of the group.
Problem radon() {
  filbert::Rng rng(2, 0);
  const Index n = 919;
  Problem problem{"radon-like (1 | g)", {{85}, {{0, 1}}}, false,     MatrixXd(n, 2),
                  VectorXd(n),          {MatrixXd(n, 0)}, {Codes(n)}};
  VectorXd u(85), a(85);
  for (Index g = 0; g < 85; ++g) {
    u(g) = rng.normal();
    a(g) = 0.15 * rng.normal();
  }
  for (Index i = 0; i < n; ++i) {
    const double share = rng.uniform();
    const Index g = static_cast<Index>(85 * share * share * share);
    problem.codes[0](i) = g;
    problem.X.row(i) << (rng.uniform() < 0.17 ? 1.0 : 0.0), u(g);
    problem.y(i) = 1.5 - 0.7 * problem.X(i, 0) + 0.4 * u(g) + a(g) + 0.75 * rng.normal();
  }
  return problem;
}

/// Every level of one factor with every level of the other, or one factor within the other.
Problem two_factors(const std::string& name, Index first, Index second, Index rows, bool nested) {
  filbert::Rng rng(3, 0);
  Problem problem{name,
                  {{first, second}, {{0, 1}, {1, 1}}},
                  false,
                  MatrixXd(rows, 0),
                  VectorXd(rows),
                  {MatrixXd(rows, 0), MatrixXd(rows, 0)},
                  {Codes(rows), Codes(rows)}};
  VectorXd a(first), b(second);
  for (double& value : a) value = 0.9 * rng.normal();
  for (double& value : b) value = 1.9 * rng.normal();
  for (Index i = 0; i < rows; ++i) {
    const Index f = i % first;
    const Index s =
        nested ? f % second
               : (first * second == rows ? i / first : static_cast<Index>(rng.uniform() * static_cast<double>(second)));
    problem.codes[0](i) = f;
    problem.codes[1](i) = s;
    problem.y(i) = 20 + a(f) + b(s) + 0.55 * rng.normal();
  }
  return problem;
}

void run(const Problem& problem, Index draws) {
  const auto start = Clock::now();
  filbert::GroupedSummary summary(problem.X.cols(), problem.structure);
  filbert::GroupedRows rows{problem.X, problem.y, {}, {}};
  for (const MatrixXd& z : problem.Z) {
    rows.Z.push_back(z.cols() == 0 ? std::nullopt : std::optional<filbert::RowsRef>(z));
  }
  for (const Codes& codes : problem.codes) rows.codes.emplace_back(codes);
  summary.update(rows);
  const double summarise = seconds_since(start);

  const double sd = std::sqrt((problem.y.array() - problem.y.mean()).square().mean());
  filbert::GroupedModel model;
  model.coefficient_priors.assign(static_cast<std::size_t>(problem.X.cols() + 1), filbert::Prior::normal(0, 1000));
  model.sigma.prior = filbert::Prior::half_normal(sd);
  for (const filbert::GroupTerm& term : problem.structure.terms) {
    filbert::TermModel one{problem.correlated, {}, 1};
    one.deviations.assign(static_cast<std::size_t>(term.columns), {filbert::Prior::half_normal(sd)});
    model.terms.push_back(one);
  }
  filbert::FramedGroupedGaussian framed{filbert::GroupedGaussian(summary, model)};
  const double frame = seconds_since(start) - summarise;

  VectorXd u = VectorXd::Zero(framed.dimension()), gradient(u.size());
  Index repeats = 0;
  const auto timing = Clock::now();
  while (seconds_since(timing) < 0.1) {
    for (int k = 0; k < 8; ++k) framed(u, gradient);
    repeats += 8;
  }
  const double per_gradient = seconds_since(timing) / static_cast<double>(repeats);

  const auto sampling = Clock::now();
  filbert::SampleSettings settings{.draws = draws, .tune = 200, .chains = 4, .seed = 1};
  MatrixXd positions(framed.dimension(), 4 * draws);
  Index gradients = 0;
  filbert::Progress progress(4);
  const auto record = [&](int chain, Index iteration, const VectorXd& position,
                          const filbert::TransitionStatistics& statistics) {
    gradients += statistics.n_steps;
    if (iteration >= 200) positions.col(chain * draws + iteration - 200) = position;
  };
  filbert::sample(framed, settings, record, progress);
  MatrixXd values(framed.variables(), 64);
  using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Index kept = std::min<Index>(framed.variables(), 400);
  Rows all(kept, 4 * draws);
  for (Index first = 0; first < 4 * draws; first += 64) {
    const Index n = std::min<Index>(64, 4 * draws - first);
    framed.to_user_scale(positions.middleCols(first, n), values.leftCols(n));
    all.middleCols(first, n) = values.topLeftCorner(kept, n);
  }
  const double run_time = seconds_since(sampling);
  double least = 1e300;
  for (Index k = 0; k < kept; ++k) {
    const Rows chains = all.row(k).reshaped<Eigen::RowMajor>(4, draws);
    if (chains.maxCoeff() > chains.minCoeff()) {
      least = std::min({least, filbert::ess_bulk(chains), filbert::ess_tail(chains)});
    }
  }
  Index divergences = 0;
  for (int chain = 0; chain < 4; ++chain) divergences += progress[chain].divergences.load();
  const double total = summarise + frame + run_time;
  std::printf(
      "%-28s dim %ld  %8.2f us/grad  rows %7.3f s  frame %7.4f s (%d)  sample %7.3f s  ESS/grad %.3f  ESS/s %9.0f  div "
      "%ld\n",
      problem.name.c_str(), static_cast<long>(framed.dimension()), per_gradient * 1e6, summarise, frame,
      framed.evaluations(), run_time, least / static_cast<double>(gradients), least / total,
      static_cast<long>(divergences));
}

}  // namespace

int main() {
  run(slopes("sleepstudy-like (x | g)", 180, 18, true), 1000);
  run(slopes("sleepstudy-like (x || g)", 180, 18, false), 1000);
  run(radon(), 1000);
  run(two_factors("Penicillin-like, crossed", 24, 6, 144, false), 1000);
  run(two_factors("Pastes-like, nested", 30, 10, 60, true), 1000);
  run(slopes("2e4 rows, 200 groups, (x | g)", 20000, 200, true), 1000);
  run(slopes("1e6 rows, 1e4 groups, (x | g)", 1000000, 10000, true), 1000);
  run(two_factors("2e4 rows, 1000 x 100 crossed", 1000, 100, 20000, false), 100);
}
