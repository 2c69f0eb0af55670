#include "server/registry/version_overrides.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "models/checkpoint/repository.h"
#include "models/transition_model.h"

namespace rollout {
namespace {

// "hopper:3".
std::optional<std::pair<std::string, int64_t>> ParseModelVersion(const std::string& text) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits(':', 1));
  const std::optional<int64_t> version = ParseVersion(parts.second);
  if (!IsModelName(parts.first) || !version) return std::nullopt;
  return std::make_pair(parts.first, *version);
}

std::vector<std::string> Items(const std::string& text) {
  std::vector<std::string> items;
  for (absl::string_view item : absl::StrSplit(text, ',')) {
    item = absl::StripAsciiWhitespace(item);
    if (!item.empty()) items.emplace_back(item);
  }
  return items;
}

}  // namespace

bool VersionOverrides::Keeps(int64_t version) const {
  const bool labelled = std::any_of(labels.begin(), labels.end(), [version](const auto& label) {
    return label.second == version;
  });
  return kept.count(version) > 0 || only.count(version) > 0 || pinned == version || labelled;
}

bool VersionOverrides::Bars(int64_t version) const {
  if (barred.count(version) > 0) return true;
  if (kept.count(version) > 0) return false;
  return all_barred || (!only.empty() && !Keeps(version));
}

absl::Status CheckLabel(const std::string& label) {
  const bool characters = std::all_of(label.begin(), label.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
  });
  const bool number = std::all_of(label.begin(), label.end(), absl::ascii_isdigit);
  if (!label.empty() && label.size() <= 64 && characters && !number) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("label: got \"", label,
                   "\", expected 1 to 64 of letters, digits, '.', '_' and '-', and no number"));
}

absl::Status ParseServedVersions(const std::string& text, OverridesByModel* overrides) {
  for (const std::string& item : Items(text)) {
    const auto named = ParseModelVersion(item);
    if (!named) {
      return absl::InvalidArgumentError(
          absl::StrCat("got \"", item, "\", expected MODEL:VERSION such as hopper:3"));
    }
    (*overrides)[named->first].only.insert(named->second);
  }
  return absl::OkStatus();
}

absl::Status ParseLabels(const std::string& text, OverridesByModel* overrides) {
  for (const std::string& item : Items(text)) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(item, absl::MaxSplits('=', 1));
    const auto named = ParseModelVersion(parts.second);
    if (!named) {
      return absl::InvalidArgumentError(
          absl::StrCat("got \"", item, "\", expected LABEL=MODEL:VERSION such as stable=hopper:3"));
    }
    if (absl::Status label = CheckLabel(parts.first); !label.ok()) return label;
    (*overrides)[named->first].labels[parts.first] = named->second;
  }
  return absl::OkStatus();
}

}  // namespace rollout
