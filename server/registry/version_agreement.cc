#include "server/registry/version_agreement.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace rollout {
namespace {

std::string Text(const std::string& value) { return absl::StrCat("\"", value, "\""); }
template <typename T>
std::string Text(const T& value) {
  return absl::StrCat(value);
}
template <typename T>
std::string Text(const std::vector<T>& values) {
  return absl::StrCat("[", absl::StrJoin(values, ", "), "]");
}

template <typename T>
absl::Status Same(const char* field, const T& loaded, int64_t version, const T& candidate) {
  if (loaded == candidate) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      field, ": got ", Text(candidate), ", expected ", Text(loaded), " as in the loaded version ",
      version, "; a model with other states or controls needs another name"));
}

template <typename T>
void Compare(const char* field, const T& before, const T& after,
             std::vector<std::string>* changes) {
  if (before != after) {
    changes->push_back(absl::StrCat(field, ": ", Text(before), " -> ", Text(after)));
  }
}

}  // namespace

absl::Status CheckAgreement(const TransitionModelSpec& loaded, int64_t version,
                            const TransitionModelSpec& candidate) {
  absl::Status status =
      Same("num_positions", loaded.num_positions, version, candidate.num_positions);
  status.Update(Same("num_controls", loaded.num_controls, version, candidate.num_controls));
  status.Update(Same("transition_dt", loaded.transition_dt, version, candidate.transition_dt));
  status.Update(
      Same("angular_positions", loaded.angular_positions, version, candidate.angular_positions));
  status.Update(
      Same("ignored_positions", loaded.ignored_positions, version, candidate.ignored_positions));
  if (!loaded.state_names.empty() && !candidate.state_names.empty()) {
    status.Update(Same("state_names", loaded.state_names, version, candidate.state_names));
  }
  if (!loaded.control_names.empty() && !candidate.control_names.empty()) {
    status.Update(Same("control_names", loaded.control_names, version, candidate.control_names));
  }
  return status;
}

std::vector<std::string> NotableChanges(const TransitionModelSpec& before,
                                        const TransitionModelSpec& after) {
  std::vector<std::string> changes;
  Compare("control_low", before.control_low, after.control_low, &changes);
  Compare("control_high", before.control_high, after.control_high, &changes);
  Compare("reward", before.reward, after.reward, &changes);
  Compare("termination", before.termination, after.termination, &changes);
  return changes;
}

}  // namespace rollout
