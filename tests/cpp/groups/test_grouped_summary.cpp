// Blocks and merged parts give the summary of all rows, and bad rows are refused by name.
#include "filbert/groups/grouped_summary.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>

#include "filbert/groups/group_elimination.hpp"
#include "mixed_models.hpp"

using filbert::GroupedSummary;
using namespace mixed_models;

namespace {

/// All that a likelihood sees of the rows, at one θ. (The triangles themselves are not unique where columns are collinear.)
struct Seen {
  MatrixXd K;
  double log_determinant = 0;
};

Seen seen(const GroupedSummary& summary) {
  filbert::PosteriorColumns columns;
  columns.of_w = summary.to_given_columns();
  const filbert::GroupStructure& structure = summary.structure();
  for (Index f = 0; f < structure.factors(); ++f) columns.effect_unit.push_back(VectorXd::Ones(structure.effects(f)));
  filbert::GroupElimination elimination(summary, columns);
  Seen result;
  result.K.resize(elimination.width(), elimination.width());
  result.log_determinant = elimination.forward(make_factors(structure, 8), 0.9, result.K);
  return result;
}

void check_equal(const GroupedSummary& a, const GroupedSummary& b) {
  const Seen first = seen(a);
  const Seen second = seen(b);
  CHECK((first.K - second.K).norm() <= 1e-11 * first.K.norm());
  CHECK(first.log_determinant == doctest::Approx(second.log_determinant).epsilon(1e-11));
  CHECK((a.statistics().mean() - b.statistics().mean()).norm() < 1e-11);
}

std::string error_of(const Data& data) {
  try {
    GroupedSummary summary(data.X.cols(), data.structure);
    summary.update(data.rows(0, data.y.size()));
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("rows in blocks, and summaries of parts merged in any order, give the summary of all rows") {
  for (const Data& data : every_structure()) {
    const Index n = data.y.size();
    const GroupedSummary whole = data.summary();
    GroupedSummary in_blocks(data.X.cols(), data.structure);
    for (Index first = 0; first < n; first += 7) in_blocks.update(data.rows(first, std::min<Index>(7, n - first)));
    check_equal(whole, in_blocks);
    GroupedSummary merged = data.summary(n - 9, 9);
    merged.merge(data.summary(0, n / 2));
    merged.merge(GroupedSummary(data.X.cols(), data.structure));
    merged.merge(data.summary(n / 2, n - 9 - n / 2));
    check_equal(whole, merged);
  }
}

TEST_CASE("a summary is restored from its state to the last bit, and goes on as it would have") {
  for (const Data& data : every_structure()) {
    const Index n = data.y.size();
    GroupedSummary original = data.summary(0, n / 2);
    GroupedSummary restored = GroupedSummary::from_state(data.structure, original.state());
    for (GroupedSummary* each : {&original, &restored}) each->update(data.rows(n / 2, n - n / 2));
    CHECK(seen(original).K == seen(restored).K);
    CHECK(original.statistics().mean() == restored.statistics().mean());
    const GroupedSummary nothing(data.X.cols(), data.structure);
    GroupedSummary merged = GroupedSummary::from_state(data.structure, nothing.state());
    merged.merge(original);
    check_equal(merged, original);
  }
}

TEST_CASE("a state that no rows can give is refused") {
  const Data data = make_data({.n = 40, .n_groups = {4, 3}, .terms = {{0, 2}, {1, 1}}}, 11);
  const auto error_with = [&](auto change) -> std::string {
    GroupedSummary::State state = data.summary().state();
    change(state);
    try {
      GroupedSummary::from_state(data.structure, std::move(state));
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  using State = GroupedSummary::State;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(error_with([](State&) {}) == "");
  CHECK(error_with([](State& s) { s.statistics.total_weight = -1; }).ends_with("number of rows is negative"));
  CHECK(error_with([](State& s) { s.groups.pop_back(); }).ends_with("sizes of its parts differ"));
  CHECK(error_with([](State& s) { s.placed = false; }).ends_with("does not go with its weight"));
  CHECK(error_with([](State& s) { s.unit(0) = 0; }).ends_with("a unit is not positive"));
  CHECK(error_with([&](State& s) { s.groups[1].rows(0, 0) = nan; }).ends_with("not finite"));
  CHECK(error_with([](State& s) { s.groups[1].rows(1, 0) = 1; }).ends_with("not upper triangular"));
  CHECK(error_with([](State& s) { s.groups[1].tail[0] = 17; }).ends_with("not in order"));
  CHECK(error_with([](State& s) {
          s.groups[1].rows.conservativeResize(9, Eigen::NoChange);
        }).ends_with("do not go with its effects"));
  CHECK(error_with([](State& s) {
          s.groups[1].rows.setZero();
        }).ends_with("do not go with its weight, means and deviations"));
}

TEST_CASE("the sums of squares are those of the rows, far from zero too") {
  Data data = make_data({.n = 50, .p = 1, .n_groups = {4, 3}, .terms = {{0, 1}, {1, 1}}}, 9);
  data.X.array() += 1e7;
  const GroupedSummary summary = data.summary();
  double kept = 0;
  for (const GroupedSummary::Group& group : summary.groups()) kept += group.rows.rightCols(2).squaredNorm();
  const VectorXd x = (data.X.col(0).array() - summary.origin()(0)) / summary.unit()(0);
  const VectorXd y = (data.y.array() - summary.origin()(1)) / summary.unit()(1);
  CHECK(kept + summary.rest().rightCols(2).squaredNorm() ==
        doctest::Approx(x.squaredNorm() + y.squaredNorm()).epsilon(1e-13));
}

TEST_CASE("rows of weight zero leave no trace, and a column of ones need not be given") {
  Data data = make_data({.n = 40, .p = 1, .n_groups = {6}, .terms = {{0, 1}}, .weighted = true}, 10);
  const GroupedSummary given = data.summary();
  filbert::GroupedRows rows = data.rows(0, 40);
  rows.Z[0].reset();
  GroupedSummary without(1, data.structure);
  without.update(rows);
  check_equal(given, without);
  for (Index i = 0; i < 40; ++i) {
    if (data.weights(i) == 0) data.X(i, 0) = 1e30;
  }
  CHECK(seen(data.summary()).K == seen(given).K);
}

TEST_CASE("what cannot be a row is refused by name, and the summary stays as it was") {
  const Data good = make_data({.n = 20, .n_groups = {4, 3}, .terms = {{0, 2}, {1, 1}}}, 11);
  CHECK(error_of(good) == "");
  Data bad = good;
  bad.codes[1](5) = 3;
  CHECK(error_of(bad) == "codes of grouping factor 1 must be from 0 to 2, not 3 at row 5");
  bad = good;
  bad.y(3) = std::numeric_limits<double>::infinity();
  CHECK(error_of(bad).starts_with("y must be finite at row 3"));
  bad = good;
  bad.weights(2) = -1;
  CHECK(error_of(bad).starts_with("weights must be finite and not negative at row 2"));

  GroupedSummary summary = good.summary();
  bad = good;
  bad.y(3) = std::numeric_limits<double>::infinity();
  CHECK_THROWS(summary.update(bad.rows(0, 20)));
  const filbert::GroupedRows rows = good.rows(0, 20), fewer = good.rows(0, 19);
  CHECK_THROWS_WITH_AS(summary.update({rows.X, rows.y, fewer.Z, fewer.codes}),
                       "codes and y must have the same number of rows", std::invalid_argument);
  check_equal(summary, good.summary());
  CHECK_THROWS_AS(summary.merge(GroupedSummary(2, {{4, 3}, {{0, 1}, {1, 1}}})), std::invalid_argument);
}
