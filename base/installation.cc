#include "base/installation.h"

#include <system_error>

namespace rollout {

namespace fs = std::filesystem;

std::optional<fs::path> ExecutableFolder() {
  std::error_code error;
  const fs::path executable = fs::read_symlink("/proc/self/exe", error);
  if (error) return std::nullopt;
  return executable.parent_path();
}

std::optional<fs::path> FirstExisting(const fs::path& folder,
                                      const std::vector<fs::path>& candidates) {
  for (const fs::path& candidate : candidates) {
    std::error_code error;
    const fs::path path = (folder / candidate).lexically_normal();
    if (fs::exists(path, error)) return path;
  }
  return std::nullopt;
}

}  // namespace rollout
