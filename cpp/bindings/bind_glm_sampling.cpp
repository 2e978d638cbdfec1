// Independence Metropolis for generalised linear models, and the choice between it and NUTS, for Python.
#include <pybind11/eigen.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "filbert/density/candidate_rows.hpp"
#include "filbert/density/framed_glm.hpp"
#include "filbert/density/glm_sampling.hpp"
#include "filbert/sampler/independence.hpp"
#include "independence_result.hpp"
#include "sampler_choice.hpp"

namespace py = pybind11;
using Eigen::Index;
using filbert::FramedGlm;

namespace {

/// Writes draws and statistics into arrays; draws of different chains may come from different threads.
class Recorder {
 public:
  Recorder(const FramedGlm& framed, const IndependenceArrays& arrays, int chains, Index draws)
      : arrays_(arrays),
        variables_(framed.variables()),
        draws_(draws),
        chains_(chains),
        densities_(static_cast<std::size_t>(chains), framed),
        user_(static_cast<std::size_t>(chains), Eigen::VectorXd(framed.variables())) {}

  void operator()(int chain, Index iteration, const Eigen::VectorXd& position,
                  const filbert::IndependenceStatistics& statistics) {
    FramedGlm& own = densities_[static_cast<std::size_t>(chain)];
    Eigen::VectorXd& draw = user_[static_cast<std::size_t>(chain)];
    const Index at = chain * draws_ + iteration;
    const bool repeats = !statistics.accepted && iteration > 0;
    if (!repeats) own.to_user_scale(position, draw);
    for (Index v = 0; v < variables_; ++v) arrays_.values[(v * chains_ + chain) * draws_ + iteration] = draw(v);
    arrays_.log_density[at] =
        repeats ? arrays_.log_density[at - 1] : own.user_log_density(position, statistics.log_density);
    arrays_.record(at, statistics);
  }

 private:
  IndependenceArrays arrays_;
  Index variables_, draws_;
  int chains_;
  std::vector<FramedGlm> densities_;
  std::vector<Eigen::VectorXd> user_;
};

using Rows = Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

/// `density` is `framed`, or what is sampled in its place.
template <typename Density>
py::dict independence(const FramedGlm& framed, const Density& density, const filbert::SkewedProposal& proposal,
                      const filbert::IndependenceSettings& settings, py::object report,
                      const filbert::IndependenceThresholds& asked = {}) {
  settings.validate();
  const int chains = settings.chains;
  const Index draws = settings.draws, variables = framed.variables();
  py::dict result, sampling;
  const IndependenceArrays arrays = new_arrays(sampling, variables, chains, draws);
  result["sampling"] = sampling;
  filbert::Progress progress(chains);
  Poll poll(progress, draws, std::move(report));
  std::vector<filbert::IndependenceChain> done;
  std::string complaint;
  {
    // The arrays stay alive through `result`; workers write to their memory and touch no Python object, or take the lock.
    const py::gil_scoped_release release;
    Recorder recorder(framed, arrays, chains, draws);
    done = filbert::sample_independence(density, proposal, settings, std::ref(recorder), progress, poll);
    const Rows values(arrays.values, variables * chains, draws);
    if (!poll.interrupted()) complaint = filbert::complaint_about(done, values, asked, settings.cores);
  }
  double moves = 0, rows = 0;
  for (const filbert::IndependenceChain& chain : done) {
    moves += static_cast<double>(chain.iterations + settings.burn_in);
    rows += chain.rows_evaluated;
  }
  describe(result, done);
  result["complaint"] = complaint;
  if constexpr (filbert::FactorisedLogDensity<Density>) result["rows_a_move"] = rows / std::max(moves, 1.0);
  result["interrupted"] = poll.interrupted();
  return result;
}

/// In the frame of the closest normal. More proposals are refused than elsewhere, and a draw is made of three.
py::dict independence_of_many(const FramedGlm& moved, filbert::IndependenceSettings settings, py::object report) {
  settings.every = 3;
  return independence(moved, moved, filbert::normal_of_many(moved.dimension()), settings, std::move(report),
                      filbert::SwitchRule().asked_of_many);
}

py::dict sample_independence(const FramedGlm& density, Index draws, int chains, int cores, std::uint64_t seed,
                             Index burn_in, bool subsample, py::object report) {
  filbert::IndependenceSettings settings = make_settings(draws, chains, cores, seed);
  settings.burn_in = burn_in;
  std::optional<filbert::SkewedProposal> proposal;
  std::optional<filbert::GlmSubsampling> subsampling;
  std::optional<FramedGlm> moved;
  {
    const py::gil_scoped_release release;
    if (subsample) subsampling = filbert::subsampled_where_long(density, seed, cores);
    const bool has_many = density.dimension() > filbert::SwitchRule().most_dimensions;
    if (!subsampling && has_many) moved = filbert::frame_of_many(density);
    if (!subsampling && !moved) proposal = filbert::skewed_proposal(density);
  }
  if (moved) return independence_of_many(*moved, settings, std::move(report));
  return subsampling ? independence(density, subsampling->density, subsampling->proposal, settings, std::move(report))
                     : independence(density, density, *proposal, settings, std::move(report));
}

struct Everything {
  bool operator()(Index, Index) const { return true; }
};

struct Tried {
  std::vector<filbert::IndependenceChain> chains;  // none where the sampler was not tried
  std::string complaint;
  double rows_a_move = -1;
};

/// By candidate rows, where these are few.
Tried try_candidates(const FramedGlm& density, const filbert::IndependenceSettings& settings, Index most,
                     Recorder& recorder, const Rows& values) {
  Tried tried;
  if (most == 0) return tried;
  const filbert::SkewedProposal normal(Eigen::MatrixXd(0, density.dimension()), {});
  const filbert::ForeseenProposals proposals = filbert::foresee(normal, density.dimension(), settings);
  const auto candidates = filbert::CandidateRows::of(density, proposals, settings, most);
  if (!candidates) return tried;
  const auto passes = [&](Index from, Index to) { return candidates->passes(from, to); };
  tried.chains = filbert::decide(proposals, candidates->first_factor(), settings, std::ref(recorder), passes);
  tried.complaint = filbert::complaint_about(tried.chains, values, {}, settings.cores);
  tried.rows_a_move = static_cast<double>(candidates->size()) / static_cast<double>(proposals.points.cols());
  return tried;
}

/// By log likelihoods of all proposals.
Tried try_batch(const FramedGlm& density, const filbert::IndependenceSettings& settings, bool refuses,
                Recorder& recorder, const Rows& values) {
  Tried tried;
  const filbert::SwitchRule rule = filbert::rule_by_passes();
  const filbert::GlmPilot found = filbert::pilot_by_passes(density, settings.seed, rule);
  tried.complaint = found.refusal;
  if (refuses && !found.refusal.empty()) return tried;
  const filbert::ForeseenProposals proposals = filbert::foresee(*found.proposal, density.dimension(), settings);
  const Eigen::VectorXd log_density = density.batch_at_once(proposals.points);
  tried.chains = filbert::decide(proposals, log_density, settings, std::ref(recorder), Everything());
  if (tried.complaint.empty())
    tried.complaint = filbert::complaint_about(tried.chains, values, rule.asked, settings.cores);
  return tried;
}

py::dict sample_by_passes(const FramedGlm& density, Index draws, int chains, int cores, std::uint64_t seed,
                          bool refuses, Index most_rows) {
  const filbert::IndependenceSettings settings = make_settings(draws, chains, cores, seed);
  const Index variables = density.variables();
  py::dict result, sampling;
  const IndependenceArrays arrays = new_arrays(sampling, variables, chains, draws);
  Tried tried;
  {
    const py::gil_scoped_release release;
    const Rows values(arrays.values, variables * chains, draws);
    Recorder recorder(density, arrays, chains, draws);
    tried = try_candidates(density, settings, most_rows, recorder, values);
    if (tried.chains.empty() || !tried.complaint.empty())
      tried = try_batch(density, settings, refuses, recorder, values);
  }
  result["refusal"] = refuses ? tried.complaint : "";
  if (refuses && !tried.complaint.empty()) return result;
  result["sampling"] = sampling;
  describe(result, tried.chains);
  result["sampler"] = "independence";
  result["complaint"] = tried.complaint;
  result["interrupted"] = false;
  if (tried.rows_a_move >= 0) result["rows_a_move"] = tried.rows_a_move;
  return result;
}

py::dict sample_auto(const FramedGlm& density, Index draws, Index tune, int chains, int cores, std::uint64_t seed,
                     double target_accept, int max_treedepth, bool keep_warmup, const py::object& report) {
  const filbert::IndependenceSettings settings = make_settings(draws, chains, cores, seed);
  filbert::GlmPilot found;
  {
    const py::gil_scoped_release release;
    found = filbert::pilot_glm(density, seed, cores);
  }
  const SamplerChoice choice{draws, tune, chains, cores, seed, target_accept, max_treedepth, keep_warmup, report};
  return first_or_nuts(independence_sampler, density, choice, found.refusal, [&] {
    if (found.subsampled) return independence(density, *found.subsampled, *found.proposal, settings, report);
    if (found.moved) return independence_of_many(*found.moved, settings, report);
    return independence(density, density, *found.proposal, settings, report);
  });
}

}  // namespace

void bind_glm_sampling(py::module_& module) {
  module.def("sample_independence", &sample_independence, py::arg("density"), py::kw_only(), py::arg("draws"),
             py::arg("chains"), py::arg("cores"), py::arg("seed"), py::arg("burn_in") = 50, py::arg("subsample") = true,
             py::arg("report"),
             R"(Samples a FramedGlm by independence Metropolis; after every 96 proposals comes one NUTS transition.

Returns "sampling", arrays "values" (variables, chains, draws) and, (chains, draws), "lp", "log_weight", "accepted", "nuts" (made by a NUTS
transition), "diverging" and "n_steps" (leapfrog steps); and of each chain "iterations", "acceptance" and "longest_stay". "complaint" says
why the draws are not to be trusted, and is empty where they are. Of many rows, unless `subsample` is False, each move evaluates a few that
are drawn at random, exactly: then "rows_a_move" is how many on average, "lp" and "log_weight" are those of the expansion to second order at
the mode, with the priors as they are, and local moves take the place of the NUTS transitions.)");
  module.def(
      "sample_glm_by_passes", &sample_by_passes, py::arg("density"), py::kw_only(), py::arg("draws"), py::arg("chains"),
      py::arg("cores"), py::arg("seed"), py::arg("refuses"), py::arg("most_rows"),
      R"(Samples a FramedGlm whose rows are elsewhere: a pass for a pilot's proposals, and one for those of all chains.

Returns what `sample_independence` does, without NUTS transitions; where `refuses`, only "refusal", if the pilot or the run shows that the
proposals do not suit the posterior.)");
  module.def(
      "sample_glm", &sample_auto, py::arg("density"), py::kw_only(), py::arg("draws"), py::arg("tune"),
      py::arg("chains"), py::arg("cores"), py::arg("seed"), py::arg("target_accept"), py::arg("max_treedepth"),
      py::arg("keep_warmup"), py::arg("report"),
      R"(Samples by independence Metropolis where a pilot says it will do and the run confirms it, and else by NUTS.

Returns what `sample_independence` or `sample` return, with "sampler", "independence" or "nuts", and "note", why the first was left.)");
}
