// Counts and places the effects of each term and factor, and checks what rows have of them.
#include "filbert/groups/group_structure.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "filbert/numeric/require.hpp"

namespace filbert {

using Eigen::Index;

namespace {

void check_codes(Index factor, Index groups, const CodesRef& codes, Index rows) {
  const std::string which = "codes of grouping factor " + std::to_string(factor);
  require(codes.size() == rows,
          which + " must have " + std::to_string(rows) + " elements, not " + std::to_string(codes.size()));
  for (Index i = 0; i < rows; ++i) {
    if (codes(i) >= 0 && codes(i) < groups) continue;
    throw std::invalid_argument(which + " must be from 0 to " + std::to_string(groups - 1) + ", not " +
                                std::to_string(codes(i)) + " at row " + std::to_string(i));
  }
}

void check_columns(std::size_t term, Index columns, const std::optional<RowsRef>& Z, Index rows) {
  const std::string which = "Z of group term " + std::to_string(term);
  require(Z || columns == 1, which + " must be given: it has " + std::to_string(columns) + " columns");
  if (!Z) return;
  require(Z->rows() == rows && Z->cols() == columns,
          which + " must have " + std::to_string(rows) + " rows and " + std::to_string(columns) + " columns, not " +
              std::to_string(Z->rows()) + " and " + std::to_string(Z->cols()));
  for (Index j = 0; j < columns; ++j) {
    for (Index i = 0; i < rows; ++i) {
      if (std::isfinite((*Z)(i, j))) continue;
      throw std::invalid_argument(which + " must be finite in column " + std::to_string(j) + " at row " +
                                  std::to_string(i) + ", not " + std::to_string((*Z)(i, j)));
    }
  }
}

}  // namespace

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

Index GroupStructure::check_rows(const std::vector<std::optional<RowsRef>>& Z,
                                 const std::vector<CodesRef>& codes) const {
  require(codes.size() == n_groups.size(), "codes must have one array for each of the " + std::to_string(factors()) +
                                               " grouping factors, not " + std::to_string(codes.size()));
  require(Z.size() == terms.size(), "Z must have one array for each of the " + std::to_string(terms.size()) +
                                        " group terms, not " + std::to_string(Z.size()));
  const Index rows = codes.front().size();
  for (Index factor = 0; factor < factors(); ++factor) {
    check_codes(factor, groups(factor), codes[static_cast<std::size_t>(factor)], rows);
  }
  for (std::size_t t = 0; t < Z.size(); ++t) check_columns(t, terms[t].columns, Z[t], rows);
  return rows;
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
