// What a run of chains shares with Python: arrays that it fills, and the look for Ctrl-C and progress while it runs.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <utility>
#include <vector>

#include "filbert/sampler/sample.hpp"

/// A new array under `name`, and its memory.
template <typename T>
T* new_array(pybind11::dict& arrays, const char* name, const std::vector<pybind11::ssize_t>& shape) {
  pybind11::array_t<T> array(shape);
  arrays[name] = array;
  return array.mutable_data();
}

/// Looks for Ctrl-C and shows progress, each with the interpreter's lock held.
class Poll {
 public:
  /// `iterations` are those that a chain is to make.
  Poll(const filbert::Progress& progress, Eigen::Index iterations, pybind11::object report)
      : progress_(progress), iterations_(iterations), report_(std::move(report)) {}

  bool operator()() {
    const pybind11::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) return stop_if_interrupted();
    if (report_.is_none()) return !interrupted_;
    pybind11::list chains;
    for (int chain = 0; chain < progress_.chains(); ++chain) {
      const filbert::ChainProgress& one = progress_[chain];
      chains.append(pybind11::make_tuple(one.iterations.load(std::memory_order_relaxed),
                                         one.divergences.load(std::memory_order_relaxed)));
    }
    try {
      report_(chains, iterations_);
    } catch (pybind11::error_already_set& error) {
      if (!error.matches(PyExc_KeyboardInterrupt)) throw;  // Ctrl-C may arrive in Python code
      interrupted_ = true;
    }
    return !interrupted_;
  }

  bool interrupted() const { return interrupted_; }

 private:
  bool stop_if_interrupted() {
    pybind11::error_already_set error;
    if (!error.matches(PyExc_KeyboardInterrupt)) throw error;
    interrupted_ = true;
    return false;
  }

  const filbert::Progress& progress_;
  Eigen::Index iterations_;
  pybind11::object report_;
  bool interrupted_ = false;
};
