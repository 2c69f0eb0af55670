// Where a program's own files lie: beside it in a build tree, below ../lib and ../share once it is
// installed.
#ifndef ROLLOUT_BASE_INSTALLATION_H_
#define ROLLOUT_BASE_INSTALLATION_H_

#include <filesystem>
#include <optional>
#include <vector>

namespace rollout {

// The folder of the running executable, links followed; nullopt where the system does not say. Any
// thread.
std::optional<std::filesystem::path> ExecutableFolder();

// The first of `candidates` that exists below `folder`, in normal form; nullopt where none does.
std::optional<std::filesystem::path> FirstExisting(
    const std::filesystem::path& folder, const std::vector<std::filesystem::path>& candidates);

}  // namespace rollout

#endif  // ROLLOUT_BASE_INSTALLATION_H_
