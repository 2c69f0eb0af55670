#include "models/checkpoint/strict_json.h"

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

constexpr int kMaxDepth = 16;

// Follows the parser's events; remembers the first fault and makes the parser drop what follows.
class DuplicateKeyFinder {
 public:
  bool operator()(int depth, nlohmann::json::parse_event_t event, const nlohmann::json& parsed) {
    using Event = nlohmann::json::parse_event_t;
    if (!fault_.empty()) return false;
    if (event == Event::object_start) {
      keys_.emplace_back();
    } else if (event == Event::object_end) {
      keys_.pop_back();
    } else if (event == Event::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys_.back().insert(key).second) fault_ = absl::StrCat("key \"", key, "\" twice");
    }
    if (depth > kMaxDepth) fault_ = absl::StrCat("more than ", kMaxDepth, " levels");
    return fault_.empty();
  }
  const std::string& fault() const { return fault_; }

 private:
  std::vector<std::set<std::string>> keys_;
  std::string fault_;
};

}  // namespace

absl::StatusOr<nlohmann::json> ParseStrictJson(absl::string_view text) {
  if (static_cast<int64_t>(text.size()) > kMaxJsonBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("found ", text.size(), " bytes of JSON, expected at most ", kMaxJsonBytes));
  }
  DuplicateKeyFinder finder;
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(text.begin(), text.end(), std::ref(finder));
  } catch (const nlohmann::json::exception& e) {
    return absl::InvalidArgumentError(absl::StrCat("not JSON: ", e.what()));
  }
  if (!finder.fault().empty()) {
    return absl::InvalidArgumentError(absl::StrCat("JSON with ", finder.fault()));
  }
  if (!json.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat("found JSON of type ", json.type_name(), ", expected an object"));
  }
  return json;
}

}  // namespace rollout
