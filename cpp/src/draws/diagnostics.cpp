// Judges from the draws whether chains have converged and how many independent draws they are worth.
#include "filbert/draws/diagnostics.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "autocovariance.hpp"
#include "filbert/numeric/normal_quantile.hpp"
#include "filbert/threads/thread_pool.hpp"
#include "moments.hpp"
#include "sorted_draws.hpp"

namespace filbert {
namespace {

using Eigen::Index;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

/// Rank normalisation (section 4.1 of the paper): z = Φ⁻¹((r - 3/8) / (S + 1/4)) for a draw of rank r among S.
class NormalScores {
 public:
  explicit NormalScores(Index size) : size_(size), scores_(static_cast<std::size_t>(size)) {
    for (std::size_t i = 0, mirror = scores_.size(); i < mirror--; ++i) {
      scores_[i] = of_rank(static_cast<double>(i + 1));
      scores_[mirror] = -scores_[i];
    }
  }

  /// Writes the score of each sorted draw to its position. Ties share the score of their average rank.
  void assign(const std::vector<Draw>& sorted, double* scores) const {
    bool are_tied = false;
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      scores[sorted[i].position] = scores_[i];
      are_tied |= i > 0 && sorted[i].value == sorted[i - 1].value;
    }
    if (!are_tied) return;
    for (std::size_t first = 0; first < sorted.size();) {
      std::size_t last = first + 1;
      while (last < sorted.size() && sorted[last].value == sorted[first].value) ++last;
      const double score = last == first + 1 ? scores_[first] : of_rank(0.5 * static_cast<double>(first + 1 + last));
      for (; first < last; ++first) scores[sorted[first].position] = score;
    }
  }

 private:
  double of_rank(double rank) const { return normal_quantile((rank - 0.375) / (static_cast<double>(size_) + 0.25)); }

  Index size_;
  std::vector<double> scores_;
};

/// Integrated autocorrelation time by Geyer's initial monotone sequence (section 3.2): pairs of autocorrelations are
/// summed while they are positive, each at most as large as the one before. Of the pair that ends the sum, the even lag
/// still counts.
template <typename Autocorrelation>
double autocorrelation_time(Autocorrelation&& rho, Index draws) {
  double even = 1, odd = rho(1);
  double smallest_pair = infinity, sum_of_pairs = 0;
  for (Index lag = 2; lag < draws - 2 && even + odd > 0; lag += 2) {
    smallest_pair = std::min(smallest_pair, even + odd);
    sum_of_pairs += smallest_pair;
    even = rho(lag);
    odd = rho(lag + 1);
  }
  const double last_even = even > 0 || even + odd >= 0 ? even : 0;
  return -1 + 2 * sum_of_pairs + last_even;
}

/// S_eff = S / τ of split chains (section 3.2), at most S log10(S).
template <typename Series>
double effective_sample_size(Series& series) {
  const double size = static_cast<double>(series.size());
  const double draws = static_cast<double>(series.draws());
  const double within = series.within() * draws / (draws - 1);
  const double total = series.within() + series.between();  // var⁺ of the paper
  if (total == 0) return size;                              // one value
  const auto rho = [&](Index lag) { return 1 - (within - series(lag)) / total; };
  return size / std::max(autocorrelation_time(rho, series.draws()), 1 / std::log10(size));
}

/// R-hat = √(var⁺ / W) of split chains (section 3.1).
double potential_scale_reduction(const Autocovariance& series) {
  const double draws = static_cast<double>(series.draws());
  const double within = series.within() * draws / (draws - 1);
  return std::sqrt(series.between() / within + (draws - 1) / draws);
}

/// Diagnoses one quantity after another, all of the same number of chains and draws, and keeps the scratch space.
class ChainDiagnoser {
 public:
  ChainDiagnoser(Index chains, Index draws)
      : draws_(draws), half_(draws / 2), valid_shape_(chains >= 1 && draws >= 4), scores_(2 * chains * half_) {
    series_.resize(2 * chains, half_);
  }

  /// Sorts the draws. The rest may only be asked when this is true, and while the draws are there.
  bool read(const ChainsRef& draws) {
    if (!valid_shape_) return false;
    const double lowest = draws.minCoeff<Eigen::PropagateNaN>(), highest = draws.maxCoeff<Eigen::PropagateNaN>();
    if (!std::isfinite(lowest) || !std::isfinite(highest)) return false;
    all_.resize(static_cast<std::size_t>(draws.size()));
    Draw* next = all_.data();
    for (Index chain = 0; chain < draws.rows(); ++chain) {
      const double* const values = draws.row(chain).data();
      Index place = 2 * half_ * chain;
      for (Index i = 0; i < half_; ++i) *next++ = {values[i], place++};
      for (Index i = half_; i < draws_ - half_; ++i) *next++ = {values[i], -1};  // the middle one of an odd number
      for (Index i = draws_ - half_; i < draws_; ++i) *next++ = {values[i], place++};
    }
    sorter_.sort(all_, lowest, highest);
    if (drops_draws()) {
      split_.clear();
      std::copy_if(all_.begin(), all_.end(), std::back_inserter(split_),
                   [](const Draw& draw) { return draw.position >= 0; });
    }
    return true;
  }

  double rhat() {
    read_scores();
    return rhat_of_scores();
  }

  double ess_bulk() {
    read_scores();
    return effective_sample_size(autocovariance_);
  }

  double ess_mean() {
    for (const Draw& draw : split()) series_.data()[draw.position] = draw.value;
    autocovariance_.read(series_);
    return effective_sample_size(autocovariance_);
  }

  double ess_tail() { return std::min(ess_quantile(0.05), ess_quantile(0.95)); }

  ChainSummary summarise(const ChainsRef& draws) {
    if (!read(draws)) return {not_a_number, not_a_number, not_a_number};
    read_scores();
    const double bulk = effective_sample_size(autocovariance_);
    return {rhat_of_scores(), bulk, ess_tail()};
  }

 private:
  bool drops_draws() const { return draws_ > 2 * half_; }
  const std::vector<Draw>& split() const { return drops_draws() ? split_ : all_; }

  void read_scores() {
    scores_.assign(split(), series_.data());
    autocovariance_.read(series_);
  }

  /// After `read_scores`, whose place it takes.
  double rhat_of_scores() {
    if (series_.rows() < 4) return not_a_number;  // one chain, as in ArviZ: halves of a stuck chain agree
    const double bulk = potential_scale_reduction(autocovariance_);
    fold(split(), folded_);
    scores_.assign(folded_, series_.data());
    autocovariance_.read(series_);
    const double tail = potential_scale_reduction(autocovariance_);
    return tail > bulk ? tail : bulk;  // draws of two values fold into a constant, whose R-hat is NaN
  }

  /// Effective sample size of the indicator that a draw is at most the quantile (section 4.3).
  double ess_quantile(double probability) {
    const double quantile = linear_quantile(all_, probability);
    const auto above = std::upper_bound(all_.begin(), all_.end(), quantile,
                                        [](double value, const Draw& draw) { return value < draw.value; });
    indicator_.read(std::span(all_.begin(), above), std::span(above, all_.end()), series_.rows(), half_);
    return effective_sample_size(indicator_);
  }

  Index draws_, half_;
  bool valid_shape_;
  NormalScores scores_;
  DrawSorter sorter_;
  std::vector<Draw> all_, split_, folded_;
  ChainMatrix series_;  // two rows a chain: its halves, transformed
  Autocovariance autocovariance_;
  IndicatorAutocovariance indicator_;
};

template <double (ChainDiagnoser::*Diagnostic)()>
double diagnose(const ChainsRef& draws) {
  ChainDiagnoser diagnoser(draws.rows(), draws.cols());
  return diagnoser.read(draws) ? (diagnoser.*Diagnostic)() : not_a_number;
}

/// Calls `each(quantity, diagnoser, its draws)`, on at most `threads` threads with a diagnoser each. They take one quantity after another, so
/// that a thread which is slow to wake leaves more to the others.
template <typename Each>
class EachQuantity {
 public:
  EachQuantity(const ChainsRef& draws, Index chains, int threads, Each each)
      : draws_(draws),
        chains_(checked(chains, draws.rows())),
        quantities_(draws.rows() / chains),
        each_(std::move(each)),
        job_(ThreadPool::shared(), tasks(threads), [this](int) { work(); }) {}
  ~EachQuantity() { next_ = quantities_; }
  EachQuantity(const EachQuantity&) = delete;
  EachQuantity& operator=(const EachQuantity&) = delete;

  void finish() { job_.finish(); }

 private:
  static Index checked(Index chains, Index rows) {
    if (chains >= 1 && rows % chains == 0) return chains;
    throw std::invalid_argument("chains must be at least 1 and divide the number of rows, " + std::to_string(rows) +
                                ", not " + std::to_string(chains));
  }

  int tasks(int threads) const {
    if (threads < 1) throw std::invalid_argument("threads must be at least 1, not " + std::to_string(threads));
    constexpr Index least_draws = 1 << 10;  // as many as are worth waking a thread for
    const Index least = 1 + (least_draws - 1) / std::max<Index>(chains_ * draws_.cols(), 1);
    return static_cast<int>(std::clamp<Index>(quantities_ / least, 1, threads));
  }

  void work() {
    Index i = next_++;
    if (i >= quantities_) return;
    ChainDiagnoser diagnoser(chains_, draws_.cols());
    for (; i < quantities_; i = next_++) each_(i, diagnoser, draws_.middleRows(i * chains_, chains_));
  }

  ChainsRef draws_;
  Index chains_, quantities_;
  Each each_;
  std::atomic<Index> next_ = 0;
  ThreadPool::Job job_;
};

}  // namespace

struct ChainSummaries::Work {
  Work(const ChainsRef& draws, Index chains, int threads, std::vector<ChainSummary>& into)
      : each(draws, chains, threads, Summarise{into}) {}

  struct Summarise {
    std::vector<ChainSummary>& into;
    void operator()(Index quantity, ChainDiagnoser& diagnoser, const ChainsRef& own) const {
      into[static_cast<std::size_t>(quantity)] = diagnoser.summarise(own);
    }
  };
  EachQuantity<Summarise> each;
};

double split_rhat(const ChainsRef& draws) { return diagnose<&ChainDiagnoser::rhat>(draws); }

Eigen::VectorXd split_rhats(const ChainsRef& draws, Index chains, int threads) {
  Eigen::VectorXd result(draws.rows() / std::max<Index>(chains, 1));
  EachQuantity(draws, chains, threads, [&](Index quantity, ChainDiagnoser& diagnoser, const ChainsRef& own) {
    result(quantity) = diagnoser.read(own) ? diagnoser.rhat() : not_a_number;
  }).finish();
  return result;
}

double ess_bulk(const ChainsRef& draws) { return diagnose<&ChainDiagnoser::ess_bulk>(draws); }

double ess_mean(const ChainsRef& draws) { return diagnose<&ChainDiagnoser::ess_mean>(draws); }

double ess_tail(const ChainsRef& draws) { return diagnose<&ChainDiagnoser::ess_tail>(draws); }

ChainSummaries::ChainSummaries(const ChainsRef& draws, Index chains, int threads)
    : summaries_(static_cast<std::size_t>(draws.rows() / std::max<Index>(chains, 1))),
      work_(std::make_unique<Work>(draws, chains, threads, summaries_)) {}

ChainSummaries::~ChainSummaries() = default;

const std::vector<ChainSummary>& ChainSummaries::result() {
  work_->each.finish();
  return summaries_;
}

Eigen::VectorXd e_bfmi(const ChainsRef& energy) {
  const Index draws = energy.cols();
  Eigen::VectorXd fractions = Eigen::VectorXd::Constant(energy.rows(), not_a_number);
  if (draws < 2) return fractions;
  for (Index chain = 0; chain < energy.rows(); ++chain) {
    const double change = (energy.row(chain).tail(draws - 1) - energy.row(chain).head(draws - 1)).squaredNorm();
    fractions(chain) = change / static_cast<double>(draws - 1) / variance(energy.row(chain));
  }
  return fractions;
}

}  // namespace filbert
