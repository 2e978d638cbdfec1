// The families and links of generalised linear models: names, auxiliaries, and which link goes with which family.
#pragma once

#include <span>
#include <string_view>

namespace filbert {

enum class Family {
  Bernoulli,
  Binomial,
  Poisson,
  NegativeBinomial,
  StudentT,
  Gamma,
  Exponential,
  Beta,
  BetaBinomial,
  Gaussian
};

enum class Link { Identity, Log, Logit, Probit, Cloglog, Inverse, Sqrt };

/// The most auxiliaries that a family has.
inline constexpr int max_auxiliaries = 2;

/// What does not depend on data. Names are bambi's.
struct FamilyFacts {
  Family family;
  std::string_view name;
  std::span<const std::string_view> auxiliaries;  ///< all positive, in the order of every array of auxiliaries
  std::span<const Link> links;                    ///< the default first
  bool has_trials;                                ///< a response is a number of successes among trials
  bool is_log_concave;                            ///< in the linear predictor, under every link
};

const FamilyFacts& facts(Family family);
std::span<const FamilyFacts> all_families();

std::string_view name(Link link);

/// Throw std::invalid_argument that lists what there is; the link must be one of the family's.
Family family_named(std::string_view name);
Link link_named(std::string_view name, Family family);

/// The open interval of the linear predictor in which the likelihood is positive.
struct PredictorDomain {
  double lower, upper;
};
PredictorDomain predictor_domain(Family family, Link link);

/// The terms of a row's log likelihood that depend on neither linear predictor nor auxiliaries.
double row_constant(Family family, double y, double trials);

/// The linear predictor at which one row alone is near its most likely, kept away from the edges of the domain.
double starting_predictor(Family family, Link link, double y, double trials);

/// The mean of a response (of one trial) given its linear predictor.
double mean_response(Link link, double eta);

}  // namespace filbert
