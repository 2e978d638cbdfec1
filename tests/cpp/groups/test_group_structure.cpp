// Effects are counted and placed by factor and term, and what is no structure is refused by name.
#include "filbert/groups/group_structure.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

using filbert::GroupStructure;

namespace {

std::string error_of(const GroupStructure& structure) {
  try {
    structure.validate();
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
  CHECK(error_of({{4, 3}, {{0, 2}, {1, 1}}}) == "");
  CHECK(error_of({{}, {}}) == "there must be a grouping factor");
  CHECK(error_of({{4, 0}, {{0, 2}, {1, 1}}}) == "grouping factor 1 must have at least one group");
  CHECK(error_of({{4, 3}, {{0, 2}}}) == "grouping factor 1 must have a term");
  CHECK(error_of({{4, 3}, {{0, 2}, {2, 1}}}) == "a term's factor must be one of the 2 factors, not number 2");
  CHECK(error_of({{4, 3}, {{0, 0}, {1, 1}}}) == "a group term must have at least one column");
}
