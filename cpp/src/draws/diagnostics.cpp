// Judges from the draws whether chains have converged and how many independent draws they are worth.
#include "filbert/draws/diagnostics.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <unsupported/Eigen/FFT>

#include "filbert/numeric/normal_quantile.hpp"
#include "filbert/threads/thread_pool.hpp"

namespace filbert {
namespace {

using Eigen::Index;
using ChainMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

/// Below this lag one sum of products is cheaper than its share of a Fourier transform.
constexpr Index direct_lags = 128;

/// One draw and its place in the matrix of split chains, negative for a draw that splitting leaves out.
struct Draw {
  double value;
  Index position;
};

// Differences from the first element, so that the mean of equal values is that value and their variance is exactly 0.
template <typename Values>
double mean(const Eigen::MatrixBase<Values>& values) {
  const double first = values(0);
  return first + (values.array() - first).mean();
}

/// Unbiased variance.
template <typename Values>
double variance(const Eigen::MatrixBase<Values>& values) {
  return (values.array() - mean(values)).square().sum() / static_cast<double>(values.size() - 1);
}

Eigen::VectorXd row_means(const ChainMatrix& series) {
  Eigen::VectorXd means(series.rows());
  for (Index row = 0; row < series.rows(); ++row) means(row) = mean(series.row(row));
  return means;
}

/// A double's bits as an integer of the same order; -0 comes right before 0, so equal draws stay side by side.
std::uint64_t ordered_bits(double value) {
  constexpr std::uint64_t sign = std::uint64_t{1} << 63;
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(value);
  return (bits & sign) != 0 ? ~bits : bits | sign;
}

// Radix sort, 11 bits at a time: comparing random draws mispredicts branches, and takes three times as long.
void sort_draws(std::vector<Draw>& draws, std::vector<Draw>& scratch) {
  constexpr std::size_t digits = 6, base = 2048;
  const auto digit_of = [](std::uint64_t bits, std::size_t digit) { return (bits >> (11 * digit)) % base; };
  std::vector<std::array<std::size_t, base>> counts(digits);
  for (const Draw& draw : draws) {
    const std::uint64_t bits = ordered_bits(draw.value);
    for (std::size_t digit = 0; digit < digits; ++digit) ++counts[digit][digit_of(bits, digit)];
  }
  scratch.resize(draws.size());
  for (std::size_t digit = 0; digit < digits; ++digit) {
    std::array<std::size_t, base>& next = counts[digit];
    if (next[digit_of(ordered_bits(draws.front().value), digit)] == draws.size()) continue;  // all the same
    std::exclusive_scan(next.begin(), next.end(), next.begin(), std::size_t{0});
    for (const Draw& draw : draws) scratch[next[digit_of(ordered_bits(draw.value), digit)]++] = draw;
    draws.swap(scratch);
  }
}

/// The quantile of sorted draws as NumPy's "linear" method has it (Hyndman and Fan's type 7), rounding included: a
/// draw is at or below the quantile or not, so the last bit counts.
double linear_quantile(const std::vector<Draw>& sorted, double probability) {
  const double place = static_cast<double>(sorted.size() - 1) * probability;
  const std::size_t below = static_cast<std::size_t>(place);
  const double lower = sorted[below].value;
  const double upper = sorted[std::min(below + 1, sorted.size() - 1)].value;
  const double fraction = place - static_cast<double>(below);
  const double step = upper - lower;
  return fraction < 0.5 ? lower + step * fraction : upper - step * (1 - fraction);
}

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

/// Autocovariances averaged over the rows of a series: lag by lag at first, since Geyer's rule mostly stops after few,
/// and beyond `direct_lags` all at once by Fourier transform, so that badly mixing chains cost O(n log n).
class Autocovariance {
 public:
  /// The number of rows must be even.
  void read(const ChainMatrix& series, const Eigen::VectorXd& means) {
    centred_ = series.colwise() - means;
    transformed_ = false;
  }

  double operator()(Index lag) {
    if (lag >= direct_lags && !transformed_) transform();
    const double sum = lag < direct_lags ? sum_of_products(lag) : correlation_[static_cast<std::size_t>(lag)].real();
    return sum / static_cast<double>(centred_.size());
  }

 private:
  double sum_of_products(Index lag) const {
    const Index overlap = centred_.cols() - lag;
    double sum = 0;
    for (Index row = 0; row < centred_.rows(); ++row) {
      sum += centred_.row(row).head(overlap).dot(centred_.row(row).tail(overlap));
    }
    return sum;
  }

  // Wiener-Khinchin. Two rows share a transform, as its real and imaginary part: the real part of the inverse of its
  // power is the sum of their correlations.
  void transform() {
    const std::size_t size = std::bit_ceil(2 * static_cast<std::size_t>(centred_.cols()));  // no lag wraps around
    const Index length = static_cast<Index>(size);
    rows_.assign(size, 0);
    spectrum_.resize(size);
    correlation_.resize(size);
    power_.assign(size, 0);
    for (Index row = 0; row < centred_.rows(); row += 2) {
      for (Index i = 0; i < centred_.cols(); ++i) {
        rows_[static_cast<std::size_t>(i)] = {centred_(row, i), centred_(row + 1, i)};
      }
      fourier_.fwd(spectrum_.data(), rows_.data(), length);
      for (std::size_t i = 0; i < size; ++i) power_[i] += std::norm(spectrum_[i]);
    }
    fourier_.inv(correlation_.data(), power_.data(), length);
    transformed_ = true;
  }

  ChainMatrix centred_;
  bool transformed_ = false;
  Eigen::FFT<double> fourier_;
  std::vector<std::complex<double>> rows_, spectrum_, power_, correlation_;
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
double effective_sample_size(const ChainMatrix& series, Autocovariance& autocovariance) {
  const double size = static_cast<double>(series.size());
  if (series.minCoeff() == series.maxCoeff()) return size;
  const double draws = static_cast<double>(series.cols());
  const Eigen::VectorXd means = row_means(series);
  autocovariance.read(series, means);
  const double biased_within = autocovariance(0);
  const double within = biased_within * draws / (draws - 1);
  const double total = biased_within + variance(means);  // var⁺ of the paper
  const auto rho = [&](Index lag) { return 1 - (within - autocovariance(lag)) / total; };
  return size / std::max(autocorrelation_time(rho, series.cols()), 1 / std::log10(size));
}

/// R-hat = √(var⁺ / W) of split chains (section 3.1).
double potential_scale_reduction(const ChainMatrix& series) {
  const double draws = static_cast<double>(series.cols());
  double within = 0;
  for (Index row = 0; row < series.rows(); ++row) within += variance(series.row(row));
  within /= static_cast<double>(series.rows());
  const double between_over_draws = variance(row_means(series));
  return std::sqrt(between_over_draws / within + (draws - 1) / draws);
}

/// Diagnoses one quantity after another, all of the same number of chains and draws, and keeps the scratch space.
class ChainDiagnoser {
 public:
  ChainDiagnoser(Index chains, Index draws)
      : draws_(draws), half_(draws / 2), valid_shape_(chains >= 1 && draws >= 4), scores_(2 * chains * half_) {
    series_.resize(2 * chains, half_);
  }

  /// Sorts the draws. The rest may only be asked when this is true.
  bool read(const ChainsRef& draws) {
    if (!valid_shape_ || !draws.allFinite()) return false;
    const Index dropped = draws_ - 2 * half_;  // with an odd number, the middle draw of each chain
    all_.clear();
    for (Index chain = 0; chain < draws.rows(); ++chain) {
      for (Index i = 0; i < draws_; ++i) {
        const Index within = i < half_ ? i : i < half_ + dropped ? -1 : i - dropped;
        all_.push_back({draws(chain, i), within < 0 ? -1 : 2 * half_ * chain + within});
      }
    }
    sort_draws(all_, scratch_);
    split_.clear();
    std::copy_if(all_.begin(), all_.end(), std::back_inserter(split_),
                 [](const Draw& draw) { return draw.position >= 0; });
    return true;
  }

  double rhat() {
    if (series_.rows() < 4) return not_a_number;  // one chain, as in ArviZ: halves of a stuck chain agree
    scores_.assign(split_, series_.data());
    const double bulk = potential_scale_reduction(series_);
    scores_.assign(folded(), series_.data());
    const double tail = potential_scale_reduction(series_);
    return tail > bulk ? tail : bulk;  // draws of two values fold into a constant, whose R-hat is NaN
  }

  double ess_bulk() {
    scores_.assign(split_, series_.data());
    return effective_sample_size(series_, autocovariance_);
  }

  double ess_mean() {
    for (const Draw& draw : split_) series_.data()[draw.position] = draw.value;
    return effective_sample_size(series_, autocovariance_);
  }

  double ess_tail() { return std::min(ess_quantile(0.05), ess_quantile(0.95)); }

  ChainSummary summarise(const ChainsRef& draws) {
    if (!read(draws)) return {not_a_number, not_a_number, not_a_number};
    return {rhat(), ess_bulk(), ess_tail()};
  }

 private:
  /// Effective sample size of the indicator that a draw is at most the quantile (section 4.3).
  double ess_quantile(double probability) {
    const double quantile = linear_quantile(all_, probability);
    for (const Draw& draw : split_) series_.data()[draw.position] = draw.value <= quantile ? 1 : 0;
    return effective_sample_size(series_, autocovariance_);
  }

  /// The absolute deviations from the median, sorted: those below it fall already, those above it rise.
  const std::vector<Draw>& folded() {
    const std::size_t size = split_.size();
    const double median = std::midpoint(split_[size / 2 - 1].value, split_[size / 2].value);
    scratch_ = split_;
    for (Draw& draw : scratch_) draw.value = std::abs(draw.value - median);
    const auto middle = scratch_.begin() + static_cast<std::ptrdiff_t>(size / 2);
    folded_.resize(size);
    std::merge(std::make_reverse_iterator(middle), scratch_.rend(), middle, scratch_.end(), folded_.begin(),
               [](const Draw& a, const Draw& b) { return a.value < b.value; });
    return folded_;
  }

  Index draws_, half_;
  bool valid_shape_;
  NormalScores scores_;
  std::vector<Draw> all_, split_, folded_, scratch_;
  ChainMatrix series_;  // two rows a chain: its halves, transformed
  Autocovariance autocovariance_;
};

template <double (ChainDiagnoser::*Diagnostic)()>
double diagnose(const ChainsRef& draws) {
  ChainDiagnoser diagnoser(draws.rows(), draws.cols());
  return diagnoser.read(draws) ? (diagnoser.*Diagnostic)() : not_a_number;
}

}  // namespace

double split_rhat(const ChainsRef& draws) { return diagnose<&ChainDiagnoser::rhat>(draws); }

double ess_bulk(const ChainsRef& draws) { return diagnose<&ChainDiagnoser::ess_bulk>(draws); }

double ess_mean(const ChainsRef& draws) { return diagnose<&ChainDiagnoser::ess_mean>(draws); }

double ess_tail(const ChainsRef& draws) { return diagnose<&ChainDiagnoser::ess_tail>(draws); }

std::vector<ChainSummary> summarise_chains(const ChainsRef& draws, Index chains, int threads) {
  if (chains < 1 || draws.rows() % chains != 0) {
    throw std::invalid_argument("chains must be at least 1 and divide the number of rows, " +
                                std::to_string(draws.rows()) + ", not " + std::to_string(chains));
  }
  const Index quantities = draws.rows() / chains;
  constexpr Index least_draws = 1 << 10;  // as many as are worth waking a thread for
  const Index least = 1 + (least_draws - 1) / std::max<Index>(chains * draws.cols(), 1);
  std::vector<ChainSummary> summaries(static_cast<std::size_t>(quantities));
  share(quantities, threads, least, [&](Index first, Index last) {
    ChainDiagnoser diagnoser(chains, draws.cols());
    for (Index i = first; i < last; ++i) {
      summaries[static_cast<std::size_t>(i)] = diagnoser.summarise(draws.middleRows(i * chains, chains));
    }
  });
  return summaries;
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
