#ifndef ROLLOUT_BASE_VERSION_H_
#define ROLLOUT_BASE_VERSION_H_

namespace rollout {

// The version of this build: the git tag it was built from, "0.2.0"; between tags the last one with
// the number of commits since and the commit, "0.2.0+12.gabc1234"; before the first tag
// "0.1.0-dev+gabc1234". cmake/RolloutVersion.cmake makes it.
const char* Version();

}  // namespace rollout

#endif  // ROLLOUT_BASE_VERSION_H_
