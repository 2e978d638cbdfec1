// Times one gradient of a regression's posterior and one leapfrog step of its sampler, by number of rows and of columns.

#include <Eigen/Core>
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "filbert/density/framed_linear_gaussian.hpp"
#include "filbert/density/linear_gaussian.hpp"
#include "filbert/priors/prior.hpp"
#include "filbert/sampler/rng.hpp"
#include "filbert/sampler/sample.hpp"
#include "filbert/summary/sufficient_statistics.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using filbert::FramedLinearGaussian;

constexpr Index block_rows = 10'000;
constexpr int repeats = 15;

double nanoseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

VectorXd normal_vector(filbert::Rng& rng, Index size) {
  VectorXd values(size);
  for (double& value : values) value = rng.normal();
  return values;
}

/// The posterior of n rows with p standard normal columns; Normal priors, and a half Cauchy one of sigma.
FramedLinearGaussian make_posterior(Index n, Index p) {
  filbert::Rng rng(static_cast<std::uint64_t>(n), static_cast<int>(p));
  filbert::SufficientStatistics summary(p);
  for (Index done = 0; done < n; done += block_rows) {
    const Index rows = std::min(block_rows, n - done);
    MatrixXd X(rows, p);
    for (double& value : X.reshaped()) value = rng.normal();
    const VectorXd y = VectorXd::Ones(rows) + X.rowwise().mean() + 0.5 * normal_vector(rng, rows);
    summary.update(X, y);
  }
  const std::vector<filbert::Prior> priors(static_cast<std::size_t>(p + 1), filbert::Prior::normal(0, 20));
  return FramedLinearGaussian(filbert::LinearGaussian(summary, true, filbert::InterceptPrior::AtMeans, priors,
                                                      filbert::Prior::half_cauchy(10)));
}

/// One posterior, and the times that were measured on it.
struct Subject {
  Index n, p;
  FramedLinearGaussian density;
  std::vector<double> gradient_times, step_times;

  Subject(Index rows, Index columns) : n(rows), p(columns), density(make_posterior(rows, columns)) {}
};

/// Nanoseconds of a gradient, at points drawn from the density that the frame makes nearly a standard normal one.
double time_gradient(FramedLinearGaussian& density) {
  constexpr std::size_t points = 16;
  filbert::Rng rng(1, 0);
  std::vector<VectorXd> positions;
  for (std::size_t i = 0; i < points; ++i) positions.push_back(normal_vector(rng, density.dimension()));
  VectorXd gradient(density.dimension());
  const auto evaluations = static_cast<std::size_t>(2'000'000 / density.dimension());
  double sum = 0;
  const Clock::time_point start = Clock::now();
  for (std::size_t i = 0; i < evaluations; ++i) sum += density(positions[i % points], gradient);
  const double elapsed = nanoseconds_since(start);
  // Printed where it can't be, so that the compiler may not drop the loop.
  if (sum == 0) std::printf("%g", sum);
  return elapsed / static_cast<double>(evaluations);
}

/// Nanoseconds of one chain, warm-up included, over its leapfrog steps.
double time_step(const FramedLinearGaussian& density, std::uint64_t seed) {
  filbert::SampleSettings settings;
  settings.chains = 1;
  settings.tune = 200;
  settings.draws = std::max<Index>(200, 200'000 / density.dimension());
  settings.seed = seed;
  filbert::Progress progress(1);
  const auto discard = [](int, Index, const VectorXd&, const filbert::TransitionStatistics&) {};
  const Clock::time_point start = Clock::now();
  filbert::sample(density, settings, discard, progress);
  return nanoseconds_since(start) / static_cast<double>(progress[0].n_steps.load());
}

/// Subjects take turns, so that a machine that slows down slows them all.
void measure(std::vector<Subject>& subjects) {
  for (int repeat = 0; repeat < repeats; ++repeat) {
    for (Subject& subject : subjects) {
      subject.gradient_times.push_back(time_gradient(subject.density));
      subject.step_times.push_back(time_step(subject.density, static_cast<std::uint64_t>(repeat)));
    }
  }
  std::printf("%9s %6s %13s %16s %17s\n", "rows", "p", "ns/gradient", "ns/coefficient", "ns/leapfrog step");
  for (const Subject& subject : subjects) {
    const double gradient = median(subject.gradient_times);
    std::printf("%9td %6td %13.1f %16.2f %17.1f\n", subject.n, subject.p, gradient,
                gradient / static_cast<double>(subject.p), median(subject.step_times));
  }
}

}  // namespace

int main() {
  std::printf("Posterior of a regression with p columns and Normal priors in its frame; one thread, medians of %d.\n\n",
              repeats);
  std::vector<Subject> by_rows;
  for (const Index n : {200, 1'000'000}) by_rows.emplace_back(n, 10);
  measure(by_rows);
  std::printf("rows 1 000 000 over 200: gradient %.2f\n\n",
              median(by_rows[1].gradient_times) / median(by_rows[0].gradient_times));

  std::vector<Subject> by_columns;
  for (const Index p : {10, 20, 50, 100, 200, 500, 1000}) by_columns.emplace_back(2 * p, p);
  measure(by_columns);
}
