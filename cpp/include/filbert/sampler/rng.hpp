// Generates random bits, uniforms and standard normals, the same on every platform, from one stream per (seed, chain).
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace filbert {

/// Changes the seed of pilots, so that no chain shares their random numbers.
inline constexpr std::uint64_t pilot_stream = 0x70696c6f74;

/// splitmix64's last step (Steele, Lea and Flood 2014): a bijection that changes half of the bits when one changes.
inline std::uint64_t scrambled(std::uint64_t word) {
  word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
  word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
  return word ^ (word >> 31);
}

/// xoshiro256++ (Blackman and Vigna 2021): 256 bits of state, period 2^256 - 1. A standard uniform random bit
/// generator.
class Xoshiro256 {
 public:
  using result_type = std::uint64_t;

  /// The state is filled by splitmix64, as its authors advise, so that neighbouring seeds give unrelated streams.
  explicit Xoshiro256(std::uint64_t seed) {
    for (std::uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15;
      word = scrambled(seed);
    }
  }

  explicit Xoshiro256(const std::array<std::uint64_t, 4>& state) : state_(state) {}

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return ~result_type{0}; }

  result_type operator()() {
    const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  /// Moves 2^128 numbers ahead: streams that start a jump apart never overlap.
  void jump() {
    constexpr std::array<std::uint64_t, 4> polynomial = {0x180ec6d33cfd0aba, 0xd5a61266f0c9392c, 0xa9582618e03fc9aa,
                                                         0x39abdc4529b1661c};
    std::array<std::uint64_t, 4> jumped{};
    for (const std::uint64_t word : polynomial) {
      for (int bit = 0; bit < 64; ++bit) {
        if ((word >> bit) & 1U) {
          for (std::size_t i = 0; i < 4; ++i) jumped[i] ^= state_[i];
        }
        (*this)();
      }
    }
    state_ = jumped;
  }

  friend bool operator==(const Xoshiro256&, const Xoshiro256&) = default;

 private:
  std::array<std::uint64_t, 4> state_{};
};

/// The ziggurat under the half-normal curve exp(-x²/2) (Marsaglia and Tsang 2000): 256 layers of equal area. Layer i
/// reaches out to edge[i]; layer 0 is the base, which includes the tail beyond edge[1] as if it were a box of width
/// edge[0].
struct Ziggurat {
  static constexpr std::size_t layers = 256;
  static constexpr double tail = 3.6541528853610088;  ///< where the base's box ends and the tail begins

  std::array<double, layers + 1> edge{};    ///< decreasing, edge[layers] = 0
  std::array<double, layers + 1> height{};  ///< exp(-edge²/2)

  Ziggurat() {
    const double sqrt_half = std::sqrt(0.5);
    const double half_sqrt_2pi = std::sqrt(std::acos(-1.0) / 2);
    const double area = tail * std::exp(-0.5 * tail * tail) + half_sqrt_2pi * std::erfc(tail * sqrt_half);
    edge[0] = area / std::exp(-0.5 * tail * tail);
    edge[1] = tail;
    for (std::size_t i = 1; i + 1 < layers; ++i) {
      edge[i + 1] = std::sqrt(-2 * std::log(area / edge[i] + std::exp(-0.5 * edge[i] * edge[i])));
    }
    edge[layers] = 0;
    for (std::size_t i = 0; i <= layers; ++i) height[i] = std::exp(-0.5 * edge[i] * edge[i]);
  }

  static const Ziggurat& instance() {
    static const Ziggurat ziggurat;
    return ziggurat;
  }
};

/// The random numbers of one chain. Chain k of a seed starts k jumps into the seed's stream.
class Rng {
 public:
  explicit Rng(std::uint64_t seed, int chain = 0) : bits_(seed), ziggurat_(&Ziggurat::instance()) {
    for (int i = 0; i < chain; ++i) bits_.jump();
  }

  std::uint64_t bits() { return bits_(); }

  bool coin() { return (bits_() >> 63) != 0; }

  /// Uniform on [0, 1), a multiple of 2^-53.
  double uniform() { return to_unit_interval(bits_()); }

  double uniform(double lower, double upper) { return lower + (upper - lower) * uniform(); }

  /// Standard normal.
  double normal() {
    while (true) {
      // One word serves all: bits 0-7 the layer, bit 8 the sign, bits 11-63 the place along the layer.
      const std::uint64_t word = bits_();
      const std::size_t layer = word & 0xff;
      const std::uint64_t sign = (word & 0x100) << 55;
      const double x = to_unit_interval(word) * ziggurat_->edge[layer];
      if (x < ziggurat_->edge[layer + 1]) return with_sign(x, sign);
      if (layer == 0) return with_sign(normal_tail(), sign);
      const double low = ziggurat_->height[layer];
      const double high = ziggurat_->height[layer + 1];
      if (low + uniform() * (high - low) < std::exp(-0.5 * x * x)) return with_sign(x, sign);
    }
  }

 private:
  static double to_unit_interval(std::uint64_t word) { return static_cast<double>(word >> 11) * 0x1.0p-53; }

  static double with_sign(double positive, std::uint64_t sign_bit) {
    return std::bit_cast<double>(std::bit_cast<std::uint64_t>(positive) | sign_bit);
  }

  /// The half-normal beyond Ziggurat::tail (Marsaglia 1964).
  double normal_tail() {
    while (true) {
      const double beyond = -std::log1p(-uniform()) / Ziggurat::tail;
      if (-2 * std::log1p(-uniform()) >= beyond * beyond) return Ziggurat::tail + beyond;
    }
  }

  Xoshiro256 bits_;
  const Ziggurat* ziggurat_;  // held here so that drawing never passes the guard of the static
};

}  // namespace filbert
