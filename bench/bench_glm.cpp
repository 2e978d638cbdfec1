// Times what a GLM's samplers spend their time in: a gradient and a batch of log densities, in ns for a row and column, and the mode.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "filbert/density/framed_glm.hpp"
#include "filbert/sampler/rng.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using Eigen::Index;

/// The least of many short runs: what the machine does when nobody else is on it.
template <typename Work>
double least_seconds(double budget, const Work& work) {
  double least = 1e300;
  const Clock::time_point end =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(budget));
  do {
    const Clock::time_point start = Clock::now();
    work();
    least = std::min(least, std::chrono::duration<double>(Clock::now() - start).count());
  } while (Clock::now() < end);
  return least;
}

std::shared_ptr<const filbert::GlmPosterior> model(filbert::Family family, filbert::Link link, Index n, Index p,
                                                   filbert::InstructionSet set) {
  filbert::Rng rng(1);
  Eigen::MatrixXd X(n, p);
  for (double& x : X.reshaped()) x = rng.normal();
  filbert::GlmResponses responses;
  responses.y.resize(n);
  const double scale = 1 / std::sqrt(static_cast<double>(p));
  for (Index i = 0; i < n; ++i) {
    const double eta = scale * X.row(i).sum();
    const double noise = -std::log(1 - rng.uniform());
    switch (family) {
      case filbert::Family::Bernoulli:
        responses.y(i) = rng.uniform() < 1 / (1 + std::exp(-eta)) ? 1 : 0;
        break;
      case filbert::Family::Poisson:
      case filbert::Family::NegativeBinomial:
        responses.y(i) = std::floor(std::exp(eta) * noise + 0.5);
        break;
      case filbert::Family::Gamma:
        responses.y(i) = std::exp(eta) * noise + 1e-9;
        break;
      case filbert::Family::Beta:
        responses.y(i) = 1 / (1 + std::exp(-eta - rng.normal()));
        break;
      default:
        responses.y(i) = eta + rng.normal();
    }
  }
  filbert::GlmPriors priors;
  priors.coefficients.assign(static_cast<std::size_t>(p + 1),
                             filbert::Prior::named("Normal", std::vector<double>{0, 2.5}));
  for (std::size_t k = 0; k < filbert::facts(family).auxiliaries.size(); ++k) {
    priors.auxiliaries.emplace_back(filbert::Prior::named("HalfCauchy", std::vector<double>{1}));
  }
  auto data = std::make_shared<const filbert::GlmData>(family, link, X, responses, set);
  return std::make_shared<const filbert::GlmPosterior>(std::move(data), priors);
}

void time_one(const char* label, filbert::Family family, filbert::Link link, Index n, Index p,
              filbert::InstructionSet set) {
  const auto posterior = model(family, link, n, p, set);
  std::unique_ptr<filbert::FramedGlm> density;
  const double mode = least_seconds(0.05, [&] { density = std::make_unique<filbert::FramedGlm>(posterior); });
  Eigen::VectorXd z = Eigen::VectorXd::Constant(density->dimension(), 0.1), gradient = z;
  const double one = least_seconds(0.3, [&] { (*density)(z, gradient); });
  Eigen::MatrixXd many = Eigen::MatrixXd::Constant(density->dimension(), 96, 0.1);
  Eigen::VectorXd values(96);
  const double batch = least_seconds(0.3, [&] { density->batch(many, values); }) / 96;
  const double thirds = least_seconds(0.0, [&] { (void)density->third_derivatives(); });
  const double per = 1e9 / static_cast<double>(n * p);
  std::printf(
      "%-28s %-9s n=%-8td p=%-4td gradient %8.1f us %6.3f ns  batched %8.1f us %6.3f ns  mode %8.2f ms (%d)  thirds "
      "%7.2f ms\n",
      label, std::string(filbert::name(set)).c_str(), n, p, one * 1e6, one * per, batch * 1e6, batch * per, mode * 1e3,
      density->mode().iterations, thirds * 1e3);
}

}  // namespace

int main(int count, char** arguments) {
  using filbert::Family;
  using filbert::Link;
  const bool long_ones = count > 1 && arguments[1][0] == 'l';
  for (const filbert::InstructionSet set : {filbert::instruction_set(), filbert::InstructionSet::Baseline}) {
    time_one("bernoulli logit", Family::Bernoulli, Link::Logit, 1000, 25, set);
    time_one("bernoulli logit", Family::Bernoulli, Link::Logit, 10000, 20, set);
    time_one("bernoulli logit", Family::Bernoulli, Link::Logit, 2000, 200, set);
    time_one("bernoulli probit", Family::Bernoulli, Link::Probit, 1000, 10, set);
    time_one("bernoulli cloglog", Family::Bernoulli, Link::Cloglog, 1000, 10, set);
    time_one("poisson log", Family::Poisson, Link::Log, 10000, 10, set);
    time_one("negativebinomial log", Family::NegativeBinomial, Link::Log, 500, 6, set);
    time_one("t identity", Family::StudentT, Link::Identity, 10000, 10, set);
    time_one("gamma log", Family::Gamma, Link::Log, 10000, 10, set);
    time_one("beta logit", Family::Beta, Link::Logit, 1000, 10, set);
    if (long_ones) time_one("bernoulli logit", Family::Bernoulli, Link::Logit, 1000000, 10, set);
  }
}
