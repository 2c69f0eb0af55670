// manifest.json: what parses names plain files only, and survives being written and read again.
#include <cstdlib>

#include "models/checkpoint/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto manifest = rollout::ParseManifest({reinterpret_cast<const char*>(data), size});
  if (!manifest.ok()) return 0;
  for (const auto& [name, entry] : *manifest) {
    if (name.empty() || name[0] == '.' || name.find('/') != std::string::npos) std::abort();
    if (entry.bytes < 0) std::abort();
  }
  const auto again = rollout::ParseManifest(rollout::WriteManifest(*manifest));
  if (!again.ok() || again->size() != manifest->size()) std::abort();
  return 0;
}
