// How many processors this process may use: what the machine has, less what a container or a scheduler withholds.
#pragma once

#include <filesystem>
#include <string>

namespace filbert {

/// The least of the processors that the process may run on and of its control groups' quotas, rounded up; at least 1.
///
/// A container with half a processor on a machine with 64 reports 64 everywhere else, and 64 threads there are several times
/// slower than one. Quotas are read at the first call.
int available_processors();

/// The least quota, in processors rounded up, of the control groups that `membership` (the text of /proc/self/cgroup) names
/// and of those above them, version 1 or 2, below the folder `mount`; `otherwise` where there is none.
int quota_of_control_groups(const std::string& membership, const std::filesystem::path& mount, int otherwise);

}  // namespace filbert
