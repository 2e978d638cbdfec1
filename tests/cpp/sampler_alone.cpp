// Samples a normal distribution with the sampler's headers, Eigen and nothing else: what a guest of the C++ library does.
#include <Eigen/Core>
#include <cmath>
#include <cstdio>

#include "filbert/sampler/chain.hpp"
#include "filbert/sampler/dual_averaging.hpp"
#include "filbert/sampler/leapfrog.hpp"
#include "filbert/sampler/log_density.hpp"
#include "filbert/sampler/metric.hpp"
#include "filbert/sampler/nuts.hpp"
#include "filbert/sampler/phase_point.hpp"
#include "filbert/sampler/rng.hpp"
#include "filbert/sampler/running_variance.hpp"
#include "filbert/sampler/sample.hpp"
#include "filbert/sampler/trajectory.hpp"
#include "filbert/sampler/warmup.hpp"
#include "filbert/sampler/warmup_schedule.hpp"

namespace {

/// Independent normals with deviation 3.
struct WideNormal {
  Eigen::Index dimension() const { return 2; }
  double operator()(const Eigen::VectorXd& position, Eigen::VectorXd& gradient) const {
    gradient = -position / 9;
    return -position.squaredNorm() / 18;
  }
};

}  // namespace

int main() {
  filbert::SampleSettings settings;
  settings.tune = 500;
  settings.draws = 1000;
  settings.chains = 2;
  settings.seed = 1;
  filbert::Progress progress(settings.chains);
  double sum_of_squares = 0;  // one core: chains write one after the other
  const auto record = [&](int, Eigen::Index iteration, const Eigen::VectorXd& position,
                          const filbert::TransitionStatistics&) {
    if (iteration >= settings.tune) sum_of_squares += position.squaredNorm();
  };
  filbert::sample(WideNormal{}, settings, record, progress);
  const double deviation = std::sqrt(sum_of_squares / (2.0 * settings.chains * static_cast<double>(settings.draws)));
  std::printf("sd %.3f\n", deviation);
  return std::abs(deviation - 3) < 0.3 ? 0 : 1;
}
