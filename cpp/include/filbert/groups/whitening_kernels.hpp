// The loops over the small blocks of one grouping factor where effects are whitened, eight groups side by side.
#pragma once

#include <cstddef>

#include "filbert/groups/group_kernels.hpp"

namespace filbert {

/// A number of each of eight groups.
struct alignas(64) Eight {
  double lanes[block_lanes];
};

/// What BlockWhitening knows of its blocks, chunk by chunk, and its scratch. Matrices of a block lie column after column.
struct WhitenedBlocks {
  std::ptrdiff_t effects, groups, chunks, inner, outer;
  const Eight* numbers;  ///< G, F, k
  Eight *roots, *coupled, *right, *r, *r_slopes;
  Eight *sums, *column, *P, *factor_sums;  ///< of one chunk, or of all
  double *square_sums, *pull_sums;         ///< Σ_g A_g'A_g, its lower triangle by rows, and Σ_g A_g'A_h

  std::ptrdiff_t numbers_of_chunk() const { return effects * (effects + inner + outer + 1); }
};

/// The loops, for one instruction set, with the symbols of BlockWhitening. None of them allocates; effects lie column after column, one a group.
struct WhiteningKernels {
  /// Factorises all blocks, leaves y in `r`, and the sums; returns Σ_g log |L_g|.
  double (*eliminate)(const WhitenedBlocks& blocks, const double* factor, const double* outer, const double* z);

  /// Makes r of y, and writes the effects given the coefficients.
  void (*substitute)(const WhitenedBlocks& blocks, const double* coefficients, double* effects);

  /// From slopes in the effects writes those in z, and adds those in the coefficients.
  void (*whiten_slopes)(const WhitenedBlocks& blocks, const double* effect_slopes, double* z_slopes,
                        double* coefficient_slopes);

  /// After `whiten_slopes`, given the slopes in the border's square and pull: writes those in Λ (lower triangle), and takes those in the
  /// outer coefficients off.
  void (*slopes)(const WhitenedBlocks& blocks, const double* factor, const double* square_slopes,
                 const double* pull_slopes, const double* coefficients, double* factor_slopes, double* outer_slopes);
};

/// Throws std::invalid_argument where the processor does not have the instruction set.
const WhiteningKernels& whitening_kernels(InstructionSet set = instruction_set());

}  // namespace filbert
