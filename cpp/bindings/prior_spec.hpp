// How Python states a prior: its name and its parameters, in the order of the table.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "filbert/priors/prior.hpp"

using PriorSpec = std::pair<std::string, std::vector<double>>;

inline filbert::Prior make_prior(const PriorSpec& spec) { return filbert::Prior::named(spec.first, spec.second); }
