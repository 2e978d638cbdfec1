// Puts the draws of one quantity after another in order.
#pragma once

#include <Eigen/Core>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace filbert {

/// One draw and its place in the matrix of split chains, negative for a draw that splitting leaves out.
struct Draw {
  double value;
  Eigen::Index position;
};

/// Sorts draws, which must be finite; equal ones end up side by side. Keeps the scratch space.
///
/// Comparing random draws mispredicts branches. Draws are counted into four times as many buckets of equal width or more, so
/// that hardly any is out of order afterwards; where tails are so heavy that most share a few buckets, the radix sorts.
class DrawSorter {
 public:
  /// `lowest` and `highest` are the least and largest value.
  void sort(std::vector<Draw>& draws, double lowest, double highest);

 private:
  static constexpr std::size_t digits = 6, base = 2048;  // of the radix: 11 bits at a time

  bool sort_by_buckets(std::vector<Draw>& draws, double lowest, double highest);
  void sort_by_radix(std::vector<Draw>& draws);

  std::vector<Draw> scratch_;
  std::vector<std::uint32_t> next_, bucket_;
  std::vector<std::array<std::size_t, base>> counts_;
};

/// The absolute deviations of sorted draws, an even number, from their median, sorted: those below it fall already, those above it rise.
void fold(const std::vector<Draw>& sorted, std::vector<Draw>& folded);

/// The quantile of sorted draws as NumPy's "linear" method has it (Hyndman and Fan's type 7), rounding included: a draw is at or below the
/// quantile or not, so the last bit counts.
double linear_quantile(const std::vector<Draw>& sorted, double probability);

}  // namespace filbert
