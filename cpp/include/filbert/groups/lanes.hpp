// Eight numbers side by side: one of each of eight groups.
#pragma once

#include <cmath>
#include <cstring>

#if defined(__SSE2__) && defined(__GNUC__)
#include <emmintrin.h>
#endif

namespace filbert {

#if defined(__GNUC__)
#define FILBERT_LANES_INLINE inline __attribute__((always_inline))
#else
#define FILBERT_LANES_INLINE inline
#endif

/// Not an Eigen array: what the compiler does not inline there costs more than the arithmetic.
class alignas(64) Lanes {
 public:
  static constexpr int size = 8;

#if defined(__GNUC__)
  typedef double Piece __attribute__((vector_size(16)));
#else
  struct Piece {
    double x, y;
    friend Piece operator+(Piece a, Piece b) { return {a.x + b.x, a.y + b.y}; }
    friend Piece operator-(Piece a, Piece b) { return {a.x - b.x, a.y - b.y}; }
    friend Piece operator*(Piece a, Piece b) { return {a.x * b.x, a.y * b.y}; }
  };
#endif

  Lanes() = default;
  FILBERT_LANES_INLINE explicit Lanes(double x) : a_{x, x}, b_{x, x}, c_{x, x}, d_{x, x} {}

  static FILBERT_LANES_INLINE Lanes load(const double* from) {
    Lanes lanes;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled in a moment
    std::memcpy(static_cast<void*>(&lanes), from, sizeof lanes);
    return lanes;
  }
  FILBERT_LANES_INLINE void store(double* to) const { std::memcpy(to, static_cast<const void*>(this), sizeof *this); }

  double operator()(std::ptrdiff_t i) const {
    double numbers[size];
    store(numbers);
    return numbers[i];
  }
  void set(std::ptrdiff_t i, double x) {
    double numbers[size];
    store(numbers);
    numbers[i] = x;
    *this = load(numbers);
  }

  double sum() const {
    double numbers[size];
    store(numbers);
    return ((numbers[0] + numbers[1]) + (numbers[2] + numbers[3])) +
           ((numbers[4] + numbers[5]) + (numbers[6] + numbers[7]));
  }

  friend FILBERT_LANES_INLINE Lanes operator+(const Lanes& x, const Lanes& y) {
    return Lanes(x.a_ + y.a_, x.b_ + y.b_, x.c_ + y.c_, x.d_ + y.d_);
  }
  friend FILBERT_LANES_INLINE Lanes operator-(const Lanes& x, const Lanes& y) {
    return Lanes(x.a_ - y.a_, x.b_ - y.b_, x.c_ - y.c_, x.d_ - y.d_);
  }
  friend FILBERT_LANES_INLINE Lanes operator*(const Lanes& x, const Lanes& y) {
    return Lanes(x.a_ * y.a_, x.b_ * y.b_, x.c_ * y.c_, x.d_ * y.d_);
  }
  friend FILBERT_LANES_INLINE Lanes operator*(double x, const Lanes& y) { return Lanes(x) * y; }
  friend FILBERT_LANES_INLINE Lanes operator*(const Lanes& x, double y) { return x * Lanes(y); }
  friend FILBERT_LANES_INLINE Lanes operator-(const Lanes& x) { return Lanes(0.0) - x; }
  FILBERT_LANES_INLINE Lanes& operator+=(const Lanes& y) { return *this = *this + y; }
  FILBERT_LANES_INLINE Lanes& operator-=(const Lanes& y) { return *this = *this - y; }
  FILBERT_LANES_INLINE Lanes& operator*=(const Lanes& y) { return *this = *this * y; }

  /// 1/√x of each.
  FILBERT_LANES_INLINE Lanes inverse_root() const {
#if defined(__SSE2__) && defined(__GNUC__)
    const Piece one = {1, 1};
    const auto of = [&one](Piece x) { return one / (Piece)_mm_sqrt_pd((__m128d)x); };
    return Lanes(of(a_), of(b_), of(c_), of(d_));
#else
    return each([](double x) { return 1 / std::sqrt(x); });
#endif
  }

  template <typename Function>
  FILBERT_LANES_INLINE Lanes each(const Function& function) const {
    double numbers[size];
    store(numbers);
    for (double& x : numbers) x = function(x);
    return load(numbers);
  }

 private:
  FILBERT_LANES_INLINE Lanes(Piece a, Piece b, Piece c, Piece d) : a_(a), b_(b), c_(c), d_(d) {}

  Piece a_, b_, c_, d_;
};

}  // namespace filbert
