#ifndef ROLLOUT_EXPERIMENTS_NEAREST_NAMES_H_
#define ROLLOUT_EXPERIMENTS_NEAREST_NAMES_H_

#include <string>
#include <vector>

namespace rollout {

// The least number of single-letter insertions, deletions and replacements that turn one into the
// other (Levenshtein).
int EditDistance(const std::string& a, const std::string& b);

// "unknown system "hoper"; the nearest are: hopper, ..." with the three nearest of `names`.
std::string UnknownName(const std::string& what, const std::string& name,
                        std::vector<std::string> names);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_NEAREST_NAMES_H_
