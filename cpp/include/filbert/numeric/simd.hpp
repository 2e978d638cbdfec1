// Packs of doubles with the few operations that kernels need, for the instruction set that the file is compiled for.
//
// The translation units of the kernels define FILBERT_INSTRUCTION_SET, each to a name of its own: what is inline here is compiled once
// for each instruction set, and must not be merged by the linker.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

#ifndef FILBERT_INSTRUCTION_SET
#define FILBERT_INSTRUCTION_SET included
#endif

#if defined(__GNUC__)
// For the rest of the file that includes it: whoever passes packs is inlined, and has no ABI that could change.
#pragma GCC diagnostic ignored "-Wpsabi"
#define FILBERT_INLINE inline __attribute__((always_inline))
#define FILBERT_UNROLL_SHORT _Pragma("GCC unroll 8")
#else
#define FILBERT_INLINE __forceinline
#define FILBERT_UNROLL_SHORT
#endif

namespace filbert::kernels::FILBERT_INSTRUCTION_SET {

#if defined(__GNUC__)
#if defined(__AVX2__)
#define FILBERT_VECTOR_BYTES 32
#else
#define FILBERT_VECTOR_BYTES 16
#endif
typedef double Pack __attribute__((vector_size(FILBERT_VECTOR_BYTES)));
typedef long long Bits __attribute__((vector_size(FILBERT_VECTOR_BYTES)));
using Mask = Bits;
constexpr std::size_t width = FILBERT_VECTOR_BYTES / sizeof(double);

FILBERT_INLINE Pack broadcast(double x) { return Pack{} + x; }
FILBERT_INLINE Bits broadcast_bits(long long x) { return Bits{} + x; }
FILBERT_INLINE Bits as_bits(Pack x) { return (Bits)x; }
FILBERT_INLINE Pack as_double(Bits x) { return (Pack)x; }
FILBERT_INLINE Bits shift_right(Bits x, int by) {
  typedef unsigned long long Unsigned __attribute__((vector_size(FILBERT_VECTOR_BYTES)));
  return (Bits)((Unsigned)x >> by);
}
FILBERT_INLINE Pack select(Mask condition, Pack yes, Pack no) { return condition ? yes : no; }
FILBERT_INLINE double lane(Pack x, std::size_t i) { return x[i]; }
#else
// No vector types: a pack is one double.
using Pack = double;
using Bits = long long;
using Mask = bool;
constexpr std::size_t width = 1;

FILBERT_INLINE Pack broadcast(double x) { return x; }
FILBERT_INLINE Bits broadcast_bits(long long x) { return x; }
FILBERT_INLINE Bits as_bits(Pack x) {
  Bits bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}
FILBERT_INLINE Pack as_double(Bits x) {
  Pack value;
  std::memcpy(&value, &x, sizeof value);
  return value;
}
FILBERT_INLINE Bits shift_right(Bits x, int by) { return static_cast<Bits>(static_cast<unsigned long long>(x) >> by); }
FILBERT_INLINE Pack select(Mask condition, Pack yes, Pack no) { return condition ? yes : no; }
FILBERT_INLINE double lane(Pack x, std::size_t) { return x; }
#endif

FILBERT_INLINE Pack load(const double* from) {
  Pack x;
  std::memcpy(&x, from, sizeof x);
  return x;
}

FILBERT_INLINE void store(double* to, Pack x) { std::memcpy(to, &x, sizeof x); }

/// Pairwise, so that the order does not depend on how a compiler would sum.
FILBERT_INLINE double sum(Pack x) {
  double lanes[width];
  store(lanes, x);
  for (std::size_t step = 1; step < width; step *= 2) {
    for (std::size_t i = 0; i + step < width; i += 2 * step) lanes[i] += lanes[i + step];
  }
  return lanes[0];
}

FILBERT_INLINE Pack maximum(Pack a, Pack b) { return select(a > b, a, b); }
FILBERT_INLINE Pack minimum(Pack a, Pack b) { return select(a < b, a, b); }
FILBERT_INLINE Pack absolute(Pack x) { return as_double(as_bits(x) & broadcast_bits(0x7fffffffffffffff)); }

/// √x of each.
FILBERT_INLINE Pack root(Pack x) {
#if defined(__AVX2__)
  return (Pack)_mm256_sqrt_pd((__m256d)x);
#elif defined(__SSE2__) && defined(__GNUC__)
  return (Pack)_mm_sqrt_pd((__m128d)x);
#else
  double lanes[width];
  store(lanes, x);
  for (double& one : lanes) one = std::sqrt(one);
  return load(lanes);
#endif
}

constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace filbert::kernels::FILBERT_INSTRUCTION_SET
