// What the log likelihoods of single rows leave of their Taylor polynomials of second order, and bounds of it.
#pragma once

#include <Eigen/Core>

#include "filbert/density/glm_data.hpp"
#include "filbert/families/third_derivative.hpp"

namespace filbert {

/// Where rows are expanded: z of a frame moves c of GlmData by slopes · z from `columns`.
struct Expansion {
  Eigen::VectorXd columns;
  Eigen::MatrixXd slopes;
};

/// Bounds b of the rows [first, last): the remainder of a row is at most b |z|³ where |z| ≤ radius, and 0 where the row has no weight.
/// `bounds` has last - first elements. Returns the largest distance by which η of a row with weight moves for |z| = 1.
double bound_remainders(const GlmData& data, const ThirdDerivativeBound& third, const Expansion& expansion,
                        double radius, Eigen::Index first, Eigen::Index last, Eigen::Ref<Eigen::VectorXd> bounds);

/// By how much the weighted remainder of a row falls between c moved by `from` and by `to`; 0 where it rises.
double remainder_loss(const GlmData& data, Eigen::Index row, const Eigen::VectorXd& columns,
                      const Eigen::VectorXd& from, const Eigen::VectorXd& to, const Eigen::VectorXd& auxiliaries);

}  // namespace filbert
