#include "client/rolloutctl/gate_text.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/table.h"

namespace rollout {
namespace {

constexpr size_t kMaxVersions = 6;  // what fits a terminal

std::string Result(const v1::GateVerdict& verdict) {
  return absl::AsciiStrToLower(v1::GateVerdict::Result_Name(verdict.result()));
}

// The longest list names every gate that any version was asked.
std::vector<std::string> GateNames(const std::vector<const v1::ModelVersion*>& versions) {
  const auto longest = std::max_element(
      versions.begin(), versions.end(),
      [](const auto* a, const auto* b) { return a->gates_size() < b->gates_size(); });
  std::vector<std::string> names;
  for (const v1::GateVerdict& verdict : (*longest)->gates()) names.push_back(verdict.gate());
  return names;
}

std::string ResultOf(const v1::ModelVersion& version, const std::string& gate) {
  for (const v1::GateVerdict& verdict : version.gates()) {
    if (verdict.gate() == gate) return Result(verdict);
  }
  return "-";
}

}  // namespace

nlohmann::json GatesJson(const v1::ModelVersion& version) {
  nlohmann::json gates = nlohmann::json::array();
  for (const v1::GateVerdict& verdict : version.gates()) {
    gates.push_back(
        {{"gate", verdict.gate()}, {"result", Result(verdict)}, {"detail", verdict.detail()}});
  }
  return gates;
}

std::string GatesTable(const v1::Model& model) {
  std::vector<const v1::ModelVersion*> versions;
  for (const v1::ModelVersion& version : model.versions()) {
    if (version.gates_size() > 0 && versions.size() < kMaxVersions) versions.push_back(&version);
  }
  if (versions.empty()) return "";
  std::vector<std::string> header = {"gate"};
  for (const v1::ModelVersion* version : versions) {
    header.push_back(absl::StrCat("version ", version->version()));
  }
  Table table(std::move(header));
  for (const std::string& gate : GateNames(versions)) {
    std::vector<std::string> row = {gate};
    for (const v1::ModelVersion* version : versions) row.push_back(ResultOf(*version, gate));
    table.AddRow(std::move(row));
  }
  std::string text = absl::StrCat("gates before serving\n", table.ToString());
  for (const v1::GateVerdict& verdict : versions.front()->gates()) {
    if (verdict.detail().empty()) continue;
    absl::StrAppend(&text, "  version ", versions.front()->version(), " ", verdict.gate(), ": ",
                    verdict.detail(), "\n");
  }
  return text;
}

}  // namespace rollout
