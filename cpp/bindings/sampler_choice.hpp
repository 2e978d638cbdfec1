// Takes the sampler that a pilot suggests, and NUTS where its draws are not to be trusted.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <Eigen/Core>
#include <cstdint>
#include <string>

/// What a choice between the two samplers is given.
struct SamplerChoice {
  Eigen::Index draws, tune;
  int chains, cores;
  std::uint64_t seed;
  double target_accept;
  int max_treedepth;
  bool keep_warmup;
  const pybind11::object& report;
};

/// A sampler that is tried before NUTS.
struct FirstSampler {
  const char* name;   ///< as results have it
  const char* title;  ///< in a sentence
};
inline constexpr FirstSampler independence_sampler = {"independence", "independence Metropolis"};
inline constexpr FirstSampler split_hmc_sampler = {"hmc", "Hamiltonian Monte Carlo with split steps"};

/// The draws of `sample_first()`, unless a pilot's `refusal` or their own complaint leaves it for NUTS; says which it was, and why.
template <typename Density, typename SampleFirst>
pybind11::dict first_or_nuts(const FirstSampler& first, const Density& density, const SamplerChoice& choice,
                             const std::string& refusal, const SampleFirst& sample_first) {
  namespace py = pybind11;
  std::string note = refusal;
  if (note.empty()) {
    py::dict result = sample_first();
    note = result["complaint"].template cast<std::string>();
    if (note.empty()) {
      result["sampler"] = first.name;
      result["note"] = "";
      return result;
    }
  }
  const py::object nuts = py::module_::import("filbert._core").attr("sample");
  py::dict result =
      nuts(density, py::arg("draws") = choice.draws, py::arg("tune") = choice.tune, py::arg("chains") = choice.chains,
           py::arg("cores") = choice.cores, py::arg("seed") = choice.seed,
           py::arg("target_accept") = choice.target_accept, py::arg("max_treedepth") = choice.max_treedepth,
           py::arg("keep_warmup") = choice.keep_warmup, py::arg("report") = choice.report);
  result["sampler"] = "nuts";
  result["note"] = std::string(first.title) + " was left for NUTS: " + note;
  return result;
}
