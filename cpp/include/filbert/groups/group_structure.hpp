// Which factors group the rows, which terms they group, and where the effects of these are.
#pragma once

#include <Eigen/Core>
#include <vector>

namespace filbert {

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
