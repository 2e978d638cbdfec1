// Which factors group the rows, which terms they group, and where the effects of these are.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <vector>

#include "filbert/summary/sufficient_statistics.hpp"

namespace filbert {

using CodesRef = Eigen::Ref<const Eigen::Matrix<std::int64_t, Eigen::Dynamic, 1>, 0, Eigen::InnerStride<>>;

/// Thrown where factors are crossed in a way whose triangles would not fit in memory or in time.
class GroupsTooLarge : public std::length_error {
 public:
  using std::length_error::length_error;
};

/// One term such as (x | g): which factor groups its effects, and how many columns of Z, and so effects, a group has.
struct GroupTerm {
  Eigen::Index factor = 0;
  Eigen::Index columns = 1;
};

/// Grouping factors by their number of groups, and the terms that they group. Terms of one factor share its codes.
struct GroupStructure {
  std::vector<Eigen::Index> n_groups;
  std::vector<GroupTerm> terms;

  /// Throws std::invalid_argument for a factor without a term or groups, and for a term without columns or a factor.
  void validate() const;

  /// Returns the number of some rows. Throws std::invalid_argument unless `Z` has of each term (rows, its columns), finite, or nothing
  /// for a column of ones, and `codes` of each factor one a row, from 0.
  Eigen::Index check_rows(const std::vector<std::optional<RowsRef>>& Z, const std::vector<CodesRef>& codes) const;

  Eigen::Index factors() const { return static_cast<Eigen::Index>(n_groups.size()); }
  Eigen::Index groups(Eigen::Index factor) const { return n_groups[static_cast<std::size_t>(factor)]; }

  /// Effects a group of this factor has, over its terms.
  Eigen::Index effects(Eigen::Index factor) const;

  /// Effects of all groups and terms.
  Eigen::Index all_effects() const;

  /// Where a term's columns begin among those of its factor.
  Eigen::Index first_column(Eigen::Index term) const;

  /// The factor with the most effects: its blocks are eliminated one by one. The effects of the others are the *tail*.
  Eigen::Index primary() const;

  /// Where a factor's effects begin in the tail, group after group; of the primary factor and beyond the last, the tail's end.
  Eigen::Index tail_offset(Eigen::Index factor) const;
  Eigen::Index tail_size() const;

  friend bool operator==(const GroupStructure& a, const GroupStructure& b);
};

}  // namespace filbert
