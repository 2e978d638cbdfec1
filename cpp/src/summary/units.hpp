// The powers of two that bring columns to order one, exactly.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

namespace filbert {

inline constexpr int no_exponent =
    std::numeric_limits<int>::min() / 2;  // of a column that is zero: any other exponent wins

inline constexpr int largest_exponent = 1023, smallest_exponent = -1000;

// Not below 2^-1000, so that the power and its inverse are normal numbers.
inline int exponent_of(double magnitude) {
  return magnitude > 0 ? std::max(std::ilogb(magnitude) + 1, smallest_exponent) : no_exponent;
}

inline double power_of_two(int exponent) { return exponent == no_exponent ? 1.0 : std::ldexp(1.0, exponent); }

inline double change_of_unit(int from, int to) { return from == no_exponent ? 0.0 : std::ldexp(1.0, from - to); }

}  // namespace filbert
