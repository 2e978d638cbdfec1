// Follows the priors that are not Gaussian to where the posterior is.
#include "filbert/frame/prior_proxies.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "filbert/frame/posterior_errors.hpp"

namespace filbert {

using Eigen::Index;

PriorProxies::PriorProxies(const std::vector<Prior>& priors) {
  for (const Prior& prior : priors) {
    const GaussianProxy proxy = prior.proxy(prior.proxy(0).mean);
    if (!std::isfinite(proxy.mean * proxy.precision)) {
      throw UncomputablePosterior(static_cast<Index>(proxies_.size()));
    }
    proxies_.push_back(proxy);
  }
}

Index PriorProxies::flat() const {
  return std::count_if(proxies_.begin(), proxies_.end(), [](const auto& proxy) { return proxy.precision == 0; });
}

bool PriorProxies::update(const std::vector<Prior>& priors, const std::vector<Index>& which,
                          const Eigen::VectorXd& values) {
  double change = 0;
  std::vector<GaussianProxy> updated = proxies_;
  for (const Index k : which) {
    const Prior& prior = priors[static_cast<std::size_t>(k)];
    if (prior.is_gaussian()) continue;
    GaussianProxy& proxy = updated[static_cast<std::size_t>(k)];
    const double before = proxy.precision;
    proxy = prior.proxy(values(k));
    if (proxy.precision != before) change = std::max(change, std::abs(std::log(proxy.precision / before)));
  }
  const bool moved = change > 0.05;
  if (moved) proxies_ = std::move(updated);
  return moved;
}

}  // namespace filbert
