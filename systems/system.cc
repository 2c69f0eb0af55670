#include "systems/system.h"

#include <algorithm>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/installation.h"
#include "systems/mechanics/equations_of_motion.h"
#include "systems/mechanics/mechanical_system.h"
#include "systems/mujoco_system.h"

namespace rollout {
namespace {

std::vector<std::unique_ptr<MujocoTask>> MujocoTasks() {
  std::vector<std::unique_ptr<MujocoTask>> tasks = MakePlanarTasks();
  std::vector<std::unique_ptr<MujocoTask>> pendulums = MakePendulumTasks();
  std::move(pendulums.begin(), pendulums.end(), std::back_inserter(tasks));
  tasks.push_back(MakeReacherTask());
  tasks.push_back(MakeAntTask());
  tasks.push_back(MakeHumanoidTask());
  return tasks;
}

// The MJCF files that were installed with the program, else those of the build.
std::string DefaultMjcfFolder() {
  const auto installed = FirstExisting(ExecutableFolder().value_or("."), {"../share/rollout/mjcf"});
  return installed ? installed->string() : ROLLOUT_MJCF_DIR;
}

}  // namespace

std::vector<std::string> SystemNames() {
  std::vector<std::string> names = MechanicalSystemNames();
  for (const std::unique_ptr<MujocoTask>& task : MujocoTasks()) names.push_back(task->info().name);
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<std::unique_ptr<System>> MakeSystem(const std::string& name,
                                                   const SystemOptions& options) {
  for (std::unique_ptr<MujocoTask>& task : MujocoTasks()) {
    if (task->info().name != name) continue;
    const std::string folder =
        options.assets_dir.empty() ? DefaultMjcfFolder() : options.assets_dir;
    absl::StatusOr<MujocoModel> model =
        LoadMujocoModel(absl::StrCat(folder, "/", task->info().mjcf_file));
    if (!model.ok()) return model.status();
    return std::make_unique<MujocoSystem>(*std::move(model), std::move(task));
  }
  if (std::unique_ptr<const EquationsOfMotion> mechanics = MakeEquationsOfMotion(name)) {
    return std::make_unique<MechanicalSystem>(std::move(mechanics));
  }
  return absl::NotFoundError(absl::StrCat("unknown system \"", name,
                                          "\"; there are: ", absl::StrJoin(SystemNames(), ", ")));
}

}  // namespace rollout
