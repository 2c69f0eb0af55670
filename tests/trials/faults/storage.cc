// The repository's storage: full, and gone for a while.
#include <sys/mount.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/trials/faults/fault.h"

namespace rollout {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kAway = absl::Milliseconds(500);

// A small file system in memory, unmounted with this object.
class SmallDisk {
 public:
  absl::Status Mount() {
    if (mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, "size=8m") == 0) {
      mounted_ = true;
      return absl::OkStatus();
    }
    return absl::ErrnoToStatus(errno, "mount a tmpfs");
  }
  ~SmallDisk() {
    if (mounted_) umount2(folder_.path().c_str(), MNT_DETACH);
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  // Writes until nothing more fits.
  void Fill() const {
    std::ofstream file(path("filling"), std::ios::binary);
    const std::string block(4096, 'x');
    while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  void Clear() const { fs::remove(path("filling")); }

 private:
  const TemporaryDirectory folder_;
  bool mounted_ = false;
};

// Neither a version nor a line of the log fits.
absl::Status FillAndClear(TrialScene& scene, const SmallDisk& disk) {
  disk.Fill();
  const auto refused = scene.publisher().Publish();
  absl::SleepFor(kAway);
  disk.Clear();
  if (refused.status().code() != absl::StatusCode::kResourceExhausted) {
    return absl::InternalError(absl::StrCat("publishing to a full disk: got ",
                                            refused.status().ToString(),
                                            ", expected RESOURCE_EXHAUSTED"));
  }
  return PublishAndWait(scene);
}

absl::Status VanishAndReturn(TrialScene& scene) {
  const fs::path repository = scene.publisher().repository();
  const fs::path away = scene.path("away");
  std::error_code error;
  fs::rename(repository, away, error);
  if (error) return absl::UnavailableError(error.message());
  absl::SleepFor(kAway);
  // As a mount point looks whose storage is not mounted.
  fs::create_directory(repository);
  absl::SleepFor(kAway);
  fs::remove(repository);
  fs::rename(away, repository, error);
  if (error) return absl::UnavailableError(error.message());
  return PublishAndWait(scene);
}

}  // namespace

absl::Status EndureFullDisk(const FaultsOptions& options, Judgements* judgements) {
  SmallDisk disk;
  if (absl::Status mounted = disk.Mount(); !mounted.ok()) {
    judgements->Begin("full-disk");
    judgements->LeftOut(mounted.ToString(), options.quick);
    return absl::OkStatus();
  }
  Fault fault;
  fault.name = "full-disk";
  fault.rounds = options.rounds;
  fault.scene.repository = disk.path("models");
  fault.scene.server.log = disk.path("rolloutd.log");
  fault.round = [&](TrialScene& scene) { return FillAndClear(scene, disk); };
  return Endure(fault, judgements);
}

absl::Status EndureVanishedRepository(const FaultsOptions& options, Judgements* judgements) {
  Fault fault;
  fault.name = "vanished-repository";
  fault.rounds = options.rounds;
  fault.round = VanishAndReturn;
  fault.finish = [](TrialScene& scene, Judgements* to) {
    const std::string log = scene.server().Log();
    to->Holds("the log tells both", absl::StrContains(log, "event=repository_unreadable") &&
                                        absl::StrContains(log, "event=repository_readable_again"));
    return absl::OkStatus();
  };
  return Endure(fault, judgements);
}

}  // namespace rollout
