#include "datasets/split.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "base/sha256.h"

namespace rollout {

double SplitPosition(absl::string_view dataset_id, int64_t episode_id) {
  const std::string digest = Sha256Hex(absl::StrCat(dataset_id, "\n", episode_id));
  uint64_t leading = 0;
  for (const char digit : digest.substr(0, 16)) {
    leading = leading * 16 + static_cast<uint64_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
  }
  return static_cast<double>(leading >> 11) * 0x1p-53;
}

SplitSide SideOfEpisode(absl::string_view dataset_id, int64_t episode_id, double test_fraction) {
  return SplitPosition(dataset_id, episode_id) < test_fraction ? SplitSide::kTest
                                                               : SplitSide::kTrain;
}

}  // namespace rollout
