#include "experiments/nearest_names.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace rollout {

int EditDistance(const std::string& a, const std::string& b) {
  std::vector<int> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

std::string UnknownName(const std::string& what, const std::string& name,
                        std::vector<std::string> names) {
  constexpr size_t kShown = 3;
  std::stable_sort(names.begin(), names.end(), [&](const std::string& a, const std::string& b) {
    return EditDistance(a, name) < EditDistance(b, name);
  });
  if (names.size() > kShown) names.resize(kShown);
  return absl::StrCat("unknown ", what, " \"", name,
                      "\"; the nearest are: ", absl::StrJoin(names, ", "));
}

}  // namespace rollout
