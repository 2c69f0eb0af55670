#include "datasets/dataset_path.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace rollout {
namespace {

constexpr char kMainFile[] = "main_data.hdf5";

}  // namespace

DatasetPath ResolveDatasetPath(const std::string& path) {
  DatasetPath resolved;
  if (absl::EndsWith(path, ".hdf5") || absl::EndsWith(path, ".h5")) {
    resolved.file = path;
  } else {
    resolved.file = absl::StrCat(absl::StripSuffix(path, "/"), "/data/", kMainFile);
  }
  const size_t slash = resolved.file.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : resolved.file.substr(0, slash + 1);
  if (resolved.file == folder + kMainFile) resolved.metadata = folder + "metadata.json";
  return resolved;
}

}  // namespace rollout
