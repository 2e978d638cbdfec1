// Sums over the rows of a generalised linear model that are elsewhere, and are visited a pass at a time.
#pragma once

#include <Eigen/Core>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "filbert/families/row_kernels.hpp"

namespace filbert {

/// Parameters of a likelihood: c of GlmData, and all auxiliaries on their natural scale.
struct GlmPoint {
  Eigen::VectorXd columns, auxiliaries;
  bool operator==(const GlmPoint& other) const;
};

/// What GlmData::curvature says at a point.
struct GlmCurvature {
  double value = 0;
  Eigen::VectorXd gradient, auxiliary_gradient;
  Eigen::MatrixXd hessian;  ///< the lower triangle
};

class GlmData;

/// Some rows, of which one may come several times, with the bound of each; null where there are none.
struct GlmCandidates {
  std::shared_ptr<const GlmData> rows;
  Eigen::VectorXd bounds;
  bool too_many = false;
};

/// What whoever has the rows computes, a pass over them each.
struct GlmPassFunctions {
  std::function<std::vector<GlmCurvature>(const std::vector<GlmPoint>& points, Information information)> curvature;
  /// Log likelihoods of many parameters, a column of each matrix each.
  std::function<Eigen::VectorXd(const Eigen::MatrixXd& columns, const Eigen::MatrixXd& auxiliaries)> batch;
  std::function<std::vector<double>(const GlmPoint& point)> third_products;  ///< as GlmData has them
  /// Points of a Poisson process, `times` the bound of `bound_remainders` of them a row on average.
  std::function<GlmCandidates(const Eigen::VectorXd& columns, const Eigen::MatrixXd& slopes, double radius,
                              double times, Eigen::Index most, std::uint64_t seed)>
      candidates;
};

/// The same, where points of the last pass are not asked for again.
class GlmPasses {
 public:
  explicit GlmPasses(GlmPassFunctions functions) : functions_(std::move(functions)) {}

  /// Visits several points in one pass, so that each of them is known afterwards.
  void prepare(const std::vector<GlmPoint>& points, Information information) const;
  GlmCurvature at(const GlmPoint& point, Information information) const;

  Eigen::VectorXd batch(const Eigen::MatrixXd& columns, const Eigen::MatrixXd& auxiliaries) const;
  std::vector<double> third_products(const GlmPoint& point) const;
  GlmCandidates candidates(const Eigen::VectorXd& columns, const Eigen::MatrixXd& slopes, double radius, double times,
                           Eigen::Index most, std::uint64_t seed) const {
    return functions_.candidates(columns, slopes, radius, times, most, seed);
  }

 private:
  struct Known {
    GlmPoint point;
    GlmCurvature curvature;
  };
  std::vector<Known>& of(Information information) const { return known_[information == Information::Observed ? 0 : 1]; }
  const Known* find(const GlmPoint& point, Information information) const;

  GlmPassFunctions functions_;
  mutable std::mutex mutex_;
  mutable std::array<std::vector<Known>, 2> known_;
};

}  // namespace filbert
