// Row kernels over blocks of rows and draws, and a stream of random numbers for each row and draw.
#include "filbert/draws/glm_predictive.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>

#include "filbert/families/row_kernels.hpp"
#include "filbert/families/variates.hpp"
#include "filbert/threads/thread_pool.hpp"

namespace filbert {

using Eigen::Index;
using Eigen::VectorXd;

namespace {

void require_same(const char* what, Index given, Index expected) {
  if (given == expected) return;
  throw std::invalid_argument(std::string(what) + " must be " + std::to_string(expected) + ", not " +
                              std::to_string(given));
}

double response(Family family, double mean, double trials, const double* auxiliaries, Rng& rng) {
  if (!std::isfinite(mean)) return std::numeric_limits<double>::quiet_NaN();
  switch (family) {
    case Family::Bernoulli:
      return rng.uniform() < mean ? 1 : 0;
    case Family::Binomial:
      return binomial_variate(rng, trials, mean);
    case Family::Poisson:
      return poisson_variate(rng, mean);
    case Family::NegativeBinomial:
      return poisson_variate(rng, mean * gamma_variate(rng, auxiliaries[0]) / auxiliaries[0]);
    case Family::StudentT:
      return mean + auxiliaries[0] * rng.normal() *
                        std::exp(0.5 * (std::log(0.5 * auxiliaries[1]) - log_gamma_variate(rng, 0.5 * auxiliaries[1])));
    case Family::Gamma:
      return mean * gamma_variate(rng, auxiliaries[0]) / auxiliaries[0];
    case Family::Exponential:
      return -mean * std::log(positive_uniform(rng));
    case Family::Beta:
      return beta_variate(rng, mean * auxiliaries[0], (1 - mean) * auxiliaries[0]);
    case Family::BetaBinomial:
      return binomial_variate(rng, trials, beta_variate(rng, mean * auxiliaries[0], (1 - mean) * auxiliaries[0]));
    case Family::Gaussian:
      return mean + auxiliaries[0] * rng.normal();
  }
  return mean;
}

void require_auxiliaries(Family family, const Eigen::Ref<const RowDraws>& auxiliaries, Index draws) {
  const Index expected = static_cast<Index>(facts(family).auxiliaries.size());
  require_same("the number of auxiliaries", auxiliaries.rows(), expected);
  if (expected > 0) require_same("the number of draws of the auxiliaries", auxiliaries.cols(), draws);
}

}  // namespace

void glm_log_likelihood(Family family, Link link, const Eigen::Ref<const VectorXd>& y,
                        const Eigen::Ref<const VectorXd>& trials, const Eigen::Ref<const RowDraws>& eta,
                        const Eigen::Ref<const RowDraws>& auxiliaries, Eigen::Ref<RowDraws> into, int threads) {
  require_same("the number of responses", y.size(), eta.rows());
  if (trials.size() > 0) require_same("the number of trials", trials.size(), eta.rows());
  require_same("the rows of the result", into.rows(), eta.rows());
  require_same("the draws of the result", into.cols(), eta.cols());
  require_auxiliaries(family, auxiliaries, eta.cols());
  const RowKernels& kernels = row_kernels(family, link);
  VectorXd second = trials, constants(y.size());
  if (family == Family::Gamma) second = y.array().log();
  for (Index i = 0; i < y.size(); ++i) constants(i) = row_constant(family, y(i), trials.size() > 0 ? trials(i) : 1.0);
  constexpr Index block = 64;
  share(eta.rows(), threads, block, [&](Index begin, Index end) {
    VectorXd of_draw(block), value(block);
    for (Index first = begin; first < end; first += block) {
      const Index count = std::min(block, end - first);
      for (Index d = 0; d < eta.cols(); ++d) {
        double at[max_auxiliaries] = {1, 1};
        for (Index k = 0; k < auxiliaries.rows(); ++k) at[k] = auxiliaries(k, d);
        of_draw.head(count) = eta.col(d).segment(first, count);
        kernels.single(count, of_draw.data(), y.data() + first, second.size() > 0 ? second.data() + first : nullptr, at,
                       {.value = value.data()});
        into.col(d).segment(first, count) = value.head(count) + constants.segment(first, count);
      }
    }
  });
}

void glm_response_draws(Family family, const StridedDraws& means, const Eigen::Ref<const VectorXd>& trials,
                        const Eigen::Ref<const RowDraws>& auxiliaries, const std::vector<std::uint64_t>& keys,
                        std::uint64_t seed, StridedDraws responses, int threads) {
  require_same("the number of keys", static_cast<Index>(keys.size()), means.rows());
  require_same("the rows of the responses", responses.rows(), means.rows());
  require_same("the draws of the responses", responses.cols(), means.cols());
  require_auxiliaries(family, auxiliaries, means.cols());
  if (facts(family).has_trials) require_same("the number of trials", trials.size(), means.rows());
  constexpr Index least = 16;
  share(means.rows(), threads, least, [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row) {
      const std::uint64_t of_row = scrambled(scrambled(keys[static_cast<std::size_t>(row)]) + seed);
      for (Index d = 0; d < means.cols(); ++d) {
        double at[max_auxiliaries] = {1, 1};
        for (Index k = 0; k < auxiliaries.rows(); ++k) at[k] = auxiliaries(k, d);
        Rng rng(scrambled(of_row + static_cast<std::uint64_t>(d)));
        responses(row, d) = response(family, means(row, d), trials.size() > 0 ? trials(row) : 1.0, at, rng);
      }
    }
  });
}

}  // namespace filbert
