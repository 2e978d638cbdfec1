// Reads the affinity mask and the control groups of Linux; elsewhere the number of processors is what there is to know.
#include "filbert/threads/available_processors.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#ifdef __linux__
#include <sched.h>
#endif

namespace filbert {
namespace {

namespace fs = std::filesystem;

int processors_of_affinity() {
#ifdef __linux__
  // The kernel refuses a mask that is shorter than its own, which is longer than cpu_set_t on large machines.
  for (std::size_t sets = 1; sets <= 64; sets *= 2) {
    std::vector<cpu_set_t> mask(sets);
    const std::size_t bytes = sets * sizeof(cpu_set_t);
    if (sched_getaffinity(0, bytes, mask.data()) == 0) return std::max(CPU_COUNT_S(bytes, mask.data()), 1);
  }
#endif
  return std::max(static_cast<int>(std::thread::hardware_concurrency()), 1);
}

std::optional<double> number_in(const fs::path& file) {
  double value = 0;
  if (std::ifstream stream(file); stream >> value) return value;
  return {};
}

/// Processors granted by the group in `folder`: cpu.max ("quota period" or "max period") or the two files of version 1.
std::optional<double> quota_in(const fs::path& folder) {
  double quota = 0;
  double period = 0;
  if (std::ifstream stream(folder / "cpu.max"); stream) {
    if (!(stream >> quota >> period)) return {};  // "max"
  } else {
    quota = number_in(folder / "cpu.cfs_quota_us").value_or(-1);
    period = number_in(folder / "cpu.cfs_period_us").value_or(0);
  }
  if (quota > 0 && period > 0) return quota / period;
  return {};
}

bool names_cpu(std::string_view controllers) {
  std::istringstream list{std::string(controllers)};
  for (std::string one; std::getline(list, one, ',');) {
    if (one == "cpu") return true;
  }
  return false;
}

}  // namespace

int quota_of_control_groups(const std::string& membership, const fs::path& mount, int otherwise) {
  double least = otherwise;
  std::istringstream lines(membership);
  for (std::string line; std::getline(lines, line);) {  // "hierarchy:controllers:path"
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::vector<fs::path> roots;
    if (controllers.empty()) {
      roots = {mount, mount / "unified"};
    } else if (names_cpu(controllers)) {
      roots = {mount / controllers, mount / "cpu"};
    }
    // Inside a container the path may be that outside of it: folders that are not there say nothing, and the root remains.
    const fs::path path = fs::path(line.substr(second + 1)).relative_path();
    for (const fs::path& root : roots) {
      for (fs::path group = path;; group = group.parent_path()) {
        if (const auto quota = quota_in(root / group)) least = std::min(least, *quota);
        if (group.empty()) break;
      }
    }
  }
  return std::max(static_cast<int>(std::ceil(least)), 1);
}

int available_processors() {
  const int processors = processors_of_affinity();
#ifdef __linux__
  // Read once: quotas stand in a dozen files, and hardly change while a process lives, as its affinity may.
  static const int quota = [] {
    constexpr int none = std::numeric_limits<int>::max();
    std::ifstream file("/proc/self/cgroup");
    if (!file) return none;
    std::ostringstream membership;
    membership << file.rdbuf();
    return quota_of_control_groups(membership.str(), "/sys/fs/cgroup", none);
  }();
  return std::min(processors, quota);
#else
  return processors;
#endif
}

}  // namespace filbert
