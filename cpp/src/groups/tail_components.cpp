// Finds which effects of the tail depend on each other once the blocks are gone, and gathers what is known of each such component.
#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "filbert/groups/tail_elimination.hpp"

namespace filbert {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

constexpr double most_component_numbers = 1 << 27;  // of all components' squares: 1 GB

/// Which effects of the tail belong together: the representative of each.
class Connected {
 public:
  explicit Connected(Index size) : parent_(static_cast<std::size_t>(size)) {
    std::iota(parent_.begin(), parent_.end(), Index{0});
  }
  Index representative(Index i) {
    while (parent(i) != i) i = parent(i) = parent(parent(i));
    return i;
  }
  void connect(Index a, Index b) { parent(representative(a)) = representative(b); }

 private:
  Index& parent(Index i) { return parent_[static_cast<std::size_t>(i)]; }
  std::vector<Index> parent_;
};

}  // namespace

std::shared_ptr<const TailElimination::Shared> TailElimination::share(const KeptRows& rows) {
  const GroupStructure& structure = rows.structure;
  const Index tail = structure.tail_size();
  Connected connected(tail);
  for (const KeptRows::Tailed& group : rows.tailed) {
    for (const Index column : group.tail) connected.connect(column, group.tail.front());
  }
  for (Index factor = 0; factor < structure.factors(); ++factor) {
    if (factor == structure.primary()) continue;
    const Index effects = structure.effects(factor);
    for (Index at = structure.tail_offset(factor); at < structure.tail_offset(factor + 1); ++at) {
      const Index within = (at - structure.tail_offset(factor)) % effects;
      if (within > 0) connected.connect(at, at - within);
    }
  }

  auto shared = std::make_shared<Shared>();
  shared->effects = rows.effects;
  shared->width = rows.width;
  shared->primary = static_cast<std::size_t>(structure.primary());
  shared->free_rows = rows.total_weight - static_cast<double>(rows.n_groups * rows.effects);
  shared->rest_square = rows.rest_square;

  std::vector<std::size_t> component_of(static_cast<std::size_t>(tail));
  std::vector<Index> position(static_cast<std::size_t>(tail));
  std::vector<std::ptrdiff_t> of_representative(static_cast<std::size_t>(tail), -1);
  for (Index factor = 0; factor < structure.factors(); ++factor) {
    if (factor == structure.primary()) continue;
    const Index effects = structure.effects(factor);
    for (Index first = structure.tail_offset(factor); first < structure.tail_offset(factor + 1); first += effects) {
      std::ptrdiff_t& c = of_representative[static_cast<std::size_t>(connected.representative(first))];
      if (c < 0) {
        c = static_cast<std::ptrdiff_t>(shared->components.size());
        shared->components.emplace_back();
      }
      Component& component = shared->components[static_cast<std::size_t>(c)];
      component.levels.push_back(
          {static_cast<std::size_t>(factor), static_cast<Index>(component.tail.size()), effects});
      for (Index at = first; at < first + effects; ++at) {
        component_of[static_cast<std::size_t>(at)] = static_cast<std::size_t>(c);
        position[static_cast<std::size_t>(at)] = static_cast<Index>(component.tail.size());
        component.tail.push_back(at);
      }
    }
  }
  double numbers = 0;
  for (Component& component : shared->components) {
    const Index size = static_cast<Index>(component.tail.size());
    numbers += static_cast<double>(size) * static_cast<double>(size);
    if (size > largest_component || numbers > most_component_numbers) {
      throw GroupsTooLarge("grouping factors are crossed with " + std::to_string(size) +
                           " effects besides those of the largest factor; at most " +
                           std::to_string(largest_component) +
                           " can be handled. Leave out a factor, or use fewer levels");
    }
    component.lower_square = MatrixXd::Zero(size, size + rows.width);
    component.is_diagonal = static_cast<Index>(component.levels.size()) == size;
  }

  for (Index g = 0; g < rows.n_groups; ++g) {
    const KeptRows::Tailed& tailed = rows.tailed[static_cast<std::size_t>(g)];
    if (tailed.tail.empty()) {  // a group without rows still has effects, but says nothing
      continue;
    }
    Group group;
    group.component = component_of[static_cast<std::size_t>(tailed.tail.front())];
    for (const Index column : tailed.tail) group.at.push_back(position[static_cast<std::size_t>(column)]);
    group.rows.resize(rows.effects, rows.effects + tailed.upper.cols() + rows.width);
    group.rows << rows.R(g), tailed.upper, rows.C(g);

    Component& component = shared->components[group.component];
    if (component.lower_square.rows() > small_component) {
      component.touches.resize(component.tail.size());
      for (std::size_t a = 0; a < group.at.size(); ++a) {
        component.touches[static_cast<std::size_t>(group.at[a])].push_back(
            {shared->groups.size(), static_cast<Index>(a)});
      }
    }
    const MatrixXd square = tailed.lower.transpose() * tailed.lower;
    const Index touched = tailed.upper.cols();
    for (Index a = 0; a < touched; ++a) {
      const Index row = group.at[static_cast<std::size_t>(a)];
      for (Index b = 0; b < touched; ++b) {
        component.lower_square(row, group.at[static_cast<std::size_t>(b)]) += square(a, b);
      }
      component.lower_square.row(row).tail(rows.width) += square.row(a).tail(rows.width);
    }
    shared->rest_square += square.bottomRightCorner(rows.width, rows.width);
    shared->groups.push_back(std::move(group));
  }
  // Groups without rows have V = σ² I, whose determinant is that of as many free rows.
  shared->free_rows += static_cast<double>((rows.n_groups - static_cast<Index>(shared->groups.size())) * rows.effects);
  return shared;
}

}  // namespace filbert
