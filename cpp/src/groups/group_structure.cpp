// Counts and places the effects of each term and factor.
#include "filbert/groups/group_structure.hpp"

#include <algorithm>
#include <string>

#include "filbert/numeric/require.hpp"

namespace filbert {

using Eigen::Index;

void GroupStructure::validate() const {
  require(!n_groups.empty(), "there must be a grouping factor");
  std::vector<bool> has_term(n_groups.size(), false);
  for (const GroupTerm& term : terms) {
    require(term.factor >= 0 && term.factor < factors(), "a term's factor must be one of the " +
                                                             std::to_string(factors()) + " factors, not number " +
                                                             std::to_string(term.factor));
    require(term.columns >= 1, "a group term must have at least one column");
    has_term[static_cast<std::size_t>(term.factor)] = true;
  }
  for (Index factor = 0; factor < factors(); ++factor) {
    require(groups(factor) >= 1, "grouping factor " + std::to_string(factor) + " must have at least one group");
    require(has_term[static_cast<std::size_t>(factor)],
            "grouping factor " + std::to_string(factor) + " must have a term");
  }
}

Index GroupStructure::effects(Index factor) const {
  Index sum = 0;
  for (const GroupTerm& term : terms) sum += term.factor == factor ? term.columns : 0;
  return sum;
}

Index GroupStructure::all_effects() const {
  Index sum = 0;
  for (const GroupTerm& term : terms) sum += term.columns * groups(term.factor);
  return sum;
}

Index GroupStructure::first_column(Index term) const {
  Index sum = 0;
  for (Index t = 0; t < term; ++t) {
    const GroupTerm& before = terms[static_cast<std::size_t>(t)];
    if (before.factor == terms[static_cast<std::size_t>(term)].factor) sum += before.columns;
  }
  return sum;
}

Index GroupStructure::primary() const {
  Index best = 0;
  for (Index factor = 1; factor < factors(); ++factor) {
    if (groups(factor) * effects(factor) > groups(best) * effects(best)) best = factor;
  }
  return best;
}

Index GroupStructure::tail_offset(Index factor) const {
  const Index first = primary();
  Index sum = 0;
  for (Index f = 0; f < factor; ++f) sum += f == first ? 0 : groups(f) * effects(f);
  return sum;
}

Index GroupStructure::tail_size() const { return tail_offset(factors()); }

bool operator==(const GroupStructure& a, const GroupStructure& b) {
  return a.n_groups == b.n_groups && a.terms.size() == b.terms.size() &&
         std::equal(a.terms.begin(), a.terms.end(), b.terms.begin(), [](const GroupTerm& s, const GroupTerm& t) {
           return s.factor == t.factor && s.columns == t.columns;
         });
}

}  // namespace filbert
