#include "models/engines/engine_loader.h"

#include <dlfcn.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/installation.h"

namespace rollout {
namespace {

constexpr char kFactory[] = "rollout_engine_module";

std::string LastLoaderError() {
  const char* message = dlerror();
  return message == nullptr ? "no message" : message;
}

}  // namespace

std::string DefaultEngineDir() {
  const std::filesystem::path folder = ExecutableFolder().value_or(".");
  return FirstExisting(folder, {"engines", "../lib/rollout/engines"})
      .value_or(folder / "engines")
      .string();
}

absl::StatusOr<const EngineModule*> LoadEngineModule(const std::string& name,
                                                     const std::string& engine_dir) {
  if (name.empty() ||
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("engine name \"", name, "\": expected lower-case letters, digits and _"));
  }
  const std::filesystem::path dir = engine_dir.empty() ? DefaultEngineDir() : engine_dir;
  const std::string path = (dir / absl::StrCat("librollout_engine_", name, ".so")).string();
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return absl::NotFoundError(absl::StrCat("engine ", name, ": there is no file ", path));
  }
  dlerror();
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("engine ", name, ": cannot open ", path, ": ", LastLoaderError()));
  }
  using Factory = const EngineModule* (*)();
  const auto factory = reinterpret_cast<Factory>(dlsym(library, kFactory));
  if (factory == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat("engine ", name, ": ", path, " exports no ",
                                                      kFactory, ": ", LastLoaderError()));
  }
  const EngineModule* module = factory();
  if (module == nullptr || module->abi_version != kEngineAbiVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("engine ", name, ": ", path, " was built for version ",
                     module == nullptr ? 0 : module->abi_version,
                     " of the engine interface, this program has ", kEngineAbiVersion));
  }
  return module;
}

}  // namespace rollout
