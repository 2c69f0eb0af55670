#ifndef ROLLOUT_TESTS_SUPPORT_TEMPORARY_DIRECTORY_H_
#define ROLLOUT_TESTS_SUPPORT_TEMPORARY_DIRECTORY_H_

#include <filesystem>
#include <string>
#include <vector>

namespace rollout {

// An empty folder of one test, below the system's folder for temporary files (TMPDIR). Removed with
// all that it holds when this object goes.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// Whole files as bytes; a failure ends the test program, for a test cannot go on without them.
std::string ReadFile(const std::filesystem::path& path);
void WriteFile(const std::filesystem::path& path, const std::string& bytes);

// The names in a folder, sorted, those that start with a dot included.
std::vector<std::string> ListFolder(const std::filesystem::path& path);

}  // namespace rollout

#endif  // ROLLOUT_TESTS_SUPPORT_TEMPORARY_DIRECTORY_H_
