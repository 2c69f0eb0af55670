#include "server/services/load_wait.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

// The status of "not decided yet", which no caller sees.
absl::Status Undecided() { return absl::AbortedError("undecided"); }

}  // namespace

void LoadWait::Start(ModelRegistry* registry, OpenStreams* streams,
                     const std::function<void()>& look_now, const std::string& model,
                     int64_t version, Done done) {
  auto wait =
      std::make_shared<LoadWait>(registry, streams, look_now, model, version, std::move(done));
  streams->Add(wait);
  wait->Decide();
  look_now();
}

LoadWait::LoadWait(ModelRegistry* registry, OpenStreams* streams, std::function<void()> look_now,
                   std::string model, int64_t version, Done done)
    : registry_(registry),
      streams_(streams),
      look_now_(std::move(look_now)),
      model_(std::move(model)),
      version_(version),
      looks_before_(registry->looks().count),
      done_(std::move(done)) {}

bool LoadWait::Looked() const {
  // A look may have been under way when the request came: only the second one began after it.
  return registry_->looks().count >= looks_before_ + 2;
}

absl::StatusOr<ModelStatus> LoadWait::Verdict() {
  if (!queued_) {
    const bool looked = Looked();
    if (version_ == 0 && !looked) return Undecided();
    const absl::StatusOr<ModelStatus> loading = registry_->Load(model_, version_);
    if (absl::IsNotFound(loading.status()) && !looked) return Undecided();
    const absl::Status last_look = registry_->looks().last;
    if (!last_look.ok() && (version_ == 0 || absl::IsNotFound(loading.status()))) {
      return absl::UnavailableError(
          absl::StrCat("the repository cannot be read: ", last_look.message()));
    }
    if (!loading.ok()) return loading.status();
    queued_ = true;
  }
  absl::StatusOr<ModelStatus> model = registry_->Describe(model_);
  if (!model.ok()) return model.status();
  absl::Status newest_fault;
  for (const VersionStatus& version : model->versions) {
    // The newest that may be loaded at all and is good, as for a request that names no version.
    if (version_ == 0 && model->overrides.Bars(version.version)) continue;
    if (version_ != 0 && version.version != version_) continue;
    switch (version.state) {
      case VersionState::kReady:
        return model;
      case VersionState::kQuarantined:
        newest_fault.Update(absl::FailedPreconditionError(absl::StrCat(
            model_, " version ", version.version, " is quarantined: ", version.reason)));
        continue;
      case VersionState::kLoading:
      case VersionState::kUnloaded:
        return Undecided();
    }
  }
  if (!newest_fault.ok()) return newest_fault;
  return absl::NotFoundError(absl::StrCat(model_, " has no version to load"));
}

void LoadWait::Decide() {
  {
    MutexLock lock(&mutex_);
    changed_ = true;
    if (!done_ || deciding_) return;
    deciding_ = true;
  }
  while (true) {
    {
      MutexLock lock(&mutex_);
      if (!changed_) {
        deciding_ = false;
        return;
      }
      changed_ = false;
    }
    absl::StatusOr<ModelStatus> verdict = Verdict();
    if (!absl::IsAborted(verdict.status())) return Finish(std::move(verdict));
  }
}

void LoadWait::RegistryChanged() {
  Decide();
  // The first look may be over and the second as far away as --poll-interval says.
  if (!Looked()) look_now_();
}

void LoadWait::Drain() {
  Finish(absl::UnavailableError("the server is draining: ask another one"));
}

void LoadWait::Finish(absl::StatusOr<ModelStatus> result) {
  Done done;
  {
    MutexLock lock(&mutex_);
    std::swap(done, done_);
  }
  if (!done) return;
  done(std::move(result));
  streams_->Remove(this);  // may destroy this object
}

}  // namespace rollout
