// Whitening of the small blocks of one grouping factor, and its slopes; compiled once for each instruction set.
//
// `Q` is the number of effects of a group, or 0 where it is only known at run time.
#pragma once

#include <cmath>

#include "block_kernel.hpp"
#include "by_effects.hpp"
#include "filbert/groups/whitening_kernels.hpp"
#include "lanes.hpp"

namespace filbert::kernels::FILBERT_INSTRUCTION_SET {

FILBERT_INLINE Lanes* lanes_of(Eight* numbers) { return reinterpret_cast<Lanes*>(numbers); }
FILBERT_INLINE const Lanes* lanes_of(const Eight* numbers) { return reinterpret_cast<const Lanes*>(numbers); }

/// How many groups a chunk has: eight but in the last.
FILBERT_INLINE Count groups_of(const WhitenedBlocks& blocks, Count chunk) {
  const Count left = blocks.groups - chunk * block_lanes;
  return left < block_lanes ? left : block_lanes;
}

/// The effects of a chunk, whose columns lie a column of groups apart.
FILBERT_INLINE void load_effects(const WhitenedBlocks& blocks, Count q, const double* from, Count chunk, Lanes* to) {
  const Count count = groups_of(blocks, chunk);
  for (Count j = 0; j < q; ++j) {
    const double* const column = from + j * blocks.groups + chunk * block_lanes;
    if (count == block_lanes) {
      to[j] = Lanes::load(column);
      continue;
    }
    double numbers[block_lanes] = {};
    for (Count i = 0; i < count; ++i) numbers[i] = column[i];
    to[j] = Lanes::load(numbers);
  }
}

FILBERT_INLINE void store_effects(const WhitenedBlocks& blocks, Count q, const Lanes* from, Count chunk, double* to) {
  const Count count = groups_of(blocks, chunk);
  for (Count j = 0; j < q; ++j) {
    double* const column = to + j * blocks.groups + chunk * block_lanes;
    if (count == block_lanes) {
      from[j].store(column);
      continue;
    }
    double numbers[block_lanes];
    from[j].store(numbers);
    for (Count i = 0; i < count; ++i) column[i] = numbers[i];
  }
}

/// Of numbers whose sum is below `overflowing`.
inline double logarithm_of_product(const Lanes& x) {
  double lanes[block_lanes];
  x.store(lanes);
  return std::log(lanes[0] * lanes[1] * lanes[2] * lanes[3]) + std::log(lanes[4] * lanes[5] * lanes[6] * lanes[7]);
}

template <int Q>
double eliminate_blocks(const WhitenedBlocks& blocks, const double* factor, const double* outer, const double* z) {
  constexpr double overflowing = 1e60;  // so that no product with one more block leaves the doubles
  const Count q = Q > 0 ? Q : blocks.effects, p = blocks.inner;
  const BlockKernel<Lanes, Q> kernel(q);
  Lanes* const sums = lanes_of(blocks.sums);
  for (Count k = 0; k < p * (p + 1) / 2 + p; ++k) sums[k] = Lanes(0.0);
  Lanes log_determinant(0.0), determinant(1.0);
  for (Count chunk = 0; chunk < blocks.chunks; ++chunk) {
    const Lanes* const G = lanes_of(blocks.numbers + chunk * blocks.numbers_of_chunk());
    const Lanes* const F = G + q * q;
    const Lanes* const k = F + q * (p + blocks.outer);
    Lanes* const root = lanes_of(blocks.roots + chunk * q * q);
    Lanes* const A = lanes_of(blocks.coupled + chunk * q * (p + 1));
    Lanes* const right = lanes_of(blocks.right + chunk * q);
    kernel.factorise(factor, G, root, determinant, log_determinant);
    if (!(determinant.sum() < overflowing)) {  // no determinant of a block is below 1
      log_determinant += 0.5 * logarithm_of(determinant);
      determinant = Lanes(1.0);
    }
    for (Count i = 0; i < q; ++i) {
      Lanes total = k[i];
      for (Count j = 0; j < blocks.outer; ++j) total -= F[(p + j) * q + i] * outer[j];
      right[i] = total;
    }
    for (Count c = 0; c < p; ++c) kernel.couple(factor, root, F + c * q, A + c * q);
    kernel.couple(factor, root, right, A + p * q);
    Lanes* sum = sums;
    for (Count a = 0; a <= p; ++a) {
      for (Count b = 0; b <= a && b < p; ++b) *sum++ += kernel.dot(A + a * q, A + b * q);
    }
    Lanes* const y = lanes_of(blocks.r + chunk * q);
    load_effects(blocks, q, z, chunk, y);
    for (Count i = 0; i < q; ++i) y[i] += A[p * q + i];
  }
  for (Count k = 0; k < p * (p + 1) / 2; ++k) blocks.square_sums[k] = sums[k].sum();
  for (Count k = 0; k < p; ++k) blocks.pull_sums[k] = sums[p * (p + 1) / 2 + k].sum();
  return log_determinant.sum() + 0.5 * logarithm_of_product(determinant);
}

template <int Q>
void substitute_blocks(const WhitenedBlocks& blocks, const double* coefficients, double* effects) {
  const Count q = Q > 0 ? Q : blocks.effects, p = blocks.inner;
  const BlockKernel<Lanes, Q> kernel(q);
  Lanes* const column = lanes_of(blocks.column);
  for (Count chunk = 0; chunk < blocks.chunks; ++chunk) {
    const Lanes* const A = lanes_of(blocks.coupled + chunk * q * (p + 1));
    Lanes* const r = lanes_of(blocks.r + chunk * q);
    for (Count i = 0; i < q; ++i) {
      Lanes total = r[i];
      for (Count c = 0; c < p; ++c) total -= A[c * q + i] * coefficients[c];
      r[i] = total;
      column[i] = total;
    }
    kernel.solve_transposed(lanes_of(blocks.roots + chunk * q * q), column);
    store_effects(blocks, q, column, chunk, effects);
  }
}

template <int Q>
void whiten_block_slopes(const WhitenedBlocks& blocks, const double* effect_slopes, double* z_slopes,
                         double* coefficient_slopes) {
  const Count q = Q > 0 ? Q : blocks.effects, p = blocks.inner;
  const BlockKernel<Lanes, Q> kernel(q);
  Lanes* const sums = lanes_of(blocks.sums);
  for (Count c = 0; c < p; ++c) sums[c] = Lanes(0.0);
  for (Count chunk = 0; chunk < blocks.chunks; ++chunk) {
    const Lanes* const A = lanes_of(blocks.coupled + chunk * q * (p + 1));
    Lanes* const r_slopes = lanes_of(blocks.r_slopes + chunk * q);
    load_effects(blocks, q, effect_slopes, chunk, r_slopes);
    kernel.solve(lanes_of(blocks.roots + chunk * q * q), r_slopes);
    for (Count c = 0; c < p; ++c) sums[c] += kernel.dot(A + c * q, r_slopes);
    store_effects(blocks, q, r_slopes, chunk, z_slopes);
  }
  for (Count c = 0; c < p; ++c) coefficient_slopes[c] -= sums[c].sum();
}

template <int Q>
void block_slopes(const WhitenedBlocks& blocks, const double* factor, const double* S, const double* s,
                  const double* coefficients, double* factor_slopes, double* outer_slopes) {
  const Count q = Q > 0 ? Q : blocks.effects, p = blocks.inner;
  const BlockKernel<Lanes, Q> kernel(q);
  Lanes* const factor_sums = lanes_of(blocks.factor_sums);
  Lanes* const P = lanes_of(blocks.P);
  Lanes* const slope = lanes_of(blocks.column);
  for (Count k = 0; k < q * q; ++k) factor_sums[k] = Lanes(0.0);
  for (Count chunk = 0; chunk < blocks.chunks; ++chunk) {
    const Lanes* const G = lanes_of(blocks.numbers + chunk * blocks.numbers_of_chunk());
    const Lanes* const F = G + q * q;
    const Lanes* const root = lanes_of(blocks.roots + chunk * q * q);
    const Lanes* const A = lanes_of(blocks.coupled + chunk * q * (p + 1));
    const Lanes* const r = lanes_of(blocks.r + chunk * q);
    const Lanes* const r_slopes = lanes_of(blocks.r_slopes + chunk * q);
    kernel.begin_slopes(r, r_slopes, P);
    for (Count c = 0; c < p; ++c) {
      for (Count i = 0; i < q; ++i) {
        Lanes sum = r_slopes[i] * coefficients[c] + A[p * q + i] * s[c];
        for (Count d = 0; d < p; ++d) sum += A[d * q + i] * (2 * S[c * p + d]);
        slope[i] = -sum;
      }
      kernel.couple_slopes(root, A + c * q, slope, P);
      kernel.column_slopes(F + c * q, slope, factor_sums);
    }
    for (Count i = 0; i < q; ++i) {
      Lanes sum = r_slopes[i];
      for (Count d = 0; d < p; ++d) sum -= A[d * q + i] * s[d];
      slope[i] = sum;
    }
    kernel.couple_slopes(root, A + p * q, slope, P);
    kernel.column_slopes(lanes_of(blocks.right + chunk * q), slope, factor_sums);
    kernel.end_slopes(factor, G, root, P, factor_sums);
    if (blocks.outer == 0) continue;
    Lanes* const of_right = slope + q;  // Λ times the slopes in Λ'k
    for (Count i = 0; i < q; ++i) {
      of_right[i] = Lanes(0.0);
      for (Count j = 0; j <= i; ++j) of_right[i] += factor[j * q + i] * slope[j];
    }
    for (Count j = 0; j < blocks.outer; ++j) outer_slopes[j] -= kernel.dot(F + (p + j) * q, of_right).sum();
  }
  for (Count j = 0; j < q; ++j) {
    for (Count i = j; i < q; ++i) factor_slopes[j * q + i] = factor_sums[j * q + i].sum();
  }
}

inline double eliminate_whitened(const WhitenedBlocks& blocks, const double* factor, const double* outer,
                                 const double* z) {
  return by_effects(blocks.effects, [&](auto q) { return eliminate_blocks<q()>(blocks, factor, outer, z); });
}

inline void substitute(const WhitenedBlocks& blocks, const double* coefficients, double* effects) {
  by_effects(blocks.effects, [&](auto q) { substitute_blocks<q()>(blocks, coefficients, effects); });
}

inline void whiten_slopes(const WhitenedBlocks& blocks, const double* effect_slopes, double* z_slopes,
                          double* coefficient_slopes) {
  by_effects(blocks.effects,
             [&](auto q) { whiten_block_slopes<q()>(blocks, effect_slopes, z_slopes, coefficient_slopes); });
}

inline void whitened_slopes(const WhitenedBlocks& blocks, const double* factor, const double* square_slopes,
                            const double* pull_slopes, const double* coefficients, double* factor_slopes,
                            double* outer_slopes) {
  by_effects(blocks.effects, [&](auto q) {
    block_slopes<q()>(blocks, factor, square_slopes, pull_slopes, coefficients, factor_slopes, outer_slopes);
  });
}

constexpr WhiteningKernels whitening_kernels_here = {&eliminate_whitened, &substitute, &whiten_slopes,
                                                     &whitened_slopes};

}  // namespace filbert::kernels::FILBERT_INSTRUCTION_SET
