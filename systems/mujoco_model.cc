#include "systems/mujoco_model.h"

#include <unistd.h>

#include <cstdlib>
#include <mutex>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "spdlog/spdlog.h"

namespace rollout {
namespace {

// Errors are violated preconditions inside MuJoCo, which cannot go on after one: by default it ends
// the process, and so does this.
void HandleMessage(const mjLogMessage* message) {
  const absl::string_view text = message->subject;
  if (message->level >= mjLOG_ERROR) {
    spdlog::critical("MuJoCo: {}", message->subject);
    std::abort();
  }
  // Compile times, and the deprecated attributes of Gymnasium's MJCF files, interest nobody here.
  const bool of_interest =
      message->level == mjLOG_WARNING && text.find("deprecated") == absl::string_view::npos;
  spdlog::log(of_interest ? spdlog::level::warn : spdlog::level::debug, "MuJoCo: {}",
              message->subject);
}

// Once a process: messages go to our log, and no MUJOCO_LOG.TXT is left in the working folder.
void RouteMessages() {
  static std::once_flag once;
  std::call_once(once, [] { mju_setLogHandler(HandleMessage); });
}

}  // namespace

absl::StatusOr<MujocoModel> LoadMujocoModel(const std::string& path) {
  if (mj_version() != mjVERSION_HEADER) {
    return absl::FailedPreconditionError(
        absl::StrCat("libmujoco is version ", mj_version(), ", built for ", mjVERSION_HEADER));
  }
  RouteMessages();
  if (access(path.c_str(), R_OK) != 0) {
    return absl::UnavailableError(absl::StrCat(
        "MJCF file ", path, " is missing or cannot be read; `make setup` unpacks these files"));
  }
  char reason[1000] = "";
  mjModel* model = mj_loadXML(path.c_str(), nullptr, reason, sizeof reason);
  if (model == nullptr) {
    return absl::UnavailableError(absl::StrCat("MJCF file ", path, " does not load: ", reason));
  }
  return MujocoModel(model,
                     [](const mjModel* loaded) { mj_deleteModel(const_cast<mjModel*>(loaded)); });
}

}  // namespace rollout
