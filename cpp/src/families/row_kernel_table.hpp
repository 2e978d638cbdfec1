// Which kernels belong to which family and link; compiled once for each instruction set.
#pragma once

#include "filbert/families/beta.hpp"
#include "filbert/families/beta_binomial.hpp"
#include "filbert/families/binomial.hpp"
#include "filbert/families/gamma.hpp"
#include "filbert/families/gaussian.hpp"
#include "filbert/families/negativebinomial.hpp"
#include "filbert/families/poisson.hpp"
#include "filbert/families/t.hpp"
#include "row_loops.hpp"

namespace filbert::kernels::FILBERT_INSTRUCTION_SET {

template <typename Family>
constexpr RowKernels kernels_of = {&gradient<Family>, &slopes<Family>, &curvature<Family>,
                                   &batch<Family>,    &single<Family>, &triple_products};

/// Null where the family does not have the link.
inline const RowKernels* find(filbert::Family family, Link link) {
  switch (family) {
    case filbert::Family::Bernoulli:
    case filbert::Family::Binomial:
      if (link == Link::Logit) return &kernels_of<Binomial<Link::Logit>>;
      if (link == Link::Probit) return &kernels_of<Binomial<Link::Probit>>;
      if (link == Link::Cloglog) return &kernels_of<Binomial<Link::Cloglog>>;
      if (link == Link::Identity) return &kernels_of<Binomial<Link::Identity>>;
      return nullptr;
    case filbert::Family::Poisson:
      if (link == Link::Log) return &kernels_of<Poisson<Link::Log>>;
      if (link == Link::Identity) return &kernels_of<Poisson<Link::Identity>>;
      if (link == Link::Sqrt) return &kernels_of<Poisson<Link::Sqrt>>;
      return nullptr;
    case filbert::Family::NegativeBinomial:
      if (link == Link::Log) return &kernels_of<NegativeBinomial<Link::Log>>;
      if (link == Link::Identity) return &kernels_of<NegativeBinomial<Link::Identity>>;
      return nullptr;
    case filbert::Family::StudentT:
      if (link == Link::Identity) return &kernels_of<StudentT<Link::Identity>>;
      if (link == Link::Log) return &kernels_of<StudentT<Link::Log>>;
      if (link == Link::Inverse) return &kernels_of<StudentT<Link::Inverse>>;
      return nullptr;
    case filbert::Family::Gamma:
      if (link == Link::Log) return &kernels_of<Gamma<Link::Log>>;
      if (link == Link::Inverse) return &kernels_of<Gamma<Link::Inverse>>;
      if (link == Link::Identity) return &kernels_of<Gamma<Link::Identity>>;
      return nullptr;
    case filbert::Family::Exponential:
      return link == Link::Log ? &kernels_of<Exponential<Link::Log>> : nullptr;
    case filbert::Family::Beta:
      if (link == Link::Logit) return &kernels_of<Beta<Link::Logit>>;
      if (link == Link::Probit) return &kernels_of<Beta<Link::Probit>>;
      if (link == Link::Cloglog) return &kernels_of<Beta<Link::Cloglog>>;
      return nullptr;
    case filbert::Family::BetaBinomial:
      if (link == Link::Logit) return &kernels_of<BetaBinomial<Link::Logit>>;
      if (link == Link::Probit) return &kernels_of<BetaBinomial<Link::Probit>>;
      if (link == Link::Cloglog) return &kernels_of<BetaBinomial<Link::Cloglog>>;
      return nullptr;
    case filbert::Family::Gaussian:
      if (link == Link::Log) return &kernels_of<Gaussian<Link::Log>>;
      if (link == Link::Inverse) return &kernels_of<Gaussian<Link::Inverse>>;
      if (link == Link::Identity) return &kernels_of<Gaussian<Link::Identity>>;
      return nullptr;
  }
  return nullptr;
}

}  // namespace filbert::kernels::FILBERT_INSTRUCTION_SET
