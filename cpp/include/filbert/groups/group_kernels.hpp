// The loops over the small blocks of one grouping factor, eight groups side by side: eliminated, differentiated, drawn.
#pragma once

#include <cstddef>

#include "filbert/numeric/instruction_set.hpp"

namespace filbert {

inline constexpr std::ptrdiff_t block_lanes = 8;  ///< groups side by side: a chunk
inline constexpr int most_block_effects = 32;     ///< of a group: its matrices lie on the stack

/// Blocks by chunks. A number is eight doubles, one of each group; a chunk has those of the upper triangle of R by columns, of C by columns,
/// and how many groups a block stands for, 0 for none.
struct BlockRows {
  std::ptrdiff_t effects, width, chunks;
  const double* numbers;

  std::ptrdiff_t triangle() const { return effects * (effects + 1) / 2; }
  std::ptrdiff_t numbers_of_chunk() const { return triangle() + effects * width + 1; }
  /// Of what `eliminate` leaves of a chunk for `slopes`: L⁻¹R and (LD)⁻¹C by columns, then D, where V = L D L' and L has a unit diagonal.
  std::ptrdiff_t left_of_chunk() const { return effects * (effects + width + 1); }
};

/// The loops, for one instruction set. None of them allocates. Matrices are column-major, triangles lie by rows of the lower one.
struct GroupKernels {
  /// With V_g = variance I + R_g Λ Λ' R_g': writes the lower triangle of Σ_g C_g' V_g⁻¹ C_g to `sums`, eight doubles a number that are still
  /// to be summed, and returns Σ_g log |V_g|. NaN where a V_g is no number or not positive definite.
  double (*eliminate)(const BlockRows& rows, const double* factor, double variance, double* left, double* sums);

  /// After `eliminate`, for a function with slopes `K_slopes` (symmetric) in the sum and `log_det_slope`: writes the lower triangle of its
  /// slopes in ΛΛ' to `sums`, as above, and returns the trace of those in V times V.
  double (*slopes)(const BlockRows& rows, const double* left, const double* K_slopes, double log_det_slope,
                   double* sums);

  /// Draws Λ z of each group, z being normal with precision M / σ², M = σ² I + S'S, S = R Λ, about M⁻¹ S'r, where -r is C v plus the `shift`
  /// of the chunk, which may be null. `noise` and `shift` have an effect's eight groups after the other's; so have `effects`.
  void (*draw)(const BlockRows& rows, const double* factor, double sigma, const double* v, const double* shift,
               const double* noise, double* effects);
};

/// Throws std::invalid_argument where the processor does not have the instruction set.
const GroupKernels& group_kernels(InstructionSet set = instruction_set());

}  // namespace filbert
