// Eight numbers side by side, one of each of eight groups; compiled once for each instruction set.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstring>

#include "filbert/groups/whitening_kernels.hpp"
#include "filbert/numeric/simd.hpp"

#if defined(__GNUC__)
#define FILBERT_MAY_ALIAS [[gnu::may_alias]]
#else
#define FILBERT_MAY_ALIAS
#endif

namespace filbert::kernels::FILBERT_INSTRUCTION_SET {

/// Lies over the doubles of an `Eight`.
class alignas(Eight) FILBERT_MAY_ALIAS Lanes {
 public:
  static constexpr std::ptrdiff_t size = block_lanes;

  Lanes() = default;
  FILBERT_INLINE explicit Lanes(double x) { FILBERT_UNROLL_SHORT for (Pack& piece : pieces_) piece = broadcast(x); }

  static FILBERT_INLINE Lanes load(const double* from) {
    Lanes lanes;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled in a moment
    std::memcpy(static_cast<void*>(&lanes), from, sizeof lanes);
    return lanes;
  }
  FILBERT_INLINE void store(double* to) const { std::memcpy(to, static_cast<const void*>(this), sizeof *this); }

  FILBERT_INLINE double sum() const {
    double numbers[size];
    store(numbers);
    return ((numbers[0] + numbers[1]) + (numbers[2] + numbers[3])) +
           ((numbers[4] + numbers[5]) + (numbers[6] + numbers[7]));
  }

  friend FILBERT_INLINE Lanes operator+(const Lanes& x, const Lanes& y) {
    return of_pieces([&](std::size_t i) { return x.pieces_[i] + y.pieces_[i]; });
  }
  friend FILBERT_INLINE Lanes operator-(const Lanes& x, const Lanes& y) {
    return of_pieces([&](std::size_t i) { return x.pieces_[i] - y.pieces_[i]; });
  }
  friend FILBERT_INLINE Lanes operator*(const Lanes& x, const Lanes& y) {
    return of_pieces([&](std::size_t i) { return x.pieces_[i] * y.pieces_[i]; });
  }
  friend FILBERT_INLINE Lanes operator*(double x, const Lanes& y) { return Lanes(x) * y; }
  friend FILBERT_INLINE Lanes operator*(const Lanes& x, double y) { return x * Lanes(y); }
  friend FILBERT_INLINE Lanes operator-(const Lanes& x) { return Lanes(0.0) - x; }
  FILBERT_INLINE Lanes& operator+=(const Lanes& y) { return *this = *this + y; }
  FILBERT_INLINE Lanes& operator-=(const Lanes& y) { return *this = *this - y; }
  FILBERT_INLINE Lanes& operator*=(const Lanes& y) { return *this = *this * y; }

  /// 1/√x of each.
  friend FILBERT_INLINE Lanes inverse_root(const Lanes& x) {
    return of_pieces([&](std::size_t i) { return broadcast(1) / root(x.pieces_[i]); });
  }

  friend FILBERT_INLINE Lanes logarithm_of(const Lanes& x) {
    double numbers[size];
    x.store(numbers);
    for (double& number : numbers) number = std::log(number);
    return load(numbers);
  }

 private:
  static constexpr std::size_t pieces = static_cast<std::size_t>(size) / width;

  template <typename Piece>
  static FILBERT_INLINE Lanes of_pieces(const Piece& piece) {
    Lanes lanes;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled in a moment
    FILBERT_UNROLL_SHORT for (std::size_t i = 0; i < pieces; ++i) lanes.pieces_[i] = piece(i);
    return lanes;
  }

  Pack pieces_[pieces];
};

}  // namespace filbert::kernels::FILBERT_INSTRUCTION_SET
