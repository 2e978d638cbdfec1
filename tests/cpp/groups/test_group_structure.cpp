// Effects are counted and placed by factor and term, and what is no structure is refused by name.
#include "filbert/groups/group_structure.hpp"

#include <doctest/doctest.h>

#include <Eigen/Core>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using filbert::GroupStructure;

namespace {

using Codes = Eigen::Matrix<std::int64_t, Eigen::Dynamic, 1>;

template <typename Function>
std::string error_of(Function function) {
  try {
    function();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("effects are counted by factor, and the tail has those of all factors but the one with the most") {
  // (1 + x | a) + (1 | b) + (z | b) + (1 | c)
  const GroupStructure structure{{4, 5, 3}, {{0, 2}, {1, 1}, {1, 2}, {2, 1}}};
  structure.validate();
  CHECK(structure.factors() == 3);
  CHECK(structure.effects(0) == 2);
  CHECK(structure.effects(1) == 3);
  CHECK(structure.effects(2) == 1);
  CHECK(structure.all_effects() == 4 * 2 + 5 * 3 + 3);
  CHECK(structure.first_column(1) == 0);
  CHECK(structure.first_column(2) == 1);
  CHECK(structure.first_column(3) == 0);
  CHECK(structure.primary() == 1);
  CHECK(structure.tail_offset(0) == 0);
  CHECK(structure.tail_offset(2) == 8);
  CHECK(structure.tail_offset(3) == 11);
  CHECK(structure.tail_size() == 11);
}

TEST_CASE("the first of factors with equally many effects is the primary one") {
  CHECK(GroupStructure{{6, 3}, {{0, 1}, {1, 2}}}.primary() == 0);
}

TEST_CASE("structures are equal that have the same factors and terms") {
  const GroupStructure structure{{4, 3}, {{0, 2}, {1, 1}}};
  CHECK(structure == GroupStructure{{4, 3}, {{0, 2}, {1, 1}}});
  CHECK_FALSE(structure == GroupStructure{{4, 2}, {{0, 2}, {1, 1}}});
  CHECK_FALSE(structure == GroupStructure{{4, 3}, {{0, 1}, {1, 1}}});
  CHECK_FALSE(structure == GroupStructure{{4, 3}, {{0, 2}, {1, 1}, {1, 1}}});
}

TEST_CASE("what is no structure is refused by name") {
  const auto error_with = [](const GroupStructure& structure) { return error_of([&] { structure.validate(); }); };
  CHECK(error_with({{4, 3}, {{0, 2}, {1, 1}}}) == "");
  CHECK(error_with({{}, {}}) == "there must be a grouping factor");
  CHECK(error_with({{4, 0}, {{0, 2}, {1, 1}}}) == "grouping factor 1 must have at least one group");
  CHECK(error_with({{4, 3}, {{0, 2}}}) == "grouping factor 1 must have a term");
  CHECK(error_with({{4, 3}, {{0, 2}, {2, 1}}}) == "a term's factor must be one of the 2 factors, not number 2");
  CHECK(error_with({{4, 3}, {{0, 0}, {1, 1}}}) == "a group term must have at least one column");
}

TEST_CASE("what rows cannot have of a structure is refused by name") {
  const GroupStructure structure{{4, 3}, {{0, 2}, {1, 1}}};
  struct Rows {
    std::vector<std::optional<Eigen::MatrixXd>> Z{Eigen::MatrixXd::Ones(5, 2), std::nullopt};
    std::vector<Codes> codes{Codes::Constant(5, 3), Codes::Zero(5)};
  };
  Eigen::Index rows = 0;
  const auto error_with = [&](auto change) {
    Rows own;
    change(own);
    std::vector<std::optional<filbert::RowsRef>> Z;
    for (const auto& z : own.Z) Z.push_back(z ? std::optional<filbert::RowsRef>(*z) : std::nullopt);
    const std::vector<filbert::CodesRef> codes(own.codes.begin(), own.codes.end());
    return error_of([&] { rows = structure.check_rows(Z, codes); });
  };
  CHECK(error_with([](Rows&) {}) == "");
  CHECK(rows == 5);
  CHECK(error_with([](Rows& r) { r.codes.pop_back(); }) ==
        "codes must have one array for each of the 2 grouping factors, not 1");
  CHECK(error_with([](Rows& r) { r.Z.pop_back(); }) == "Z must have one array for each of the 2 group terms, not 1");
  CHECK(error_with([](Rows& r) { r.codes[1].resize(4); }) == "codes of grouping factor 1 must have 5 elements, not 4");
  CHECK(error_with([](Rows& r) { r.codes[1](2) = -1; }) ==
        "codes of grouping factor 1 must be from 0 to 2, not -1 at row 2");
  CHECK(error_with([](Rows& r) { r.codes[0](4) = 4; }) ==
        "codes of grouping factor 0 must be from 0 to 3, not 4 at row 4");
  CHECK(error_with([](Rows& r) { r.Z[0].reset(); }) == "Z of group term 0 must be given: it has 2 columns");
  CHECK(error_with([](Rows& r) { r.Z[0]->conservativeResize(5, 1); }) ==
        "Z of group term 0 must have 5 rows and 2 columns, not 5 and 1");
  CHECK(error_with([](Rows& r) { (*r.Z[0])(3, 1) = std::numeric_limits<double>::infinity(); }) ==
        "Z of group term 0 must be finite in column 1 at row 3, not inf");
}
