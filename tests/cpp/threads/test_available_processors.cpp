// Processors under control groups of both versions, as containers and schedulers set them up.
#include "filbert/threads/available_processors.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace fs = std::filesystem;
using filbert::quota_of_control_groups;

namespace {

/// A folder of control groups that is gone with the test.
struct Mount {
  fs::path path = fs::temp_directory_path() / fs::path("filbert_groups_" + std::to_string(counter()++));
  Mount() { fs::remove_all(path); }
  ~Mount() { fs::remove_all(path); }

  void write(const std::string& file, const std::string& text) const {
    fs::create_directories((path / file).parent_path());
    std::ofstream(path / file) << text;
  }

 private:
  static int& counter() {
    static int count = 0;
    return count;
  }
};

}  // namespace

TEST_CASE("there is at least one processor, and no more than the machine has") {
  CHECK(filbert::available_processors() >= 1);
  CHECK(filbert::available_processors() <= static_cast<int>(std::thread::hardware_concurrency()));
}

TEST_CASE("a quota of version 2 is rounded up, and none leaves what there is") {
  const Mount mount;
  mount.write("cpu.max", "150000 100000\n");
  CHECK(quota_of_control_groups("0::/\n", mount.path, 64) == 2);
  mount.write("cpu.max", "5000 100000\n");
  CHECK(quota_of_control_groups("0::/\n", mount.path, 64) == 1);
  mount.write("cpu.max", "max 100000\n");
  CHECK(quota_of_control_groups("0::/\n", mount.path, 64) == 64);
}

TEST_CASE("the least quota of a group and of those above it counts") {
  const Mount mount;
  mount.write("slice/cpu.max", "300000 100000\n");
  mount.write("slice/job/cpu.max", "max 100000\n");
  CHECK(quota_of_control_groups("0::/slice/job\n", mount.path, 64) == 3);
  mount.write("slice/job/cpu.max", "200000 100000\n");
  CHECK(quota_of_control_groups("0::/slice/job\n", mount.path, 64) == 2);
  CHECK(quota_of_control_groups("0::/slice/job\n", mount.path, 1) == 1);
}

TEST_CASE("quotas of version 1 count, where cpu is mounted alone or beside cpuacct") {
  const Mount mount;
  mount.write("cpu,cpuacct/job/cpu.cfs_quota_us", "250000\n");
  mount.write("cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
  const std::string membership = "12:memory:/job\n4:cpu,cpuacct:/job\n0::/\n";
  CHECK(quota_of_control_groups(membership, mount.path, 64) == 3);
  mount.write("cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n");
  CHECK(quota_of_control_groups(membership, mount.path, 64) == 64);
  mount.write("cpu/cpu.cfs_quota_us", "100000\n");
  mount.write("cpu/cpu.cfs_period_us", "100000\n");
  CHECK(quota_of_control_groups("4:cpu:/elsewhere\n", mount.path, 64) == 1);
}

TEST_CASE("a group that is not there, and text that makes no sense, leave what there is") {
  const Mount mount;
  CHECK(quota_of_control_groups("0::/not/here\n", mount.path, 5) == 5);
  mount.write("cpu.max", "many\n");
  CHECK(quota_of_control_groups("0::/\nnonsense\n:\n", mount.path, 5) == 5);
}
