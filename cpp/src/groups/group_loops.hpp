// Elimination of the small blocks of one grouping factor, its slopes and draws; compiled once for each instruction set.
//
// `Q` is the number of effects of a group, or 0 where it is only known at run time. A chunk is gone through as many groups at a time as a
// pack has.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "by_effects.hpp"
#include "filbert/families/simd_math.hpp"
#include "filbert/groups/group_kernels.hpp"
#include "filbert/numeric/simd.hpp"

namespace filbert::kernels::FILBERT_INSTRUCTION_SET {

constexpr Count parts = block_lanes / static_cast<Count>(width);  // of a chunk

FILBERT_INLINE Count lower(Count row, Count column) { return row * (row + 1) / 2 + column; }

/// What is `lane` of packs that lie a chunk's width apart.
FILBERT_INLINE const double* number(const double* numbers, Count k, Count part) {
  return numbers + k * block_lanes + part * static_cast<Count>(width);
}
FILBERT_INLINE double* number(double* numbers, Count k, Count part) {
  return numbers + k * block_lanes + part * static_cast<Count>(width);
}

/// Σ n log x, where each n is 1 by the product of what is behind the binary points and the sum of the exponents: one logarithm in the end.
class LogSum {
 public:
  /// A number that is below the normal ones counts as about the least of these.
  FILBERT_INLINE void add(Pack x) {
    const Bits bits = as_bits(x);
    exponents_ += shift_right(bits, 52) - broadcast_bits(1023);
    product_ *= as_double((bits & broadcast_bits(0x000fffffffffffff)) | broadcast_bits(0x3ff0000000000000));
    poison(x);
    if (++count_ == 500) normalise();  // of factors below 2
  }

  FILBERT_INLINE void add(Pack x, Pack times) {
    const Pack most = broadcast(1e300);  // as which larger ones count: only bits of such numbers can be computed with
    sum_ += times * logarithm(select((x > broadcast(0)) & (x < most), x, most));
    poison(x);
  }

  double value() {
    normalise();
    double products[width], poison[width];
    store(products, product_);
    store(poison, poison_);
    long long exponents[width];
    std::memcpy(exponents, &exponents_, sizeof exponents_);
    double product = 1, exponent = 0;
    for (std::size_t i = 0; i < width; ++i) {
      product *= products[i];
      exponent += static_cast<double>(exponents[i]);
      product += poison[i];
    }
    return std::log(product) + exponent * 0.69314718055994530942 + sum(sum_);
  }

 private:
  FILBERT_INLINE void poison(Pack x) {
    poison_ += select(x > broadcast(0), x - x, broadcast(std::numeric_limits<double>::quiet_NaN()));
  }

  FILBERT_INLINE void normalise() {
    const Bits bits = as_bits(product_);
    exponents_ += shift_right(bits, 52) - broadcast_bits(1023);
    product_ = as_double((bits & broadcast_bits(0x000fffffffffffff)) | broadcast_bits(0x3ff0000000000000));
    count_ = 0;
  }

  Pack product_ = broadcast(1), sum_ = broadcast(0), poison_ = broadcast(0);  // the last NaN once a number was none
  Bits exponents_ = broadcast_bits(0);
  int count_ = 0;
};

template <int Q>
double eliminate_blocks(const BlockRows& rows, const double* factor, double variance, double* left, double* sums) {
  constexpr Count size = Q > 0 ? Q : most_block_effects;
  const Count q = Q > 0 ? Q : rows.effects;
  const Count columns = rows.width;
  const Count triangle = q * (q + 1) / 2;
  const Count of_rows = triangle + q * columns + 1, of_left = q * (q + columns + 1);
  std::memset(sums, 0, sizeof(double) * static_cast<std::size_t>(block_lanes * columns * (columns + 1) / 2));
  LogSum log_determinant;
  Pack spread[size * size];            // R Λ, by rows
  Pack root_[size * (size + 1) / 2];   // L, by rows
  Pack scaled[size * (size + 1) / 2];  // L D
  Pack pivots[size], inverse[size];    // D, and its inverse
  for (Count chunk = 0; chunk < rows.chunks; ++chunk) {
    for (Count part = 0; part < parts; ++part) {
      const double* const from = number(rows.numbers + chunk * of_rows * block_lanes, 0, part);
      double* const to = number(left + chunk * of_left * block_lanes, 0, part);
      const auto R = [&](Count k, Count i) { return load(from + lower(k, i) * block_lanes); };  // row i, column k
      const auto C = [&](Count k, Count i) { return load(from + (triangle + k * q + i) * block_lanes); };
      const auto H = [&](Count k, Count i) { return to + (k * q + i) * block_lanes; };
      FILBERT_UNROLL_SHORT for (Count i = 0; i < q; ++i) {
        FILBERT_UNROLL_SHORT for (Count j = 0; j < q; ++j) {
          Pack total = broadcast(0);
          FILBERT_UNROLL_SHORT for (Count k = i > j ? i : j; k < q; ++k) total +=
              R(k, i) * broadcast(factor[j * q + k]);
          spread[i * q + j] = total;
        }
      }
      FILBERT_UNROLL_SHORT for (Count i = 0; i < q; ++i) {
        FILBERT_UNROLL_SHORT for (Count j = 0; j <= i; ++j) {
          Pack total = broadcast(i == j ? variance : 0.0);
          FILBERT_UNROLL_SHORT for (Count k = 0; k < q; ++k) total += spread[i * q + k] * spread[j * q + k];
          FILBERT_UNROLL_SHORT for (Count k = 0; k < j; ++k) total -= scaled[lower(i, k)] * root_[lower(j, k)];
          if (i > j) {
            scaled[lower(i, j)] = total;
            root_[lower(i, j)] = total * inverse[j];
          } else {
            pivots[i] = total;
            inverse[i] = broadcast(1) / total;
          }
        }
      }
      const Pack counts = load(from + (of_rows - 1) * block_lanes);
      const bool is_many =
          sum(select((counts == broadcast(0)) | (counts == broadcast(1)), broadcast(0), broadcast(1))) > 0;
      FILBERT_UNROLL_SHORT for (Count i = 0; i < q; ++i) {
        const Pack pivot = select(counts == broadcast(0), broadcast(1), pivots[i]);
        if (is_many) {
          log_determinant.add(pivot, counts);
        } else {
          log_determinant.add(pivot);
        }
      }
      for (Count k = 0; k < q + columns; ++k) {
        Pack column[size];
        FILBERT_UNROLL_SHORT for (Count i = 0; i < q; ++i) {
          Pack total = k >= q ? C(k - q, i) : i <= k ? R(k, i) : broadcast(0);
          FILBERT_UNROLL_SHORT for (Count j = 0; j < i; ++j) total -= root_[lower(i, j)] * column[j];
          column[i] = total;
          store(H(k, i), k >= q ? total * inverse[i] : total);
        }
        if (k < q) continue;
        for (Count b = 0; b <= k - q; ++b) {
          double* const into = number(sums, lower(k - q, b), part);
          Pack total = load(into);
          FILBERT_UNROLL_SHORT for (Count i = 0; i < q; ++i) total += column[i] * load(H(q + b, i));
          store(into, total);
        }
      }
      FILBERT_UNROLL_SHORT for (Count i = 0; i < q; ++i) store(H(q + columns, i), pivots[i]);
    }
  }
  return log_determinant.value();
}

template <int Q>
double block_slopes(const BlockRows& rows, const double* left, const double* K_slopes, double log_det_slope,
                    double* sums) {
  constexpr Count size = Q > 0 ? Q : most_block_effects;
  const Count q = Q > 0 ? Q : rows.effects;
  const Count columns = rows.width;
  const Count of_rows = rows.numbers_of_chunk(), of_left = q * (q + columns + 1);
  std::memset(sums, 0, sizeof(double) * static_cast<std::size_t>(block_lanes * q * (q + 1) / 2));
  Pack trace = broadcast(0);
  Pack inner[size * (size + 1) / 2];  // slopes in V between L and L', by rows
  for (Count chunk = 0; chunk < rows.chunks; ++chunk) {
    for (Count part = 0; part < parts; ++part) {
      const Pack counts = load(number(rows.numbers + chunk * of_rows * block_lanes, of_rows - 1, part));
      const double* const from = number(left + chunk * of_left * block_lanes, 0, part);
      const auto H = [&](Count k, Count i) { return load(from + (k * q + i) * block_lanes); };
      FILBERT_UNROLL_SHORT for (Count i = 0; i < q; ++i) {
        FILBERT_UNROLL_SHORT for (Count j = 0; j < i; ++j) inner[lower(i, j)] = broadcast(0);
        inner[lower(i, i)] = broadcast(log_det_slope) * counts / H(q + columns, i);
      }
      for (Count a = 0; a < columns; ++a) {
        FILBERT_UNROLL_SHORT for (Count i = 0; i < q; ++i) {
          Pack total = broadcast(K_slopes[a * columns + a]) * H(q + a, i);
          for (Count b = 0; b < a; ++b) total += broadcast(2 * K_slopes[b * columns + a]) * H(q + b, i);
          // Twice the products below the diagonal of K stand for both; inner is made symmetric by halves.
          FILBERT_UNROLL_SHORT for (Count j = 0; j < q; ++j) {
            const double share = i == j ? 1.0 : 0.5;
            inner[i >= j ? lower(i, j) : lower(j, i)] -= broadcast(share) * total * H(q + a, j);
          }
        }
      }
      FILBERT_UNROLL_SHORT for (Count j = 0; j < q; ++j) {
        trace += inner[lower(j, j)] * H(q + columns, j);
        Pack product[size];  // inner L⁻¹R, of this column
        FILBERT_UNROLL_SHORT for (Count k = 0; k < q; ++k) {
          Pack total = broadcast(0);
          FILBERT_UNROLL_SHORT for (Count m = 0; m < q; ++m) total +=
              inner[k >= m ? lower(k, m) : lower(m, k)] * H(j, m);
          product[k] = total;
        }
        FILBERT_UNROLL_SHORT for (Count i = j; i < q; ++i) {
          double* const into = number(sums, lower(i, j), part);
          Pack total = load(into);
          FILBERT_UNROLL_SHORT for (Count k = 0; k < q; ++k) total += H(i, k) * product[k];
          store(into, total);
        }
      }
    }
  }
  return sum(trace);
}

template <int Q>
void draw_blocks(const BlockRows& rows, const double* factor, double sigma, const double* v, const double* shift,
                 const double* noise, double* effects) {
  constexpr Count size = Q > 0 ? Q : most_block_effects;
  const Count q = Q > 0 ? Q : rows.effects;
  const Count columns = rows.width;
  const Count triangle = q * (q + 1) / 2;
  const Count of_rows = triangle + q * columns + 1;
  const Pack deviation = broadcast(sigma);
  Pack spread[size * size];           // S, by rows
  Pack root_[size * (size + 1) / 2];  // L of M = LL', by rows, with the inverses of its diagonal on it
  Pack residual[size], z[size];
  for (Count chunk = 0; chunk < rows.chunks; ++chunk) {
    for (Count part = 0; part < parts; ++part) {
      const double* const from = number(rows.numbers + chunk * of_rows * block_lanes, 0, part);
      const auto R = [&](Count k, Count i) { return load(from + lower(k, i) * block_lanes); };
      const auto of_chunk = [&](const double* numbers, Count i) { return load(number(numbers, chunk * q + i, part)); };
      FILBERT_UNROLL_SHORT for (Count i = 0; i < q; ++i) {
        Pack total = shift != nullptr ? broadcast(0) - of_chunk(shift, i) : broadcast(0);
        for (Count k = 0; k < columns; ++k)
          total -= load(from + (triangle + k * q + i) * block_lanes) * broadcast(v[k]);
        residual[i] = total;
        FILBERT_UNROLL_SHORT for (Count j = 0; j < q; ++j) {
          total = broadcast(0);
          FILBERT_UNROLL_SHORT for (Count k = i > j ? i : j; k < q; ++k) total +=
              R(k, i) * broadcast(factor[j * q + k]);
          spread[i * q + j] = total;
        }
      }
      FILBERT_UNROLL_SHORT for (Count i = 0; i < q; ++i) {
        FILBERT_UNROLL_SHORT for (Count j = 0; j <= i; ++j) {
          Pack total = i == j ? deviation * deviation : broadcast(0);
          FILBERT_UNROLL_SHORT for (Count k = 0; k < q; ++k) total += spread[k * q + i] * spread[k * q + j];
          FILBERT_UNROLL_SHORT for (Count k = 0; k < j; ++k) total -= root_[lower(i, k)] * root_[lower(j, k)];
          root_[lower(i, j)] = i > j ? total * root_[lower(j, j)] : broadcast(1) / root(total);
        }
        Pack total = broadcast(0);
        FILBERT_UNROLL_SHORT for (Count k = 0; k < q; ++k) total += spread[k * q + i] * residual[k];
        FILBERT_UNROLL_SHORT for (Count k = 0; k < i; ++k) total -= root_[lower(i, k)] * z[k];
        z[i] = total * root_[lower(i, i)];
      }
      FILBERT_UNROLL_SHORT for (Count i = 0; i < q; ++i) z[i] += deviation * of_chunk(noise, i);
      FILBERT_UNROLL_SHORT for (Count up = 1; up <= q; ++up) {
        const Count i = q - up;
        Pack total = z[i];
        FILBERT_UNROLL_SHORT for (Count k = i + 1; k < q; ++k) total -= root_[lower(k, i)] * z[k];
        z[i] = total * root_[lower(i, i)];
      }
      FILBERT_UNROLL_SHORT for (Count i = 0; i < q; ++i) {
        Pack total = broadcast(0);
        FILBERT_UNROLL_SHORT for (Count k = 0; k <= i; ++k) total += broadcast(factor[k * q + i]) * z[k];
        store(number(effects, chunk * q + i, part), total);
      }
    }
  }
}

inline double eliminate(const BlockRows& rows, const double* factor, double variance, double* left, double* sums) {
  return by_effects(rows.effects, [&](auto q) { return eliminate_blocks<q()>(rows, factor, variance, left, sums); });
}

inline double slopes(const BlockRows& rows, const double* left, const double* K_slopes, double log_det_slope,
                     double* sums) {
  return by_effects(rows.effects, [&](auto q) { return block_slopes<q()>(rows, left, K_slopes, log_det_slope, sums); });
}

inline void draw(const BlockRows& rows, const double* factor, double sigma, const double* v, const double* shift,
                 const double* noise, double* effects) {
  by_effects(rows.effects, [&](auto q) { draw_blocks<q()>(rows, factor, sigma, v, shift, noise, effects); });
}

constexpr GroupKernels group_kernels_here = {&eliminate, &slopes, &draw};

}  // namespace filbert::kernels::FILBERT_INSTRUCTION_SET
