// The loops over panels of rows that make kernels of a family's row function; compiled once for each instruction set.
#pragma once

#include <cstring>
#include <new>

#include "filbert/families/row.hpp"
#include "filbert/families/row_kernels.hpp"

#if defined(__GNUC__)
#define FILBERT_UNROLL(n) _Pragma(FILBERT_STRING(GCC unroll n))
#define FILBERT_STRING(text) #text
#else
#define FILBERT_UNROLL(n)
#endif

namespace filbert::kernels::FILBERT_INSTRUCTION_SET {

using Length = std::ptrdiff_t;
constexpr Length pack_rows = static_cast<Length>(width);
static_assert(rows_at_once % (4 * pack_rows) == 0);

/// One array over the rows of a panel.
struct alignas(64) PanelArray {
  double at[panel_rows];
};

template <typename Family>
concept Tabled = requires(Pack y, const typename Family::Shared& shared) { Family::tabled(y, shared, y, y); };

// ---- Linear predictors and products with columns

/// η of one panel.
inline void predict(const GlmRows& rows, Length panel, const double* coefficients, PanelArray& eta) {
  constexpr Length together = 4;
  const double* const X = rows.X + panel * rows.columns * panel_rows;
  const double* const offset = rows.offset != nullptr ? rows.offset + panel * panel_rows : nullptr;
  const Pack intercept = broadcast(rows.first_column > 0 ? coefficients[0] : 0.0);
  const Length count = rows.of_panel(panel);
  for (Length i = 0; i < count; i += together * pack_rows) {
    Pack sums[together];
    FILBERT_UNROLL(4)
    for (Length k = 0; k < together; ++k) {
      sums[k] = offset != nullptr ? intercept + load(offset + i + k * pack_rows) : intercept;
    }
    for (Length j = rows.first_column; j < rows.columns; ++j) {
      const Pack coefficient = broadcast(coefficients[j]);
      const double* const column = X + j * panel_rows + i;
      FILBERT_UNROLL(4)
      for (Length k = 0; k < together; ++k) sums[k] += coefficient * load(column + k * pack_rows);
    }
    FILBERT_UNROLL(4)
    for (Length k = 0; k < together; ++k) store(eta.at + i + k * pack_rows, sums[k]);
  }
}

/// Adds the products of `many` neighbouring columns of a panel with an array, over `count` rows.
template <Length many>
FILBERT_INLINE void add_products(const double* columns, const PanelArray& array, Length count, double* sums) {
  constexpr Length chains = 8 / many < 2 ? 1 : 2;
  Pack partial[many][2];
  FILBERT_UNROLL(4)
  for (Length j = 0; j < many; ++j) partial[j][0] = partial[j][1] = broadcast(0.0);
  for (Length i = 0; i < count; i += chains * pack_rows) {
    FILBERT_UNROLL(2)
    for (Length k = 0; k < chains; ++k) {
      const Pack factor = load(array.at + i + k * pack_rows);
      FILBERT_UNROLL(4)
      for (Length j = 0; j < many; ++j) partial[j][k] += factor * load(columns + j * panel_rows + i + k * pack_rows);
    }
  }
  FILBERT_UNROLL(4)
  for (Length j = 0; j < many; ++j) sums[j] += sum(partial[j][0] + partial[j][1]);
}

/// Adds the products of columns `first` to `last` with an array, over `count` rows.
inline void add_all_products(const double* panel, const PanelArray& array, Length count, Length first, Length last,
                             double* sums) {
  Length j = first;
  for (; j + 4 <= last; j += 4) add_products<4>(panel + j * panel_rows, array, count, sums + j);
  for (; j < last; ++j) add_products<1>(panel + j * panel_rows, array, count, sums + j);
}

// ---- Sums over the rows of a panel

struct PanelSums {
  double value = 0;
  double auxiliary[max_auxiliaries] = {0, 0};
};

/// Log likelihoods of `count` rows of a panel; writes weighted dℓ/dη and curvature where they are asked for.
template <typename Family, Order order, bool weighted, bool has_second>
PanelSums add_panel(Length count, const double* eta, const double* y, const double* second, const double* weights,
                    const typename Family::Shared& shared, Information information, PanelArray* d1,
                    PanelArray* curvature) {
  constexpr bool by_product = Family::is_product && !weighted && !has_second;
  Pack value = broadcast(0.0);
  Pack product = broadcast(1.0);
  Pack auxiliary[max_auxiliaries] = {broadcast(0.0), broadcast(0.0)};
  for (Length i = 0; i < count; i += pack_rows) {
    const Pack trials = has_second ? load(second + i) : broadcast(1.0);
    Row row;
    if constexpr (by_product) {
      Pack factor;
      row = Family::template evaluate<order, false>(load(eta + i), load(y + i), trials, shared, &factor);
      product *= factor;
    } else {
      row = Family::template evaluate<order>(load(eta + i), load(y + i), trials, shared);
    }
    const Pack none = broadcast(0.0);
    const Pack weight = weighted ? load(weights + i) : none;
    const Mask counts = weight != none;  // a row without weight may lie anywhere
    value += weighted ? select(counts, weight * row.value, none) : row.value;
    if constexpr (order >= Order::Gradient) {
      store(d1->at + i, weighted ? select(counts, weight * row.d1, none) : row.d1);
      for (int k = 0; k < Family::auxiliaries; ++k) {
        auxiliary[k] += weighted ? select(counts, weight * row.auxiliary[k], none) : row.auxiliary[k];
      }
    }
    if constexpr (order >= Order::Curvature) {
      const Pack bend = information == Information::Expected ? -row.information : row.d2;
      store(curvature->at + i, weighted ? select(counts, weight * bend, none) : bend);
    }
  }
  PanelSums sums;
  if constexpr (by_product) value -= logarithm(product);
  sums.value = sum(value);
  for (int k = 0; k < Family::auxiliaries; ++k) sums.auxiliary[k] = sum(auxiliary[k]);
  return sums;
}

/// Weights of a panel in which every row counts once.
struct Ones {
  PanelArray weights;
  constexpr Ones() : weights() {
    for (double& weight : weights.at) weight = 1;
  }
};
inline constexpr Ones unit_weights = {};

/// Chooses the instance for this panel: the last one is weighted, because of its padding. Only where a product stands in for logarithms
/// is an instance without weights worth its code.
template <typename Family, Order order>
PanelSums add_any_panel(const GlmRows& rows, Length panel, const double* eta, const typename Family::Shared& shared,
                        Information information, PanelArray* d1, PanelArray* curvature) {
  const Length count = rows.of_panel(panel);
  const double* const y = rows.y + panel * panel_rows;
  const double* const second = rows.second != nullptr ? rows.second + panel * panel_rows : nullptr;
  const bool last = panel + 1 == rows.panels();
  const double* weights = last                      ? rows.last_weights
                          : rows.weights != nullptr ? rows.weights + panel * panel_rows
                                                    : nullptr;
  if constexpr (Family::is_product && order != Order::Curvature) {
    if (weights == nullptr && second == nullptr) {
      return add_panel<Family, order, false, false>(count, eta, y, second, weights, shared, information, d1, curvature);
    }
  }
  if (weights == nullptr) weights = unit_weights.weights.at;
  if constexpr (Family::second == Second::Never) {
    return add_panel<Family, order, true, false>(count, eta, y, second, weights, shared, information, d1, curvature);
  } else if constexpr (Family::second == Second::Always) {
    return add_panel<Family, order, true, true>(count, eta, y, second, weights, shared, information, d1, curvature);
  } else if (second != nullptr) {
    return add_panel<Family, order, true, true>(count, eta, y, second, weights, shared, information, d1, curvature);
  } else {
    return add_panel<Family, order, true, false>(count, eta, y, second, weights, shared, information, d1, curvature);
  }
}

/// Adds the terms that depend on the response alone.
template <typename Family>
void add_table(const GlmRows& rows, const typename Family::Shared& shared, PanelSums& sums) {
  if constexpr (Tabled<Family>) {
    Pack value = broadcast(0.0), slope = broadcast(0.0);
    for (Length i = 0; i < rows.table_size; i += pack_rows) {
      Pack row_value, row_slope;
      Family::tabled(load(rows.table_values + i), shared, row_value, row_slope);
      const Pack weight = load(rows.table_weights + i);
      value += weight * row_value;
      slope += weight * row_slope;
    }
    sums.value += sum(value);
    sums.auxiliary[0] += sum(slope);
  }
}

// ---- The kernels

/// Slopes of rows are written where there is a place for them.
template <typename Family>
double sum_gradient(const GlmRows& rows, const double* coefficients, const double* auxiliaries, double* gradient,
                    double* auxiliary_gradient, double* row_slopes) {
  const typename Family::Shared shared(auxiliaries);
  PanelArray eta, d1;
  PanelSums total;
  for (Length j = 0; j < rows.columns; ++j) gradient[j] = 0;
  double ones = 0;
  for (Length panel = 0; panel < rows.panels(); ++panel) {
    predict(rows, panel, coefficients, eta);
    const PanelSums sums =
        add_any_panel<Family, Order::Gradient>(rows, panel, eta.at, shared, Information::Observed, &d1, nullptr);
    const Length count = rows.of_panel(panel);
    if (row_slopes != nullptr) {
      std::memcpy(row_slopes + panel * panel_rows, d1.at, sizeof(double) * static_cast<std::size_t>(count));
    }
    total.value += sums.value;
    for (int k = 0; k < Family::auxiliaries; ++k) total.auxiliary[k] += sums.auxiliary[k];
    add_all_products(rows.X + panel * rows.columns * panel_rows, d1, count, rows.first_column, rows.columns, gradient);
    if (rows.first_column > 0) {
      Pack sum_of_slopes = broadcast(0.0);
      for (Length i = 0; i < count; i += pack_rows) sum_of_slopes += load(d1.at + i);
      ones += sum(sum_of_slopes);
    }
  }
  if (rows.first_column > 0) gradient[0] = ones;
  add_table<Family>(rows, shared, total);
  for (int k = 0; k < Family::auxiliaries; ++k) auxiliary_gradient[k] = total.auxiliary[k];
  return total.value;
}

template <typename Family>
double gradient(const GlmRows& rows, const double* coefficients, const double* auxiliaries, double* gradient,
                double* auxiliary_gradient) {
  return sum_gradient<Family>(rows, coefficients, auxiliaries, gradient, auxiliary_gradient, nullptr);
}

template <typename Family>
double slopes(const GlmRows& rows, const double* coefficients, const double* base, const double* auxiliaries,
              double* gradient, double* auxiliary_gradient, double* row_slopes) {
  GlmRows moved = rows;
  moved.offset = base;
  return sum_gradient<Family>(moved, coefficients, auxiliaries, gradient, auxiliary_gradient, row_slopes);
}

template <typename Family>
double curvature(const GlmRows& rows, const double* coefficients, const double* auxiliaries, Information information,
                 double* gradient, double* auxiliary_gradient, double* hessian) {
  const typename Family::Shared shared(auxiliaries);
  PanelArray eta, d1, bend, weighted;
  PanelSums total;
  const Length columns = rows.columns;
  for (Length j = 0; j < columns; ++j) gradient[j] = 0;
  for (Length j = 0; j < columns * columns; ++j) hessian[j] = 0;
  for (Length panel = 0; panel < rows.panels(); ++panel) {
    predict(rows, panel, coefficients, eta);
    const PanelSums sums =
        add_any_panel<Family, Order::Curvature>(rows, panel, eta.at, shared, information, &d1, &bend);
    total.value += sums.value;
    for (int k = 0; k < Family::auxiliaries; ++k) total.auxiliary[k] += sums.auxiliary[k];
    const Length count = rows.of_panel(panel);
    const double* const X = rows.X + panel * columns * panel_rows;
    add_all_products(X, d1, count, 0, columns, gradient);
    for (Length j = 0; j < columns; ++j) {
      for (Length i = 0; i < count; i += pack_rows) {
        store(weighted.at + i, load(bend.at + i) * load(X + j * panel_rows + i));
      }
      add_all_products(X, weighted, count, j, columns, hessian + j * columns);
    }
  }
  add_table<Family>(rows, shared, total);
  for (int k = 0; k < Family::auxiliaries; ++k) auxiliary_gradient[k] = total.auxiliary[k];
  return total.value;
}

/// η of one panel for a group of draws: two packs of rows and six draws are as many sums as the registers hold.
inline void predict_group(const GlmRows& rows, Length panel, const double* coefficients, PanelArray* eta) {
  const double* const X = rows.X + panel * rows.columns * panel_rows;
  const double* const offset = rows.offset != nullptr ? rows.offset + panel * panel_rows : nullptr;
  const Length count = rows.of_panel(panel);
  for (Length i = 0; i < count; i += 2 * pack_rows) {
    const Pack offset_0 = offset != nullptr ? load(offset + i) : broadcast(0.0);
    const Pack offset_1 = offset != nullptr ? load(offset + i + pack_rows) : broadcast(0.0);
    Pack sums_0[batch_group], sums_1[batch_group];
    FILBERT_UNROLL(6)
    for (int d = 0; d < batch_group; ++d) {
      const double intercept = rows.first_column > 0 ? coefficients[d] : 0.0;
      sums_0[d] = offset_0 + intercept;
      sums_1[d] = offset_1 + intercept;
    }
    for (Length j = rows.first_column; j < rows.columns; ++j) {
      const Pack x_0 = load(X + j * panel_rows + i);
      const Pack x_1 = load(X + j * panel_rows + i + pack_rows);
      const double* const of_draws = coefficients + j * batch_group;
      FILBERT_UNROLL(6)
      for (int d = 0; d < batch_group; ++d) {
        const Pack coefficient = broadcast(of_draws[d]);
        sums_0[d] += coefficient * x_0;
        sums_1[d] += coefficient * x_1;
      }
    }
    FILBERT_UNROLL(6)
    for (int d = 0; d < batch_group; ++d) {
      store(eta[d].at + i, sums_0[d]);
      store(eta[d].at + i + pack_rows, sums_1[d]);
    }
  }
}

/// Adds the effects of one draw to η of one panel.
inline void add_effects(const RowEffects& effects, Length panel, Length count, int draw, PanelArray& eta) {
  const double* const of_draw = effects.effects + draw * effects.of_draw;
  for (Length j = 0; j < effects.columns; ++j) {
    const Length first = (panel * effects.columns + j) * panel_rows;
    const double* const z = effects.Z + first;
    const std::int32_t* const places = effects.places + first;
    for (Length i = 0; i < count; ++i) eta.at[i] += z[i] * of_draw[places[i]];
  }
}

template <typename Family>
void batch(const GlmRows& rows, const RowEffects& effects, int draws, const double* coefficients,
           const double* auxiliaries, double* values) {
  using Shared = typename Family::Shared;
  alignas(64) unsigned char storage[sizeof(Shared) * max_batch];
  Shared* const shared = reinterpret_cast<Shared*>(storage);
  PanelSums total[max_batch];
  for (int d = 0; d < draws; ++d) new (shared + d) Shared(auxiliaries + d * max_auxiliaries);
  PanelArray eta[batch_group];
  for (Length panel = 0; panel < rows.panels(); ++panel) {
    for (int first = 0; first < draws; first += batch_group) {
      predict_group(rows, panel, coefficients + first * rows.columns, eta);
      for (int d = first; d < draws && d < first + batch_group; ++d) {
        add_effects(effects, panel, rows.of_panel(panel), d, eta[d - first]);
        total[d].value += add_any_panel<Family, Order::Value>(rows, panel, eta[d - first].at, shared[d],
                                                              Information::Observed, nullptr, nullptr)
                              .value;
      }
    }
  }
  for (int d = 0; d < draws; ++d) {
    add_table<Family>(rows, shared[d], total[d]);
    values[d] = total[d].value;
  }
}

/// Up to one pack of rows, the rest filled with the first.
FILBERT_INLINE Pack load_some(const double* from, Length count) {
  if (count == pack_rows) return load(from);
  double lanes[width];
  for (Length i = 0; i < pack_rows; ++i) lanes[i] = from[i < count ? i : 0];
  return load(lanes);
}

FILBERT_INLINE void store_some(double* to, Pack x, Length count) {
  if (to == nullptr) return;
  if (count == pack_rows) return store(to, x);
  for (Length i = 0; i < count; ++i) to[i] = lane(x, static_cast<std::size_t>(i));
}

template <typename Family>
void single(std::ptrdiff_t rows, const double* eta, const double* y, const double* second, const double* auxiliaries,
            const RowDerivatives& into) {
  const typename Family::Shared shared(auxiliaries);
  const auto from = [](double* array, Length i) { return array == nullptr ? nullptr : array + i; };
  for (Length i = 0; i < rows; i += pack_rows) {
    const Length count = rows - i < pack_rows ? rows - i : pack_rows;
    const Pack responses = load_some(y + i, count);
    const Pack trials = second != nullptr ? load_some(second + i, count) : broadcast(1.0);
    const bool value_only =
        into.d1 == nullptr && into.d2 == nullptr && into.information == nullptr && into.auxiliary == nullptr;
    Row row;
    if (value_only) {
      row.value = Family::template evaluate<Order::Value>(load_some(eta + i, count), responses, trials, shared).value;
    } else {
      row = Family::template evaluate<Order::Curvature>(load_some(eta + i, count), responses, trials, shared);
    }
    if constexpr (Tabled<Family>) {
      Pack value, slope;
      Family::tabled(Family::tables_trials ? trials : responses, shared, value, slope);
      row.value += value;
      if (!value_only) row.auxiliary[0] += slope;
    }
    store_some(from(into.value, i), row.value, count);
    if (value_only) continue;
    store_some(from(into.d1, i), row.d1, count);
    store_some(from(into.d2, i), row.d2, count);
    store_some(from(into.information, i), row.information, count);
    for (int k = 0; k < Family::auxiliaries; ++k)
      store_some(from(into.auxiliary, k * rows + i), row.auxiliary[k], count);
  }
}

inline void triple_products(const GlmRows& rows, const double* weights, double* products) {
  const Length columns = rows.columns;
  for (Length i = 0; i < columns * columns * columns; ++i) products[i] = 0;
  PanelArray once, twice;
  for (Length panel = 0; panel < rows.panels(); ++panel) {
    const Length count = rows.of_panel(panel);
    const double* const X = rows.X + panel * columns * panel_rows;
    for (Length k = 0; k < columns; ++k) {
      for (Length i = 0; i < count; i += pack_rows) {
        store(once.at + i, load(weights + panel * panel_rows + i) * load(X + k * panel_rows + i));
      }
      for (Length j = k; j < columns; ++j) {
        for (Length i = 0; i < count; i += pack_rows) {
          store(twice.at + i, load(once.at + i) * load(X + j * panel_rows + i));
        }
        add_all_products(X, twice, count, j, columns, products + columns * (j + columns * k));
      }
    }
  }
}

}  // namespace filbert::kernels::FILBERT_INSTRUCTION_SET
