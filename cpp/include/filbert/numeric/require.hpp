// Refuses what a caller got wrong: sizes, beyond which Eigen would read, and anything else.
#pragma once

#include <Eigen/Core>
#include <stdexcept>
#include <string>

namespace filbert {

/// `what` as std::invalid_argument, unless it holds.
inline void require(bool holds, const std::string& what) {
  if (!holds) throw std::invalid_argument(what);
}

[[noreturn]] inline void throw_size(const char* what, Eigen::Index given, const char* of, Eigen::Index expected) {
  throw std::invalid_argument(std::string(what) + " must have " + std::to_string(expected) + " " + of + ", not " +
                              std::to_string(given));
}

/// "`what` must have `expected` `of`, not `given`", as std::invalid_argument. Cheap enough for a density's every evaluation.
inline void require_size(const char* what, Eigen::Index given, const char* of, Eigen::Index expected) {
  if (given != expected) [[unlikely]]
    throw_size(what, given, of, expected);
}

}  // namespace filbert
