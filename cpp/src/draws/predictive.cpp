// Products in a fixed order, a stream of noise a row, and intervals from the tails of a row's draws alone.
#include "filbert/draws/predictive.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "filbert/numeric/normal_quantile.hpp"
#include "filbert/sampler/rng.hpp"
#include "filbert/threads/thread_pool.hpp"

namespace filbert {
namespace {

using Eigen::Index;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// What one thread should have to do before a second one is woken, which takes some ten microseconds.
constexpr Index least_products = 1 << 18;  // of X and coefficients
constexpr Index least_normals = 1 << 15;   // drawn
constexpr Index least_sorted = 1 << 16;    // draws summed up

/// How many rows come to that, where each costs `cost`.
Index least_rows(Index least, Index cost) { return 1 + (least - 1) / std::max<Index>(cost, 1); }

// ---- Means

constexpr Index tile_rows = 4;  // 4 x 4 sums are half of the registers of the smallest x86-64
constexpr Index tile_draws = 4;

// Where the draws of a row are far apart, this many rows are worked on together: they share lines of the cache.
constexpr Index strip_rows = 64;

Index rows_together(const StridedDraws& draws) { return draws.innerStride() == 1 ? tile_rows : strip_rows; }

/// Coefficients laid out tile by tile: `tile_draws` draws of the first coefficient, of the second, ... Draws that do
/// not fill the last tile are zeros.
std::vector<double> packed(const Eigen::Ref<const RowDraws>& coefficients) {
  const Index tiles = (coefficients.cols() + tile_draws - 1) / tile_draws;
  std::vector<double> result(static_cast<std::size_t>(tiles * coefficients.rows() * tile_draws), 0.0);
  double* next = result.data();
  for (Index tile = 0; tile < tiles; ++tile) {
    const Index first = tile * tile_draws;
    const Index width = std::min(tile_draws, coefficients.cols() - first);
    for (Index j = 0; j < coefficients.rows(); ++j, next += tile_draws) {
      std::copy_n(coefficients.row(j).data() + first, width, next);
    }
  }
  return result;
}

/// The sums of `tile_rows` rows and `tile_draws` draws, each in the order of the coefficients. `x` has the rows of one
/// column side by side, column after column.
std::array<double, tile_rows * tile_draws> tile_of_means(const double* x, const double* coefficients, Index columns,
                                                         bool has_intercept) {
  std::array<double, tile_rows * tile_draws> sum{};
  if (has_intercept) {
    for (Index row = 0; row < tile_rows; ++row) std::copy_n(coefficients, tile_draws, &sum[row * tile_draws]);
    coefficients += tile_draws;
  }
  for (Index j = 0; j < columns; ++j, x += tile_rows, coefficients += tile_draws) {
    for (Index row = 0; row < tile_rows; ++row) {
      for (Index k = 0; k < tile_draws; ++k) sum[row * tile_draws + k] += x[row] * coefficients[k];
    }
  }
  return sum;
}

void write_tile(const std::array<double, tile_rows * tile_draws>& sum, Index row, Index height, Index draw,
                StridedDraws& means) {
  const Index width = std::min(tile_draws, means.cols() - draw);
  double* const corner = &means(row, draw);
  if (means.innerStride() == 1 && width == tile_draws) {
    for (Index i = 0; i < height; ++i) std::copy_n(&sum[i * tile_draws], tile_draws, corner + i * means.outerStride());
    return;
  }
  for (Index k = 0; k < width; ++k) {
    double* const column = corner + k * means.innerStride();
    for (Index i = 0; i < height; ++i) column[i * means.outerStride()] = sum[i * tile_draws + k];
  }
}

// ---- Summaries

double sum_in_order(const double* values, Index n, double centre, bool squared) {
  // Four sums side by side, always of the same values: Eigen's would depend on where in memory the row starts.
  std::array<double, 4> sum{};
  Index i = 0;
  for (; i + 4 <= n; i += 4) {
    for (Index k = 0; k < 4; ++k) {
      const double deviation = values[i + k] - centre;
      sum[k] += squared ? deviation * deviation : deviation;
    }
  }
  for (; i < n; ++i) {
    const double deviation = values[i] - centre;
    sum[0] += squared ? deviation * deviation : deviation;
  }
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/// Finds the interval of one row after another. Only the tails of the draws are sorted: the values beyond cuts that a
/// normal distribution suggests, and all values where the cuts turn out too tight.
class IntervalFinder {
 public:
  IntervalFinder(Index draws, double probability, Interval interval)
      : draws_(draws),
        interval_(interval),
        span_(std::min(static_cast<Index>(std::floor(probability * static_cast<double>(draws))), draws - 1)),
        quantile_(0.5 * (1 - probability) * static_cast<double>(draws - 1)),
        tail_(interval == Interval::HighestDensity ? draws - span_
                                                   : std::min(static_cast<Index>(std::floor(quantile_)) + 2, draws)),
        cut_(-normal_quantile((1.15 * static_cast<double>(tail_) + 8) / static_cast<double>(draws))),
        lowest_(static_cast<std::size_t>(draws)),
        highest_(static_cast<std::size_t>(draws)) {}

  std::array<double, 2> find(const double* values, double mean, double sd) {
    sort_tails(values, mean, sd);
    return interval_ == Interval::HighestDensity ? shortest() : between_quantiles();
  }

 private:
  /// Leaves the `tail_` smallest values in `lowest_`, rising, and the largest in `highest_`, falling.
  void sort_tails(const double* values, double mean, double sd) {
    Index low = 0, high = 0;
    if (cut_ > 0 && sd > 0 && std::isfinite(sd)) {
      // Every value is stored at both ends, which move on only past those that belong there: no branch to predict.
      const double lower_cut = mean - cut_ * sd, upper_cut = mean + cut_ * sd;
      double* const lowest = lowest_.data();
      double* const highest = highest_.data();
      for (Index i = 0; i < draws_; ++i) {
        const double value = values[i];
        lowest[low] = value;
        highest[high] = value;
        low += static_cast<Index>(value < lower_cut);
        high += static_cast<Index>(value > upper_cut);
      }
    }
    if (low < tail_) low = copy_all(values, lowest_);
    if (high < tail_) high = copy_all(values, highest_);
    sort_first(lowest_, low, std::less<>());
    sort_first(highest_, high, std::greater<>());
  }

  Index copy_all(const double* values, std::vector<double>& to) const {
    std::copy_n(values, draws_, to.begin());
    return draws_;
  }

  template <typename Order>
  void sort_first(std::vector<double>& values, Index n, const Order& order) const {
    const auto last = values.begin() + tail_;
    if (2 * tail_ < n) std::nth_element(values.begin(), last - 1, values.begin() + n, order);
    std::sort(values.begin(), 2 * tail_ < n ? last : values.begin() + n, order);
  }

  std::array<double, 2> shortest() const {
    // Sorted value i + span_ is the (tail_ - 1 - i)th from above.
    const auto upper = [this](Index i) { return highest_[static_cast<std::size_t>(tail_ - 1 - i)]; };
    Index best = 0;
    for (Index i = 1; i < tail_; ++i) {
      const double best_width = upper(best) - lowest_[static_cast<std::size_t>(best)];
      if (upper(i) - lowest_[static_cast<std::size_t>(i)] < best_width) best = i;
    }
    return {lowest_[static_cast<std::size_t>(best)], upper(best)};
  }

  std::array<double, 2> between_quantiles() const {
    const double whole = std::floor(quantile_);
    const auto first = static_cast<std::size_t>(whole);
    const std::size_t second = std::min(first + 1, static_cast<std::size_t>(tail_ - 1));
    const double share = quantile_ - whole;
    return {lowest_[first] + share * (lowest_[second] - lowest_[first]),
            highest_[first] + share * (highest_[second] - highest_[first])};
  }

  Index draws_;
  Interval interval_;
  Index span_;       // the shortest interval goes from sorted draw i to i + span_
  double quantile_;  // the place of the lower quantile among sorted draws
  Index tail_;       // how many values of each tail the interval needs
  double cut_;       // standard deviations beyond which a little more than tail_ normal draws lie
  std::vector<double> lowest_, highest_;
};

/// Noise of one kind does not depend on whether the other is asked for, nor on how much of it.
enum class Noise { Normal, Uniform };

/// The random numbers of a row. For one seed a bijection of the key, so that different keys never share a stream; the kinds are
/// parts of that stream which no one reaches the end of.
Rng noise_of_row(std::uint64_t key, std::uint64_t seed, Noise kind) {
  return Rng(scrambled(scrambled(key) + seed), static_cast<int>(kind));
}

void require_same(const char* what, Index given, Index expected) {
  if (given == expected) return;
  throw std::invalid_argument(std::string(what) + " must be " + std::to_string(expected) + ", not " +
                              std::to_string(given));
}

}  // namespace

void mean_draws(const DesignRef& X, const Eigen::Ref<const RowDraws>& coefficients, bool has_intercept,
                StridedDraws means, int threads) {
  require_same("the number of coefficients", coefficients.rows(), X.cols() + (has_intercept ? 1 : 0));
  require_same("the rows of the means", means.rows(), X.rows());
  require_same("the draws of the means", means.cols(), coefficients.cols());
  const std::vector<double> tiles = packed(coefficients);
  const Index columns = X.cols(), strip = rows_together(means);
  const auto write = [&](Index first_row, Index end, Index first_draw, Index last_draw) {
    std::vector<double> x(static_cast<std::size_t>(columns * strip), 0.0);
    for (Index top = first_row; top < end; top += strip) {
      const Index bottom = std::min(top + strip, end);
      for (Index row = top; row < bottom; row += tile_rows) {
        double* const packed_rows = x.data() + (row - top) * columns;
        for (Index j = 0; j < columns; ++j) {
          std::copy_n(X.data() + row + j * X.outerStride(), std::min(tile_rows, end - row),
                      packed_rows + j * tile_rows);
        }
      }
      const double* tile = tiles.data() + first_draw * coefficients.rows();
      for (Index draw = first_draw; draw < last_draw; draw += tile_draws, tile += coefficients.rows() * tile_draws) {
        for (Index row = top; row < bottom; row += tile_rows) {
          const auto sum = tile_of_means(x.data() + (row - top) * columns, tile, columns, has_intercept);
          write_tile(sum, row, std::min(tile_rows, end - row), draw, means);
        }
      }
    }
  };
  if (means.innerStride() == 1) {
    share(X.rows(), threads, least_rows(least_products, columns * means.cols()),
          [&](Index first, Index end) { write(first, end, 0, means.cols()); });
  } else {  // threads that write to pages of their own do not wait for each other's
    const Index tiles_of_draws = (means.cols() + tile_draws - 1) / tile_draws;
    share(tiles_of_draws, threads, least_rows(least_products, X.rows() * columns * tile_draws),
          [&](Index first, Index end) {
            write(0, X.rows(), first * tile_draws, std::min(end * tile_draws, means.cols()));
          });
  }
}

void response_draws(const StridedDraws& means, const Eigen::Ref<const Eigen::VectorXd>& sigma,
                    const std::vector<std::uint64_t>& keys, std::uint64_t seed, StridedDraws responses, int threads) {
  require_same("the number of keys", static_cast<Index>(keys.size()), means.rows());
  require_same("the number of draws of sigma", sigma.size(), means.cols());
  require_same("the rows of the responses", responses.rows(), means.rows());
  require_same("the draws of the responses", responses.cols(), means.cols());
  const Index strip = std::max(rows_together(means), rows_together(responses)) / tile_rows;
  share(means.rows(), threads, least_rows(least_normals, means.cols()), [&](Index first, Index end) {
    RowDraws noise(strip, means.cols());
    for (Index top = first; top < end; top += strip) {
      const Index height = std::min(strip, end - top);
      for (Index row = 0; row < height; ++row) {
        Rng rng = noise_of_row(keys[static_cast<std::size_t>(top + row)], seed, Noise::Normal);
        for (Index k = 0; k < sigma.size(); ++k) noise(row, k) = sigma(k) * rng.normal();
      }
      for (Index k = 0; k < sigma.size(); ++k) {
        for (Index row = 0; row < height; ++row) responses(top + row, k) = means(top + row, k) + noise(row, k);
      }
    }
  });
}

void uniform_draws(const std::vector<std::uint64_t>& keys, std::uint64_t seed, StridedDraws uniforms, int threads) {
  require_same("the number of keys", static_cast<Index>(keys.size()), uniforms.rows());
  const Index strip = rows_together(uniforms) / tile_rows;
  share(uniforms.rows(), threads, least_rows(least_normals, uniforms.cols()), [&](Index first, Index end) {
    std::vector<Rng> rngs;
    for (Index top = first; top < end; top += strip) {
      const Index height = std::min(strip, end - top);
      rngs.clear();
      for (Index row = 0; row < height; ++row) {
        rngs.push_back(noise_of_row(keys[static_cast<std::size_t>(top + row)], seed, Noise::Uniform));
      }
      for (Index k = 0; k < uniforms.cols(); ++k) {
        for (Index row = 0; row < height; ++row) {
          // 52 bits and a half: neither 0 nor 1, whose quantiles may be infinite, and exact.
          const std::uint64_t bits = rngs[static_cast<std::size_t>(row)].bits() >> 12;
          uniforms(top + row, k) = (static_cast<double>(bits) + 0.5) * 0x1.0p-52;
        }
      }
    }
  });
}

RowSummaries summarise_rows(const Eigen::Ref<const RowDraws>& draws, double probability, Interval interval,
                            int threads) {
  if (!(probability > 0 && probability < 1)) {
    throw std::invalid_argument("the probability must be between 0 and 1, not " + std::to_string(probability));
  }
  if (draws.cols() < 1) throw std::invalid_argument("there must be at least one draw");
  const Index rows = draws.rows(), n = draws.cols();
  RowSummaries result{Eigen::VectorXd(rows), Eigen::VectorXd(rows), Eigen::VectorXd(rows), Eigen::VectorXd(rows)};
  share(rows, threads, least_rows(least_sorted, n), [&](Index first, Index end) {
    IntervalFinder finder(n, probability, interval);
    for (Index row = first; row < end; ++row) {
      const double* const values = draws.row(row).data();
      const double mean = sum_in_order(values, n, 0, false) / static_cast<double>(n);
      const double squares = sum_in_order(values, n, mean, true);
      result.mean(row) = mean;
      result.sd(row) = n > 1 ? std::sqrt(squares / static_cast<double>(n - 1)) : not_a_number;
      const auto [lower, upper] = std::isfinite(mean)
                                      ? finder.find(values, mean, std::sqrt(squares / static_cast<double>(n)))
                                      : std::array{not_a_number, not_a_number};
      result.lower(row) = lower;
      result.upper(row) = upper;
    }
  });
  return result;
}

std::array<double, 2> shortest_interval(std::span<const double> values, double probability) {
  if (!(probability > 0 && probability < 1)) {
    throw std::invalid_argument("the probability must be between 0 and 1, not " + std::to_string(probability));
  }
  if (values.empty() || std::any_of(values.begin(), values.end(), [](double value) { return std::isnan(value); })) {
    return {not_a_number, not_a_number};
  }
  // Without a standard deviation there are no cuts to guess: every value is sorted where it must be.
  return IntervalFinder(static_cast<Index>(values.size()), probability, Interval::HighestDensity)
      .find(values.data(), 0, not_a_number);
}

}  // namespace filbert
