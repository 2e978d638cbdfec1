// Calls a loop over groups with the number of their effects known to the compiler, where it is small; compiled once for each instruction set.
#pragma once

#include <cstddef>
#include <type_traits>

#include "filbert/numeric/simd.hpp"

namespace filbert::kernels::FILBERT_INSTRUCTION_SET {

using Count = std::ptrdiff_t;

/// Calls `loop` with the number of effects as a constant where it is small, and else with 0.
template <typename Loop>
auto by_effects(Count effects, const Loop& loop) {
  switch (effects) {
    case 1:
      return loop(std::integral_constant<int, 1>());
    case 2:
      return loop(std::integral_constant<int, 2>());
    case 3:
      return loop(std::integral_constant<int, 3>());
    default:
      return loop(std::integral_constant<int, 0>());
  }
}

}  // namespace filbert::kernels::FILBERT_INSTRUCTION_SET
