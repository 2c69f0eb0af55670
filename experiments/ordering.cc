#include "experiments/ordering.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace rollout {
namespace {

std::string Ordering(std::vector<ModelErrors> models, double ModelErrors::*error) {
  const auto value = [error](const ModelErrors& model) {
    return std::isnan(model.*error) ? std::numeric_limits<double>::infinity() : model.*error;
  };
  std::stable_sort(models.begin(), models.end(),
                   [&](const ModelErrors& a, const ModelErrors& b) { return value(a) < value(b); });
  return absl::StrJoin(models, " < ", [](std::string* out, const ModelErrors& model) {
    absl::StrAppend(out, model.model);
  });
}

}  // namespace

std::string OrderingWithHalf(const std::vector<ModelErrors>& models) {
  const std::string end = Ordering(models, &ModelErrors::end);
  const std::string half = Ordering(models, &ModelErrors::half);
  return absl::StrCat(end, half == end ? "; the same at half of the steps"
                                       : absl::StrCat("; at half of the steps ", half));
}

}  // namespace rollout
