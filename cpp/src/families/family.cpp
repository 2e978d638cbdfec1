// The tables of families and links, and the scalar functions of a response and its linear predictor.
#include "filbert/families/family.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "filbert/numeric/normal_quantile.hpp"

namespace filbert {
namespace {

using enum Link;

constexpr double infinity = std::numeric_limits<double>::infinity();

constexpr std::array<std::string_view, 1> alpha = {"alpha"};
constexpr std::array<std::string_view, 1> kappa = {"kappa"};
constexpr std::array<std::string_view, 1> sigma = {"sigma"};
constexpr std::array<std::string_view, 2> sigma_nu = {"sigma", "nu"};

constexpr std::array of_probabilities = {Logit, Probit, Cloglog, Identity};
constexpr std::array of_beta = {Logit, Probit, Cloglog};
constexpr std::array of_poisson = {Log, Identity, Sqrt};
constexpr std::array of_negative_binomial = {Log, Identity};
constexpr std::array of_gamma = {Log, Inverse, Identity};
constexpr std::array of_exponential = {Log};
constexpr std::array of_locations = {Identity, Log, Inverse};

constexpr std::array<FamilyFacts, 10> families = {{
    {Family::Bernoulli, "bernoulli", {}, of_probabilities, false, true},
    {Family::Binomial, "binomial", {}, of_probabilities, true, true},
    {Family::Poisson, "poisson", {}, of_poisson, false, true},
    {Family::NegativeBinomial, "negativebinomial", alpha, of_negative_binomial, false, false},
    {Family::StudentT, "t", sigma_nu, of_locations, false, false},
    {Family::Gamma, "gamma", alpha, of_gamma, false, false},
    {Family::Exponential, "exponential", {}, of_exponential, false, true},
    {Family::Beta, "beta", kappa, of_beta, false, false},
    {Family::BetaBinomial, "beta_binomial", kappa, of_beta, true, false},
    {Family::Gaussian, "gaussian", sigma, of_locations, false, false},
}};

constexpr std::array<std::string_view, 7> link_names = {"identity", "log",     "logit", "probit",
                                                        "cloglog",  "inverse", "sqrt"};

double log_choose(double n, double y) {
  if (y == 0 || y == n) return 0;
  return std::lgamma(n + 1) - std::lgamma(y + 1) - std::lgamma(n - y + 1);
}

double link_of(Link link, double mean) {
  switch (link) {
    case Identity:
      return mean;
    case Log:
      return std::log(mean);
    case Logit:
      return std::log(mean) - std::log1p(-mean);
    case Probit:
      return normal_quantile(mean);
    case Cloglog:
      return std::log(-std::log1p(-mean));
    case Inverse:
      return 1 / mean;
    case Sqrt:
      return std::sqrt(mean);
  }
  return mean;
}

}  // namespace

std::span<const FamilyFacts> all_families() { return families; }

const FamilyFacts& facts(Family family) {
  return *std::find_if(families.begin(), families.end(), [family](const FamilyFacts& f) { return f.family == family; });
}

std::string_view name(Link link) { return link_names[static_cast<std::size_t>(link)]; }

Family family_named(std::string_view name) {
  std::string known;
  for (const FamilyFacts& family : families) {
    if (family.name == name) return family.family;
    known += (known.empty() ? "'" : ", '") + std::string(family.name) + "'";
  }
  throw std::invalid_argument("unknown family '" + std::string(name) + "'; there are " + known);
}

Link link_named(std::string_view name, Family family) {
  std::string known;
  for (const Link link : facts(family).links) {
    if (filbert::name(link) == name) return link;
    known += (known.empty() ? "'" : ", '") + std::string(filbert::name(link)) + "'";
  }
  throw std::invalid_argument("family '" + std::string(facts(family).name) + "' has no link '" + std::string(name) +
                              "'; it has " + known);
}

PredictorDomain predictor_domain(Family family, Link link) {
  if (family == Family::StudentT || family == Family::Gaussian) return {-infinity, infinity};
  if (family == Family::Bernoulli || family == Family::Binomial) {
    return link == Identity ? PredictorDomain{0, 1} : PredictorDomain{-infinity, infinity};
  }
  return link == Identity || link == Inverse || link == Sqrt ? PredictorDomain{0, infinity}
                                                             : PredictorDomain{-infinity, infinity};
}

double row_constant(Family family, double y, double trials) {
  switch (family) {
    case Family::Binomial:
    case Family::BetaBinomial:
      return log_choose(trials, y);
    case Family::Poisson:
    case Family::NegativeBinomial:
      return -std::lgamma(y + 1);
    case Family::Gamma:
      return -std::log(y);
    case Family::Beta:
      return -std::log(y) - std::log1p(-y);
    default:
      return 0;
  }
}

double starting_predictor(Family family, Link link, double y, double trials) {
  switch (family) {
    case Family::Bernoulli:
    case Family::Binomial:
    case Family::BetaBinomial:
      return link_of(link, (y + 0.5) / (trials + 1));
    case Family::Poisson:
    case Family::NegativeBinomial:
      return link_of(link, y + (y < 0.5 ? 0.25 : 0.0));
    case Family::StudentT:
    case Family::Gaussian:
      if (link == Log) return std::log(std::max(y, 1e-3));
      return link_of(link, y == 0 && link == Inverse ? 1e-3 : y);
    default:
      return link_of(link, y);
  }
}

double mean_response(Link link, double eta) {
  switch (link) {
    case Identity:
      return eta;
    case Log:
      return std::exp(eta);
    case Logit:
      return eta > 0 ? 1 / (1 + std::exp(-eta)) : std::exp(eta) / (1 + std::exp(eta));
    case Probit:
      return 0.5 * std::erfc(-eta * std::sqrt(0.5));
    case Cloglog:
      return -std::expm1(-std::exp(eta));
    case Inverse:
      return 1 / eta;
    case Sqrt:
      return eta * eta;
  }
  return eta;
}

}  // namespace filbert
