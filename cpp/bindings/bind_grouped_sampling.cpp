// Independence Metropolis for Gaussian mixed models, and the choice between it and NUTS, for Python.
#include <pybind11/eigen.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "filbert/groups/grouped_sampling.hpp"
#include "filbert/sampler/independence.hpp"
#include "independence_result.hpp"
#include "sampler_choice.hpp"

namespace py = pybind11;
using Eigen::Index;
using filbert::FramedGroupedGaussian;
using filbert::GroupedPilot;

namespace {

/// Writes the draws of one chain, in blocks, so that rows of the array are written in pieces.
class ChainWriter {
 public:
  ChainWriter(const FramedGroupedGaussian& density, int chain, int chains, Index draws, double* values)
      : density_(density),
        block_(density.variables(), 64),
        chain_(chain),
        chains_(chains),
        draws_(draws),
        values_(values) {}

  void add(const Eigen::VectorXd& position, bool moved, filbert::DrawingDensity& of_chain) {
    stays_ = moved ? 0 : stays_ + 1;
    of_chain.draw(position, stays_, block_.col(filled_++));
    if (filled_ == block_.cols()) write();
  }
  void add(const Eigen::VectorXd& position, bool moved, FramedGroupedGaussian& of_chain) {
    stays_ = moved ? 0 : stays_ + 1;
    of_chain.to_user_scale(position, stays_, block_.col(filled_++));
    if (filled_ == block_.cols()) write();
  }

  void write() {
    for (Index variable = 0; variable < block_.rows(); ++variable) {
      double* const row = values_ + (variable * chains_ + chain_) * draws_ + first_;
      for (Index i = 0; i < filled_; ++i) row[i] = block_(variable, i);
    }
    first_ += filled_;
    filled_ = 0;
  }

  double user_log_density(const Eigen::VectorXd& position, double log_density) {
    return density_.user_log_density(position, log_density);
  }

 private:
  FramedGroupedGaussian density_;
  Eigen::MatrixXd block_;
  Index chain_, chains_, draws_, first_ = 0, filled_ = 0;
  std::uint64_t stays_ = 0;
  double* values_;
};

struct Asked {
  Index draws;
  int chains, cores;
  std::uint64_t seed;
};

py::dict independence(const GroupedPilot& pilot, const Asked& asked, py::object report) {
  const FramedGroupedGaussian& density = pilot.density;
  constexpr Index burn_in = 10;  // the first state is next to a draw already
  filbert::IndependenceSettings settings = make_settings(asked.draws, asked.chains, asked.cores, asked.seed);
  settings.burn_in = burn_in;
  settings.every = pilot.every;
  settings.validate();
  const Index draws = asked.draws, variables = density.variables();
  const int chains = asked.chains;
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
    std::vector<ChainWriter> writers;
    writers.reserve(static_cast<std::size_t>(chains));
    for (int chain = 0; chain < chains; ++chain) writers.emplace_back(density, chain, chains, draws, arrays.values);
    const auto record = [&](int chain, Index iteration, const Eigen::VectorXd& position,
                            const filbert::IndependenceStatistics& statistics, auto& of_chain) {
      ChainWriter& writer = writers[static_cast<std::size_t>(chain)];
      const Index at = chain * draws + iteration;
      const bool moved = statistics.accepted || iteration == 0;
      writer.add(position, moved, of_chain);
      arrays.log_density[at] =
          moved ? writer.user_log_density(position, statistics.log_density) : arrays.log_density[at - 1];
      arrays.record(at, statistics);
    };
    const auto run = [&](const auto& sampled) {
      return filbert::sample_independence(sampled, pilot.proposal, settings, record, progress, poll, {},
                                          std::chrono::milliseconds(50), &pilot.starts);
    };
    done = pilot.draws_everywhere ? run(filbert::DrawingDensity(density)) : run(density);
    for (ChainWriter& writer : writers) writer.write();
    using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    if (!poll.interrupted()) {
      const Index rows = density.posterior().parameters() * chains;
      complaint = filbert::complaint_about(done, Eigen::Map<const Rows>(arrays.values, rows, draws),
                                           filbert::GroupedSwitchRule().asked, asked.cores);
    }
  }
  describe(result, done);
  result["complaint"] = complaint;
  result["every"] = settings.every;
  result["interrupted"] = poll.interrupted();
  return result;
}

/// Once more with adapted proposals, where the frame's own passed the pilot and failed the run.
py::dict independence(const FramedGroupedGaussian& density, const GroupedPilot& pilot, const Asked& asked,
                      const py::object& report) {
  py::dict result = independence(pilot, asked, report);
  if (pilot.is_adapted || result["complaint"].cast<std::string>().empty()) return result;
  const GroupedPilot adapted = [&] {
    const py::gil_scoped_release release;
    return filbert::pilot_adapted(density, asked.seed, asked.cores);
  }();
  return adapted.refusal.empty() ? independence(adapted, asked, report) : result;
}

GroupedPilot pilot_of(const FramedGroupedGaussian& density, std::uint64_t seed, int cores) {
  const py::gil_scoped_release release;
  return filbert::pilot_grouped(density, seed, cores);
}

py::dict sample_independence(const FramedGroupedGaussian& density, Index draws, int chains, int cores,
                             std::uint64_t seed, const py::object& report) {
  return independence(density, pilot_of(density, seed, cores), {draws, chains, cores, seed}, report);
}

py::dict sample_auto(const FramedGroupedGaussian& density, Index draws, Index tune, int chains, int cores,
                     std::uint64_t seed, double target_accept, int max_treedepth, bool keep_warmup,
                     const py::object& report) {
  const GroupedPilot pilot = pilot_of(density, seed, cores);
  const SamplerChoice choice{draws, tune, chains, cores, seed, target_accept, max_treedepth, keep_warmup, report};
  return first_or_nuts(independence_sampler, density, choice, pilot.refusal,
                       [&] { return independence(density, pilot, {draws, chains, cores, seed}, report); });
}

}  // namespace

void bind_grouped_sampling(py::module_& module) {
  module.def(
      "sample_independence", &sample_independence, py::arg("density"), py::kw_only(), py::arg("draws"),
      py::arg("chains"), py::arg("cores"), py::arg("seed"), py::arg("report"),
      R"(Samples a FramedGroupedGaussian by independence Metropolis: proposals of a t and a normal in its frame, or of several t that are adapted to it, and after every 96 one NUTS transition.

Chains begin at proposals of a pilot, drawn by weight. A draw is made of "every" moves, so many that draws are nearly independent; coefficients
and effects are drawn anew in each. Returns "sampling", "iterations", "acceptance", "longest_stay" and "complaint" as for a FramedGlm.)");
  module.def(
      "sample_grouped", &sample_auto, py::arg("density"), py::kw_only(), py::arg("draws"), py::arg("tune"),
      py::arg("chains"), py::arg("cores"), py::arg("seed"), py::arg("target_accept"), py::arg("max_treedepth"),
      py::arg("keep_warmup"), py::arg("report"),
      R"(Samples by independence Metropolis where a pilot says it will do and the run confirms it, and else by NUTS.

Returns what `sample_independence` or `sample` return, with "sampler", "independence" or "nuts", and "note", why the first was left.)");
}
