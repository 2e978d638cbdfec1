#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "filbert/families/row_kernels.hpp"

using namespace filbert;

namespace {

struct ReferenceRow {
  Family family;
  Link link;
  double eta, y, trials;
  std::vector<double> auxiliaries;
  double value, d1, d2;
  std::vector<double> auxiliary_slopes;
};

/// rows.csv, which tests/data/glm/make_rows.py writes.
const std::vector<ReferenceRow>& reference_rows() {
  static const std::vector<ReferenceRow> rows = [] {
    std::ifstream file(FILBERT_TEST_DATA "/glm/rows.csv");
    std::string line;
    std::getline(file, line);
    std::vector<ReferenceRow> read;
    while (std::getline(file, line)) {
      std::vector<std::string> cells;
      std::istringstream stream(line + ",");
      for (std::string cell; std::getline(stream, cell, ',');) cells.push_back(cell);
      const Family family = family_named(cells[0]);
      ReferenceRow row{
          family, link_named(cells[1], family), std::stod(cells[2]), std::stod(cells[3]), std::stod(cells[4]),
          {},     std::stod(cells[7]),          std::stod(cells[8]), std::stod(cells[9]), {}};
      for (std::size_t k = 0; k < facts(family).auxiliaries.size(); ++k) {
        row.auxiliaries.push_back(std::stod(cells[5 + k]));
        row.auxiliary_slopes.push_back(std::stod(cells[10 + k]));
      }
      read.push_back(row);
    }
    return read;
  }();
  return rows;
}

std::vector<InstructionSet> instruction_sets() {
  std::vector<InstructionSet> sets = {InstructionSet::Baseline};
  if (instruction_set() != InstructionSet::Baseline) sets.push_back(instruction_set());
  return sets;
}

/// What a kernel reads beside the response: trials, or the logarithm of a gamma response.
double second_of(const ReferenceRow& row) { return row.family == Family::Gamma ? std::log(row.y) : row.trials; }

/// Errors are judged against the size of what is summed: a quantity near 0 among large terms cannot be better.
bool agrees(double found, double expected, double scale, double tolerance) {
  if (std::abs(found - expected) <= tolerance * std::max(std::abs(expected), scale)) return true;
  MESSAGE("found " << found << ", expected " << expected << ", difference " << found - expected);
  return false;
}

}  // namespace

TEST_CASE("Row log likelihoods and their derivatives agree with references of 60 digits") {
  REQUIRE(reference_rows().size() > 600);
  for (const InstructionSet set : instruction_sets()) {
    for (const ReferenceRow& row : reference_rows()) {
      CAPTURE(name(set));
      CAPTURE(facts(row.family).name);
      CAPTURE(name(row.link));
      CAPTURE(row.eta);
      CAPTURE(row.y);
      CAPTURE(row.trials);
      const double auxiliary_0 = row.auxiliaries.empty() ? 0 : row.auxiliaries[0];
      CAPTURE(auxiliary_0);
      double value, d1, d2, information, slopes[max_auxiliaries];
      const double second = second_of(row);
      row_kernels(row.family, row.link, set)
          .single(1, &row.eta, &row.y, &second, row.auxiliaries.data(), {&value, &d1, &d2, &information, slopes});
      // dℓ/dη times the rounding of η itself is what no formula can avoid.
      const double unavoidable = std::abs(row.d1 * row.eta) + std::abs(row.d2) * row.eta * row.eta;
      const double summed = 10 + 100 * std::abs(row.y) + unavoidable;
      CHECK(agrees(value + row_constant(row.family, row.y, row.trials), row.value, summed, 3e-13));
      CHECK(agrees(d1, row.d1, 1e-3 + unavoidable, 1e-12));
      CHECK(agrees(d2, row.d2, 1e-3 + unavoidable, 1e-11));
      CHECK(information >= 0);
      for (std::size_t k = 0; k < row.auxiliary_slopes.size(); ++k) {
        CHECK(agrees(slopes[k], row.auxiliary_slopes[k], 1 + std::abs(row.y) + unavoidable, 1e-11));
      }
    }
  }
}

namespace {

/// Rows of one family and link at random, padded as the kernels want them.
struct PaddedRows {
  std::vector<double> X, y, second, weights, offset, table_values, table_weights;
  GlmRows rows;

  PaddedRows(const ReferenceRow& like, const std::vector<ReferenceRow>& pool, std::ptrdiff_t n, bool weighted) {
    const std::ptrdiff_t padded = (n + panel_rows - 1) / panel_rows * panel_rows;
    const std::ptrdiff_t columns = 3;
    X.assign(static_cast<std::size_t>(padded * columns), 0.0);
    const bool has_second = facts(like.family).has_trials || like.family == Family::Gamma;
    std::map<double, double> table;
    for (std::ptrdiff_t i = 0; i < padded; ++i) {
      const ReferenceRow& row = pool[static_cast<std::size_t>(i < n ? i : 0) % pool.size()];
      const auto put = [&](std::ptrdiff_t column, double x) {
        X[static_cast<std::size_t>((i / panel_rows * columns + column) * panel_rows + i % panel_rows)] = x;
      };
      if (i < n) {
        put(0, 1);
        put(1, std::sin(static_cast<double>(i)));
        put(2, row.eta);
      }
      y.push_back(row.y);
      if (has_second) second.push_back(second_of(row));
      const double weight = i >= n ? 0.0 : weighted ? static_cast<double>(i % 3) : 1.0;
      weights.push_back(weight);
      offset.push_back(0);
      if (like.family == Family::NegativeBinomial) table[row.y] += weight;
      if (like.family == Family::BetaBinomial) table[row.trials] += weight;
    }
    while (table.size() % 4 != 0) table[-1.0 - static_cast<double>(table.size())] = 0;
    for (const auto& [value, weight] : table) {
      table_values.push_back(weight > 0 ? value : 1.0);
      table_weights.push_back(weight);
    }
    rows.rows = n;
    rows.columns = columns;
    rows.first_column = 1;
    rows.X = X.data();
    rows.y = y.data();
    rows.second = has_second ? second.data() : nullptr;
    rows.weights = weighted ? weights.data() : nullptr;
    rows.offset = weighted ? offset.data() : nullptr;
    rows.last_weights = weights.data() + padded - panel_rows;
    rows.table_size = static_cast<std::ptrdiff_t>(table_values.size());
    rows.table_values = table_values.data();
    rows.table_weights = table_weights.data();
  }
};

}  // namespace

TEST_CASE("Sums over rows, their gradients, Hessians and batches are those of the single rows") {
  std::map<std::pair<Family, Link>, std::vector<ReferenceRow>> pools;
  for (const ReferenceRow& row : reference_rows()) {
    const PredictorDomain domain = predictor_domain(row.family, row.link);
    if (row.eta < domain.lower + 0.1 || row.eta > domain.upper - 0.1) continue;
    if (std::abs(row.eta) < 5 && std::abs(row.y) < 1e3) pools[{row.family, row.link}].push_back(row);
  }
  for (const InstructionSet set : instruction_sets()) {
    for (const auto& [key, pool] : pools) {
      for (const std::ptrdiff_t n : {1, 127, 128, 129, 400}) {
        for (const bool weighted : {false, true}) {
          CAPTURE(name(set));
          CAPTURE(facts(key.first).name);
          CAPTURE(name(key.second));
          CAPTURE(n);
          CAPTURE(weighted);
          const RowKernels& kernels = row_kernels(key.first, key.second, set);
          const PaddedRows data(pool[0], pool, n, weighted);
          const double coefficients[] = {0.001, 0.01, 0.99};
          const double auxiliaries[] = {1.3, 4.5};

          double value = 0, gradient[3] = {}, hessian[9] = {}, slopes[2] = {}, size = 1;
          for (std::ptrdiff_t i = 0; i < n; ++i) {
            const std::size_t at = static_cast<std::size_t>(i);
            const double x[] = {1, std::sin(static_cast<double>(i)), pool[at % pool.size()].eta};
            const double eta = coefficients[0] + coefficients[1] * x[1] + coefficients[2] * x[2];
            const double second = data.rows.second != nullptr ? data.second[at] : 1.0;
            double row_value, d1, d2, row_slopes[2] = {};
            kernels.single(1, &eta, &data.y[at], &second, auxiliaries, {&row_value, &d1, &d2, nullptr, row_slopes});
            const double weight = data.weights[at];
            if (weight == 0) continue;
            value += weight * row_value;
            size += weight * (std::abs(row_value) + std::abs(d1) + std::abs(d2)) * 25;
            for (int j = 0; j < 3; ++j) gradient[j] += weight * d1 * x[j];
            for (int j = 0; j < 3; ++j) {
              for (int k = j; k < 3; ++k) hessian[3 * j + k] += weight * d2 * x[j] * x[k];
            }
            for (int k = 0; k < 2; ++k) slopes[k] += weight * row_slopes[k];
          }

          double found_gradient[3], found_slopes[2] = {}, found_hessian[9];
          CHECK(agrees(kernels.gradient(data.rows, coefficients, auxiliaries, found_gradient, found_slopes), value,
                       size, 1e-12));
          for (int j = 0; j < 3; ++j) CHECK(agrees(found_gradient[j], gradient[j], size, 1e-12));
          for (std::size_t k = 0; k < facts(key.first).auxiliaries.size(); ++k)
            CHECK(agrees(found_slopes[k], slopes[k], size, 1e-12));
          CHECK(agrees(kernels.curvature(data.rows, coefficients, auxiliaries, Information::Observed, found_gradient,
                                         found_slopes, found_hessian),
                       value, size, 1e-12));
          for (int j = 0; j < 3; ++j) {
            CHECK(agrees(found_gradient[j], gradient[j], size, 1e-12));
            for (int k = j; k < 3; ++k) CHECK(agrees(found_hessian[3 * j + k], hessian[3 * j + k], size, 1e-12));
          }

          // Seven draws do not fill their second group.
          constexpr int draws = 7;
          double packed[2 * batch_group * 3], of_draws[draws * max_auxiliaries], values[draws];
          for (int d = 0; d < 2 * batch_group; ++d) {
            for (int j = 0; j < 3; ++j) {
              packed[(d / batch_group * 3 + j) * batch_group + d % batch_group] = coefficients[j] * (1 - 0.01 * d);
            }
          }
          for (int d = 0; d < draws; ++d) {
            of_draws[2 * d] = auxiliaries[0] + 0.1 * d;
            of_draws[2 * d + 1] = auxiliaries[1];
          }
          kernels.batch(data.rows, {}, draws, packed, of_draws, values);
          for (int d = 0; d < draws; ++d) {
            double scaled[3];
            for (int j = 0; j < 3; ++j) scaled[j] = coefficients[j] * (1 - 0.01 * d);
            const double alone = kernels.gradient(data.rows, scaled, of_draws + 2 * d, found_gradient, found_slopes);
            CHECK(agrees(values[d], alone, size, 1e-12));
          }
        }
      }
    }
  }
}

TEST_CASE("Outside of the domain of a link the value is -inf, and a row without weight may lie there") {
  for (const InstructionSet set : instruction_sets()) {
    for (const FamilyFacts& family : all_families()) {
      for (const Link link : family.links) {
        const PredictorDomain domain = predictor_domain(family.family, link);
        for (const double eta : {domain.lower - 0.5, domain.upper + 0.5}) {
          if (!std::isfinite(eta)) continue;
          CAPTURE(family.name);
          CAPTURE(name(link));
          const double y = 0.5, second = 1, auxiliaries[] = {1, 1};
          double value;
          row_kernels(family.family, link, set).single(1, &eta, &y, &second, auxiliaries, {&value});
          CHECK(value == -std::numeric_limits<double>::infinity());
        }
      }
    }
    ReferenceRow row{Family::Poisson, Link::Identity, -1.0, 3.0, 1.0, {}, 0, 0, 0, {}};
    PaddedRows data(row, {row}, 200, true);  // rows 0, 3, 6, … have weight 0
    for (std::ptrdiff_t i = 0; i < 200; ++i) {
      if (i % 3 != 0) data.X[static_cast<std::size_t>((i / panel_rows * 3 + 2) * panel_rows + i % panel_rows)] = 2;
    }
    const double coefficients[] = {0, 0, 1};
    double gradient[3];
    const double value =
        row_kernels(Family::Poisson, Link::Identity, set).gradient(data.rows, coefficients, nullptr, gradient, nullptr);
    CHECK(std::isfinite(value));
    CHECK(std::isfinite(gradient[2]));
  }
}

TEST_CASE("Families and links are found by name, and a wrong name is answered with the right ones") {
  CHECK(family_named("negativebinomial") == Family::NegativeBinomial);
  CHECK(link_named("sqrt", Family::Poisson) == Link::Sqrt);
  CHECK_THROWS_WITH(link_named("probit", Family::Poisson),
                    "family 'poisson' has no link 'probit'; it has 'log', 'identity', 'sqrt'");
  CHECK_THROWS_AS(family_named("poison"), std::invalid_argument);
  for (const FamilyFacts& family : all_families()) {
    for (const Link link : family.links) CHECK_NOTHROW(row_kernels(family.family, link));
  }
}
