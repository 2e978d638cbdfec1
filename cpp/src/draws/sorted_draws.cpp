// Sorts draws by buckets or by radix, and merges what lies on both sides of their median.
#include "sorted_draws.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace filbert {
namespace {

/// A double's bits as an integer of the same order; -0 comes right before 0, so equal draws stay side by side.
std::uint64_t ordered_bits(double value) {
  constexpr std::uint64_t sign = std::uint64_t{1} << 63;
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(value);
  return (bits & sign) != 0 ? ~bits : bits | sign;
}

void sort_by_insertion(std::vector<Draw>& draws) {
  for (std::size_t i = 1; i < draws.size(); ++i) {
    const Draw draw = draws[i];
    std::size_t to = i;
    for (; to > 0 && draws[to - 1].value > draw.value; --to) draws[to] = draws[to - 1];
    draws[to] = draw;
  }
}

}  // namespace

void DrawSorter::sort(std::vector<Draw>& draws, double lowest, double highest) {
  if (!sort_by_buckets(draws, lowest, highest)) sort_by_radix(draws);
}

bool DrawSorter::sort_by_buckets(std::vector<Draw>& draws, double lowest, double highest) {
  constexpr std::size_t most_draws = 1 << 14;  // beyond, counters of all buckets leave the cache
  constexpr std::size_t most_crowded = 8;      // Σ count², over the draws: four times what insertion moves
  if (draws.empty() || draws.size() > most_draws) return false;
  const std::size_t buckets = std::bit_ceil(4 * draws.size());
  const double scale = static_cast<double>(buckets - 1) / (highest - lowest);
  if (!std::isfinite(scale) || scale <= 0) return false;
  next_.assign(buckets, 0);
  bucket_.resize(draws.size());
  std::size_t crowded = 0;
  for (std::size_t i = 0; i < draws.size(); ++i) {
    bucket_[i] = static_cast<std::uint32_t>(static_cast<std::int32_t>((draws[i].value - lowest) * scale));
    crowded += 2 * std::size_t{next_[bucket_[i]]++} + 1;  // (n + 1)² - n²
  }
  if (crowded > most_crowded * draws.size()) return false;
  std::uint32_t before = 0;
  for (std::size_t b = 0; b < buckets; b += 4) {  // four at a time, so that only one sum waits for the one before
    std::uint32_t* const next = &next_[b];
    const std::uint32_t one = next[0], two = one + next[1], three = two + next[2], four = three + next[3];
    next[0] = before;
    next[1] = before + one;
    next[2] = before + two;
    next[3] = before + three;
    before += four;
  }
  scratch_.resize(draws.size());
  for (std::size_t i = 0; i < draws.size(); ++i) scratch_[next_[bucket_[i]]++] = draws[i];
  draws.swap(scratch_);
  sort_by_insertion(draws);
  return true;
}

void DrawSorter::sort_by_radix(std::vector<Draw>& draws) {
  const auto digit_of = [](std::uint64_t bits, std::size_t digit) { return (bits >> (11 * digit)) % base; };
  counts_.assign(digits, {});
  for (const Draw& draw : draws) {
    const std::uint64_t bits = ordered_bits(draw.value);
    for (std::size_t digit = 0; digit < digits; ++digit) ++counts_[digit][digit_of(bits, digit)];
  }
  scratch_.resize(draws.size());
  for (std::size_t digit = 0; digit < digits; ++digit) {
    std::array<std::size_t, base>& next = counts_[digit];
    if (next[digit_of(ordered_bits(draws.front().value), digit)] == draws.size()) continue;  // all the same
    std::exclusive_scan(next.begin(), next.end(), next.begin(), std::size_t{0});
    for (const Draw& draw : draws) scratch_[next[digit_of(ordered_bits(draw.value), digit)]++] = draw;
    draws.swap(scratch_);
  }
}

void fold(const std::vector<Draw>& sorted, std::vector<Draw>& folded) {
  const std::size_t size = sorted.size();
  const double median = std::midpoint(sorted[size / 2 - 1].value, sorted[size / 2].value);
  folded.resize(size);
  // Which side comes next is a coin's toss that no processor foresees, so nothing jumps. Draws are taken outwards from the median and inwards
  // from the tails at once, since comparisons of one do not wait for the other's; each takes half of the draws, so that neither comes to an
  // end of the draws below or above.
  const auto one_of = [](std::size_t first, std::size_t second, bool is_first) {
    return second ^ ((first ^ second) & (std::size_t{0} - static_cast<std::size_t>(is_first)));
  };
  std::size_t near_below = size / 2 - 1, near_above = size / 2, far_below = 0, far_above = size - 1;
  for (std::size_t i = 0; i < size / 2; ++i) {
    const double below = median - sorted[near_below].value, above = sorted[near_above].value - median;
    const bool is_below = below <= above;
    folded[i] = {std::min(below, above), sorted[one_of(near_below, near_above, is_below)].position};
    near_below -= static_cast<std::size_t>(is_below);
    near_above += static_cast<std::size_t>(!is_below);
    const double low = median - sorted[far_below].value, high = sorted[far_above].value - median;
    const bool is_above = low <= high;
    folded[size - 1 - i] = {std::max(low, high), sorted[one_of(far_above, far_below, is_above)].position};
    far_above -= static_cast<std::size_t>(is_above);
    far_below += static_cast<std::size_t>(!is_above);
  }
}

double linear_quantile(const std::vector<Draw>& sorted, double probability) {
  const double place = static_cast<double>(sorted.size() - 1) * probability;
  const std::size_t below = static_cast<std::size_t>(place);
  const double lower = sorted[below].value;
  const double upper = sorted[std::min(below + 1, sorted.size() - 1)].value;
  const double fraction = place - static_cast<double>(below);
  const double step = upper - lower;
  return fraction < 0.5 ? lower + step * fraction : upper - step * (1 - fraction);
}

}  // namespace filbert
