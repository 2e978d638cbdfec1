// Remembers what the last pass found, and makes GlmData of rows that are visited in passes.
#include "filbert/density/glm_passes.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <utility>

#include "filbert/density/glm_data.hpp"
#include "filbert/numeric/require.hpp"
#include "filbert/threads/thread_pool.hpp"

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

bool GlmPoint::operator==(const GlmPoint& other) const {
  return columns.size() == other.columns.size() && auxiliaries.size() == other.auxiliaries.size() &&
         columns == other.columns && auxiliaries == other.auxiliaries;
}

const GlmPasses::Known* GlmPasses::find(const GlmPoint& point, Information information) const {
  for (const Known& known : of(information)) {
    if (known.point == point) return &known;
  }
  return nullptr;
}

void GlmPasses::prepare(const std::vector<GlmPoint>& points, Information information) const {
  const std::scoped_lock lock(mutex_);
  const auto is_known = [&](const GlmPoint& point) { return find(point, information) != nullptr; };
  if (std::all_of(points.begin(), points.end(), is_known)) return;
  std::vector<GlmCurvature> found = functions_.curvature(points, information);
  if (found.size() != points.size()) throw std::invalid_argument("a pass must return the curvature at each point");
  std::vector<Known> known;
  for (std::size_t i = 0; i < points.size(); ++i) known.push_back({points[i], std::move(found[i])});
  of(information) = std::move(known);
}

GlmCurvature GlmPasses::at(const GlmPoint& point, Information information) const {
  {
    const std::scoped_lock lock(mutex_);
    if (const Known* const known = find(point, information)) return known->curvature;
  }
  prepare({point}, information);
  const std::scoped_lock lock(mutex_);
  return find(point, information)->curvature;
}

VectorXd GlmPasses::batch(const MatrixXd& columns, const MatrixXd& auxiliaries) const {
  return functions_.batch(columns, auxiliaries);
}

std::vector<double> GlmPasses::third_products(const GlmPoint& point) const { return functions_.third_products(point); }

GlmData GlmData::elsewhere(std::shared_ptr<const GlmData> sample, Index rows, double total_weight,
                           GlmPassFunctions passes) {
  if (!sample->family()) throw std::invalid_argument("a user's likelihood needs its rows at hand");
  GlmData data;
  data.family_ = sample->family_;
  data.link_ = sample->link_;
  data.kernels_ = sample->kernels_;
  data.auxiliary_names_ = sample->auxiliary_names_;
  data.mean_ = sample->mean_;
  data.scale_ = sample->scale_;
  data.rows_.rows = rows;
  data.rows_.columns = sample->columns();
  data.total_weight_ = total_weight;
  data.passes_ = std::make_shared<const GlmPasses>(std::move(passes));
  data.sample_ = std::move(sample);
  return data;
}

VectorXd GlmData::batch(const MatrixXd& columns, const MatrixXd& auxiliaries, int threads,
                        const RowEffects& effects) const {
  require_size("columns", columns.rows(), "rows", this->columns());
  require_size("auxiliaries", auxiliaries.rows(), "rows", this->auxiliaries());
  require_size("auxiliaries", auxiliaries.cols(), "columns", columns.cols());
  if (passes_) return passes_->batch(columns, auxiliaries);
  VectorXd values(columns.cols());
  const Index batches = (columns.cols() + max_batch - 1) / max_batch;
  share(batches, threads, 1, [&](Index first_batch, Index last_batch) {
    std::vector<double> packed(static_cast<std::size_t>(max_batch * this->columns()));
    std::vector<double> packed_auxiliaries(static_cast<std::size_t>(max_batch * max_auxiliaries), 1.0);
    const Index last = std::min<Index>(last_batch * max_batch, columns.cols());
    for (Index first = first_batch * max_batch; first < last; first += max_batch) {
      const int count = static_cast<int>(std::min<Index>(max_batch, last - first));
      for (Index d = 0; d < count; ++d) {
        double* const group = packed.data() + (d / batch_group) * this->columns() * batch_group + d % batch_group;
        for (Index j = 0; j < this->columns(); ++j) group[j * batch_group] = columns(j, first + d);
        for (Index k = 0; k < this->auxiliaries(); ++k)
          packed_auxiliaries[static_cast<std::size_t>(d * max_auxiliaries + k)] = auxiliaries(k, first + d);
      }
      RowEffects of_these = effects;
      if (effects.columns > 0) of_these.effects += first * effects.of_draw;
      batch(count, packed.data(), packed_auxiliaries.data(), values.data() + first, of_these);
    }
  });
  return values;
}

std::vector<double> GlmData::third_products(const VectorXd& c, const VectorXd& auxiliaries) const {
  require_size("c", c.size(), "elements", columns());
  require_size("auxiliaries", auxiliaries.size(), "elements", this->auxiliaries());
  if (passes_) return passes_->third_products({c, auxiliaries});
  VectorXd eta(rows()), above(rows()), below(rows());
  predict(c, eta);
  const double step = 1e-3;
  single((eta.array() + step).matrix(), auxiliaries, {.d2 = above.data()});
  single((eta.array() - step).matrix(), auxiliaries, {.d2 = below.data()});
  VectorXd third = (above - below) / (2 * step);
  for (Index i = 0; i < rows(); ++i) third(i) = weight(i) > 0 && std::isfinite(third(i)) ? third(i) * weight(i) : 0.0;
  return triple_products(third);
}

}  // namespace filbert
