// Cholesky factors of large dense matrices and their inverses, compiled for each instruction set.
#pragma once

#include <cstddef>

#include "filbert/numeric/instruction_set.hpp"

namespace filbert {

/// Matrices are n by n, by columns without gaps.
struct DenseKernels {
  /// Writes L of `A = LL'` over the lower triangle of A, which is all that is read. False where A is not positive definite.
  bool (*cholesky)(double* A, std::ptrdiff_t n);
  /// Writes (LL')⁻¹, both triangles.
  void (*inverse)(const double* L, std::ptrdiff_t n, double* inverse);
};

/// Throws std::invalid_argument where the processor, or the build, lacks the set.
const DenseKernels& dense_kernels(InstructionSet set = instruction_set());

}  // namespace filbert
