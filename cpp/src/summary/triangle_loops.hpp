// Householder reflections of rows into a triangle, and the moments of columns; compiled once for each instruction set.
//
// A column with diagonal α >= 0 and squared length σ below it is reflected onto β = √(α² + σ) by I - v v' with |v|² = 2:
// its head is α - β without the cancellation. Rows stay in registers for as many reflections and columns as these hold.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "filbert/numeric/simd.hpp"
#include "filbert/summary/triangle_kernels.hpp"

namespace filbert::kernels::FILBERT_INSTRUCTION_SET {

using Count = std::ptrdiff_t;
constexpr Count lanes = static_cast<Count>(width);
static_assert(row_multiple % lanes == 0);

// ---- Columns

template <bool Weighted>
ColumnMoments moments_of(const double* values, const double* weights, Count rows) {
  Pack sums[2] = {}, least = broadcast(infinity), largest = broadcast(-infinity);
  Count i = 0;
  for (; i + 2 * lanes <= rows; i += 2 * lanes) {
    FILBERT_UNROLL_SHORT for (Count k = 0; k < 2; ++k) {
      const Pack x = load(values + i + k * lanes);
      least = minimum(x, least);
      largest = maximum(x, largest);
      sums[k] += Weighted ? x * load(weights + i + k * lanes) : x;
    }
  }
  ColumnMoments result{infinity, -infinity, sum(sums[0] + sums[1])};
  for (std::size_t k = 0; k < width; ++k) {
    result.least = std::min(result.least, lane(least, k));
    result.largest = std::max(result.largest, lane(largest, k));
  }
  for (; i < rows; ++i) {
    result.least = values[i] < result.least ? values[i] : result.least;
    result.largest = values[i] > result.largest ? values[i] : result.largest;
    result.sum += Weighted ? values[i] * weights[i] : values[i];
  }
  return result;
}

inline ColumnMoments moments(const double* values, const double* weights, Count rows) {
  return weights ? moments_of<true>(values, weights, rows) : moments_of<false>(values, weights, rows);
}

template <bool Weighted>
double centre_values(double* values, const double* weights, Count rows, double mean) {
  const Pack means = broadcast(mean);
  Pack sums[2] = {};
  Count i = 0;
  for (; i + 2 * lanes <= rows; i += 2 * lanes) {
    FILBERT_UNROLL_SHORT for (Count k = 0; k < 2; ++k) {
      const Pack x = load(values + i + k * lanes) - means;
      store(values + i + k * lanes, x);
      sums[k] += Weighted ? x * load(weights + i + k * lanes) : x;
    }
  }
  double left = sum(sums[0] + sums[1]);
  for (; i < rows; ++i) {
    values[i] -= mean;
    left += Weighted ? values[i] * weights[i] : values[i];
  }
  return left;
}

inline double centre(double* values, const double* weights, Count rows, double mean) {
  return weights ? centre_values<true>(values, weights, rows, mean) : centre_values<false>(values, weights, rows, mean);
}

inline void scale(double* values, const double* root_weights, Count rows, double shift, double factor) {
  Count i = 0;
  for (; i + lanes <= rows; i += lanes) {
    Pack x = (load(values + i) - broadcast(shift)) * broadcast(factor);
    if (root_weights) x *= load(root_weights + i);
    store(values + i, x);
  }
  for (; i < rows; ++i) values[i] = (values[i] - shift) * factor * (root_weights ? root_weights[i] : 1.0);
}

// ---- Reflections

/// Applies reflection J - 1 of a group of G columns to those from J on, by `pull`, and in the same pass finds the products of column J
/// with every column of the group.
template <Count G, Count J>
FILBERT_INLINE void reflect_and_multiply(double* const* columns, Count rows, const double* pull, double* products) {
  Pack sums[G] = {};
  for (Count i = 0; i < rows; i += lanes) {
    Pack now[G];
    FILBERT_UNROLL_SHORT for (Count k = 0; k < G; ++k) now[k] = load(columns[k] + i);
    if constexpr (J > 0) {
      FILBERT_UNROLL_SHORT for (Count k = J; k < G; ++k) {
        now[k] -= broadcast(pull[k]) * now[J - 1];
        store(columns[k] + i, now[k]);
      }
    }
    FILBERT_UNROLL_SHORT for (Count k = 0; k < G; ++k) sums[k] += now[J] * now[k];
  }
  for (Count k = 0; k < G; ++k) products[k] = sum(sums[k]);
}

/// Finds reflection J of a group, reflects the group's columns in its row of the triangle, and goes on to the next.
template <Count G, Count J>
FILBERT_INLINE void factor_column(double* triangle, Count stride, double* const* columns, Count rows, double* pull,
                                  double* head, double* scale, double (*overlap)[reflection_group]) {
  if constexpr (J < G) {
    double products[G];
    reflect_and_multiply<G, J>(columns, rows, pull, products);
    const double squares = products[J];
    double& diagonal = triangle[J * stride + J];
    head[J] = scale[J] = 0;
    // Squares that underflow are no length to divide by; what they are of lies 150 digits below the rows' unit.
    if (squares > 1e-300) {
      const double length = std::sqrt(diagonal * diagonal + squares);
      head[J] = -std::sqrt(squares / length / (diagonal + length));
      scale[J] = std::sqrt((diagonal + length) / length / squares);
      diagonal = length;
    }
    for (Count k = J + 1; k < G; ++k) {
      double& above = triangle[k * stride + J];
      const double along = head[J] * above + scale[J] * products[k];
      above -= head[J] * along;
      pull[k] = scale[J] * along;
    }
    for (Count i = 0; i < J; ++i) overlap[i][J] = scale[i] * scale[J] * products[i];
    factor_column<G, J + 1>(triangle, stride, columns, rows, pull, head, scale, overlap);
  }
}

template <Count G>
void factor_group(const TriangleAndRows& into, Count first, Count rows, double* head, double* scale,
                  double (*overlap)[reflection_group]) {
  double* columns[G];
  for (Count k = 0; k < G; ++k) columns[k] = into.rows + (first + k) * into.rows_stride;
  double pull[G] = {};
  double* const corner = into.triangle + first * into.triangle_stride + first;
  factor_column<G, 0>(corner, into.triangle_stride, columns, rows, pull, head, scale, overlap);
}

/// Applies the G reflections of the columns from `first` on to C columns from `column` on.
template <Count G, Count C>
FILBERT_INLINE void apply_group(const TriangleAndRows& into, Count first, Count rows, const double* head,
                                const double* scale, const double (*overlap)[reflection_group], Count column) {
  const double* const v = into.rows + first * into.rows_stride;
  double* const x = into.rows + column * into.rows_stride;
  const Count stride = into.rows_stride;
  Pack sums[G][C] = {};
  for (Count i = 0; i < rows; i += lanes) {
    Pack now[C];
    FILBERT_UNROLL_SHORT for (Count c = 0; c < C; ++c) now[c] = load(x + c * stride + i);
    FILBERT_UNROLL_SHORT for (Count g = 0; g < G; ++g) {
      const Pack reflection = load(v + g * stride + i);
      FILBERT_UNROLL_SHORT for (Count c = 0; c < C; ++c) sums[g][c] += reflection * now[c];
    }
  }
  Pack pull[G][C];
  FILBERT_UNROLL_SHORT for (Count c = 0; c < C; ++c) {
    double* const above = into.triangle + (column + c) * into.triangle_stride + first;
    double along[G];
    FILBERT_UNROLL_SHORT for (Count g = 0; g < G; ++g) {
      along[g] = head[g] * above[g] + scale[g] * sum(sums[g][c]);
      for (Count h = 0; h < g; ++h) along[g] -= overlap[h][g] * along[h];
    }
    FILBERT_UNROLL_SHORT for (Count g = 0; g < G; ++g) {
      above[g] -= head[g] * along[g];
      pull[g][c] = broadcast(scale[g] * along[g]);
    }
  }
  for (Count i = 0; i < rows; i += lanes) {
    Pack now[C];
    FILBERT_UNROLL_SHORT for (Count c = 0; c < C; ++c) now[c] = load(x + c * stride + i);
    FILBERT_UNROLL_SHORT for (Count g = 0; g < G; ++g) {
      const Pack reflection = load(v + g * stride + i);
      FILBERT_UNROLL_SHORT for (Count c = 0; c < C; ++c) now[c] -= pull[g][c] * reflection;
    }
    FILBERT_UNROLL_SHORT for (Count c = 0; c < C; ++c) store(x + c * stride + i, now[c]);
  }
}

/// Applies one group, of any width, to C columns.
template <Count C>
void apply_any_group(const TriangleAndRows& into, Count first, Count width_of_group, Count rows, const double* head,
                     const double* scale, const double (*overlap)[reflection_group], Count column) {
  switch (width_of_group) {
    case 1:
      return apply_group<1, C>(into, first, rows, head, scale, overlap, column);
    case 2:
      return apply_group<2, C>(into, first, rows, head, scale, overlap, column);
    case 3:
      return apply_group<3, C>(into, first, rows, head, scale, overlap, column);
    default:
      return apply_group<4, C>(into, first, rows, head, scale, overlap, column);
  }
}

/// Calls `visit(place, width)` for the groups of a panel.
template <typename Visit>
FILBERT_INLINE void for_groups(Count panel, const Visit& visit) {
  for (Count place = 0; place < panel; place += reflection_group)
    visit(place, std::min(reflection_group, panel - place));
}

/// All groups of a panel are applied to a pair of columns while these are in the first-level cache. Pairs start at even columns, so
/// that how a column is computed does not depend on where a range starts.
inline void apply(const TriangleAndRows& into, Count first, Count panel, Count rows, const Reflections& reflections,
                  Count begin, Count end) {
  for (Count column = begin; column < end;) {
    const Count together = column % 2 == 0 && column + 1 < end ? 2 : 1;
    for_groups(panel, [&](Count place, Count size) {
      const auto apply_to = together == 2 ? &apply_any_group<2> : &apply_any_group<1>;
      apply_to(into, first + place, size, rows, reflections.head + place, reflections.scale + place,
               reflections.overlap[place / reflection_group], column);
    });
    column += together;
  }
}

inline void factor(const TriangleAndRows& into, Count first, Count panel, Count rows, Reflections& reflections) {
  for_groups(panel, [&](Count place, Count size) {
    double* const head = reflections.head + place;
    double* const scales = reflections.scale + place;
    auto* const overlap = reflections.overlap[place / reflection_group];
    const Count start = first + place;
    switch (size) {
      case 1:
        factor_group<1>(into, start, rows, head, scales, overlap);
        break;
      case 2:
        factor_group<2>(into, start, rows, head, scales, overlap);
        break;
      case 3:
        factor_group<3>(into, start, rows, head, scales, overlap);
        break;
      default:
        factor_group<4>(into, start, rows, head, scales, overlap);
    }
    const Count end = first + panel;
    for (Count column = start + size; column < end;) {
      const bool pair = column + 1 < end;
      const auto apply_to = pair ? &apply_any_group<2> : &apply_any_group<1>;
      apply_to(into, start, size, rows, head, scales, overlap, column);
      column += pair ? 2 : 1;
    }
  });
}

// ---- Products

constexpr Count tile_rows = 8, tile_columns = 4;            // of C, in registers
constexpr Count rows_of_block = 128, depth_of_block = 256;  // of A, in the second-level cache
static_assert(product_workspace == (rows_of_block + tile_columns) * depth_of_block);

/// Adds a tile: A and B are packed, `tile_rows` and `tile_columns` of them a step in depth.
FILBERT_INLINE void multiply_tile(Count depth, const double* A, const double* B, Count rows, Count columns, double* C,
                                  Count stride) {
  constexpr Count packs = tile_rows / lanes;
  Pack sums[tile_columns][packs] = {};
  for (Count k = 0; k < depth; ++k) {
    Pack a[packs];
    FILBERT_UNROLL_SHORT for (Count r = 0; r < packs; ++r) a[r] = load(A + k * tile_rows + r * lanes);
    FILBERT_UNROLL_SHORT for (Count c = 0; c < tile_columns; ++c) {
      const Pack b = broadcast(B[k * tile_columns + c]);
      FILBERT_UNROLL_SHORT for (Count r = 0; r < packs; ++r) sums[c][r] += a[r] * b;
    }
  }
  double tile[tile_columns][tile_rows];
  for (Count c = 0; c < tile_columns; ++c) {
    for (Count r = 0; r < packs; ++r) store(tile[c] + r * lanes, sums[c][r]);
  }
  for (Count c = 0; c < columns; ++c) {
    for (Count r = 0; r < rows; ++r) C[c * stride + r] += tile[c][r];
  }
}

inline void multiply(Count m, Count n, Count k, const double* A, Count A_stride, const double* B, Count B_stride,
                     double* C, Count C_stride, double* workspace) {
  double* const packed_A = workspace;
  double* const packed_B = workspace + rows_of_block * depth_of_block;
  for (Count deep = 0; deep < k; deep += depth_of_block) {
    const Count depth = std::min(depth_of_block, k - deep);
    for (Count top = 0; top < m; top += rows_of_block) {
      const Count rows = std::min(rows_of_block, m - top);
      for (Count i = 0; i < rows; i += tile_rows) {
        for (Count d = 0; d < depth; ++d) {
          const double* const from = A + (deep + d) * A_stride + top + i;
          double* const to = packed_A + i * depth + d * tile_rows;
          for (Count r = 0; r < tile_rows; ++r) to[r] = i + r < rows ? from[r] : 0;
        }
      }
      for (Count j = 0; j < n; j += tile_columns) {
        const Count columns = std::min(tile_columns, n - j);
        for (Count d = 0; d < depth; ++d) {
          for (Count c = 0; c < tile_columns; ++c) {
            packed_B[d * tile_columns + c] = c < columns ? B[(j + c) * B_stride + deep + d] : 0;
          }
        }
        for (Count i = 0; i < rows; i += tile_rows) {
          multiply_tile(depth, packed_A + i * depth, packed_B, std::min(tile_rows, rows - i), columns,
                        C + j * C_stride + top + i, C_stride);
        }
      }
    }
  }
}

constexpr TriangleKernels triangle_kernels_here = {&moments, &centre, &scale, &factor, &apply, &multiply};

}  // namespace filbert::kernels::FILBERT_INSTRUCTION_SET
