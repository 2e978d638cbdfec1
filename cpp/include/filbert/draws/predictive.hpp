// Turns draws of the parameters into draws of each row's mean and response, and sums up the draws of each row.
//
// What a row gets depends on its own values and key alone: not on the rows beside it, on the size of the block they come
// in, or on the number of threads. So sums run in an order of their own, and each row has its own stream of noise.
#pragma once

#include <Eigen/Core>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace filbert {

/// Draws of many rows, (rows, draws); the draws of a row lie side by side.
using RowDraws = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Draws of many rows in any layout: side by side for a row, as in RowDraws, or for a draw.
using StridedDraws = Eigen::Ref<RowDraws, 0, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>>;

/// Rows of a design without its intercept, (rows, p), or a slice of such rows.
using DesignRef = Eigen::Ref<const Eigen::MatrixXd, 0, Eigen::OuterStride<>>;

/// Which interval sums up draws.
enum class Interval {
  HighestDensity,  ///< the shortest between two draws that holds the probability
  EqualTailed      ///< between two quantiles, interpolated linearly between draws
};

/// One number a row. Interval ends are NaN where a draw is not finite, and `sd` (with n - 1) is NaN for one draw.
struct RowSummaries {
  Eigen::VectorXd mean, sd, lower, upper;
};

/// Writes `means` = `X` · slopes + intercept, (rows, draws). `coefficients` has one row a coefficient and one column a
/// draw, the intercept first if there is one.
void mean_draws(const DesignRef& X, const Eigen::Ref<const RowDraws>& coefficients, bool has_intercept,
                StridedDraws means, int threads = 1);

/// Writes `responses` = `means` + `sigma` (draws) · standard normal noise; the two may be the same. The noise of draw k
/// of a row depends on `seed`, the row's key and k alone.
void response_draws(const StridedDraws& means, const Eigen::Ref<const Eigen::VectorXd>& sigma,
                    const std::vector<std::uint64_t>& keys, std::uint64_t seed, StridedDraws responses,
                    int threads = 1);

/// Fills `uniforms` with numbers strictly between 0 and 1. Draw k of a row depends on `seed`, the row's key and k alone, and is
/// independent of the noise that `response_draws` adds for the same seed and keys.
void uniform_draws(const std::vector<std::uint64_t>& keys, std::uint64_t seed, StridedDraws uniforms, int threads = 1);

/// Sums up the draws of each row. `probability`, between 0 and 1, is that of the interval.
RowSummaries summarise_rows(const Eigen::Ref<const RowDraws>& draws, double probability, Interval interval,
                            int threads = 1);

/// The shortest interval between two of the values that holds the probability; NaN without values, or with one that is NaN.
std::array<double, 2> shortest_interval(std::span<const double> values, double probability);

}  // namespace filbert
