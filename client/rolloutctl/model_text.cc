#include "client/rolloutctl/model_text.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "base/table.h"
#include "base/terminal.h"
#include "client/rolloutctl/error_text.h"
#include "client/rolloutctl/gate_text.h"

namespace rollout {
namespace {

std::string Published(const v1::ModelVersion& version) {
  if (version.published_timestamp_seconds() <= 0) return "-";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S",
                          absl::UnixEpoch() + absl::Seconds(version.published_timestamp_seconds()),
                          absl::LocalTimeZone());
}

std::string State(const v1::ModelVersion& version) {
  return v1::ModelVersion::State_Name(version.state());
}

Colour StateColour(v1::ModelVersion::State state) {
  switch (state) {
    case v1::ModelVersion::READY:
      return Colour::kGreen;
    case v1::ModelVersion::QUARANTINED:
      return Colour::kRed;
    case v1::ModelVersion::LOADING:
      return Colour::kYellow;
    default:
      return Colour::kFaint;
  }
}

std::string Engine(const v1::ModelVersion& version) {
  if (version.engine().empty()) return "-";
  return absl::StrCat(version.engine(), "/", version.device());
}

const v1::HorizonError* ErrorAt(const v1::ModelVersion& version, uint32_t horizon) {
  for (const v1::HorizonError& error : version.errors()) {
    if (error.horizon() == horizon && error.windows() > 0) return &error;
  }
  return nullptr;
}

std::string ErrorText(const v1::ModelVersion& version, uint32_t horizon) {
  const v1::HorizonError* error = ErrorAt(version, horizon);
  return error == nullptr ? "-" : absl::StrFormat("%.3g", error->normalised_rmse());
}

// The labels and the pin that a version carries, in front of `note`.
std::string WithLabels(const v1::Model& model, uint64_t version, const std::string& note) {
  std::set<std::string> marks;  // the map has no order
  for (const auto& [label, labelled] : model.labels()) {
    if (labelled == version) marks.insert(absl::StrCat("[", label, "]"));
  }
  if (model.pinned_version() == version) marks.insert("[pinned]");
  if (!note.empty()) return absl::StrCat(absl::StrJoin(marks, " "), marks.empty() ? "" : " ", note);
  return absl::StrJoin(marks, " ");
}

// Why a version does not serve, or not on the fastest engine.
std::string Note(const v1::ModelVersion& version) {
  if (!version.reason().empty()) return version.reason();
  if (!version.fallback_reason().empty()) return "fallback: " + version.fallback_reason();
  return "";
}

// Colours whole words of `text` after alignment, so that the codes do not count as characters.
std::string ColourStates(std::string text, bool colours) {
  if (!colours) return text;
  for (const v1::ModelVersion::State state :
       {v1::ModelVersion::READY, v1::ModelVersion::QUARANTINED, v1::ModelVersion::LOADING,
        v1::ModelVersion::UNLOADED}) {
    const std::string word = absl::StrCat(" ", v1::ModelVersion::State_Name(state), " ");
    const std::string coloured = Coloured(word, StateColour(state), true);
    for (size_t at = text.find(word); at != std::string::npos;
         at = text.find(word, at + coloured.size())) {
      text.replace(at, word.size(), coloured);
    }
  }
  return text;
}

template <typename Numbers>
std::string Numbers3g(const Numbers& numbers) {
  return absl::StrCat("[",
                      absl::StrJoin(numbers, ", ",
                                    [](std::string* out, double value) {
                                      absl::StrAppendFormat(out, "%.3g", value);
                                    }),
                      "]");
}

std::string SpecLines(const v1::ModelSpec& spec) {
  const v1::DynamicsSpec& dynamics = spec.dynamics();
  const v1::IntegratorSpec& integrator = spec.integrator();
  std::string text;
  absl::StrAppend(&text, "dynamics    ", v1::DynamicsSpec::Kind_Name(dynamics.kind()),
                  dynamics.has_force() ? " with force" : "", ", hidden layers [",
                  absl::StrJoin(dynamics.hidden_sizes(), ", "), "] ",
                  v1::DynamicsSpec::Activation_Name(dynamics.activation()), ", ensemble of ",
                  spec.ensemble_size(), "\n");
  absl::StrAppend(&text, "integrator  ", v1::IntegratorSpec::Method_Name(integrator.method()), ", ",
                  integrator.substeps(), " substeps of a transition of ", spec.transition_dt(),
                  " s\n");
  absl::StrAppend(&text, "state       ", 2 * spec.num_positions(),
                  " numbers: ", spec.num_positions(), " positions");
  if (spec.angular_positions_size() > 0) {
    absl::StrAppend(&text, " (angles: ", absl::StrJoin(spec.angular_positions(), ", "), ")");
  }
  if (spec.ignored_positions_size() > 0) {
    absl::StrAppend(&text, " (unseen by networks: ", absl::StrJoin(spec.ignored_positions(), ", "),
                    ")");
  }
  absl::StrAppend(&text, ", then their velocities");
  if (spec.state_names_size() > 0) {
    absl::StrAppend(&text, "\n            ", absl::StrJoin(spec.state_names(), " "));
  }
  absl::StrAppend(&text, "\ncontrols    ", spec.num_controls());
  if (spec.control_names_size() > 0) {
    absl::StrAppend(&text, ": ", absl::StrJoin(spec.control_names(), " "));
  }
  if (spec.control_low_size() > 0) {
    absl::StrAppend(&text, ", from ", Numbers3g(spec.control_low()), " to ",
                    Numbers3g(spec.control_high()));
  }
  absl::StrAppend(&text, "\n");
  if (!spec.reward().empty() || !spec.termination().empty()) {
    absl::StrAppend(&text, "reward      ", spec.reward().empty() ? "none" : spec.reward(),
                    ", termination ", spec.termination().empty() ? "none" : spec.termination(),
                    "\n");
  }
  if (spec.useful_horizon() > 0) {
    absl::StrAppend(&text, "useful      up to ", spec.useful_horizon(),
                    " transitions (beats \"no change\" on held-out episodes)\n");
  }
  return text;
}

std::string ErrorsTable(const v1::Model& model) {
  std::set<uint32_t> horizons;
  std::vector<const v1::ModelVersion*> versions;
  for (const v1::ModelVersion& version : model.versions()) {
    bool measured = false;
    for (const v1::HorizonError& error : version.errors()) {
      if (error.windows() + error.diverged_windows() == 0) continue;
      horizons.insert(error.horizon());
      measured = true;
    }
    if (measured) versions.push_back(&version);
  }
  if (versions.empty()) {
    return "prediction error: none reported yet (rolloutctl report sends observed episodes)\n";
  }
  std::vector<std::string> header = {"horizon"};
  for (const v1::ModelVersion* version : versions) {
    header.push_back(absl::StrCat("error of ", version->version()));
    header.push_back("skill");
    header.push_back("windows");
  }
  Table table(header);
  for (const uint32_t horizon : horizons) {
    std::vector<std::string> row = {absl::StrCat(horizon)};
    for (const v1::ModelVersion* version : versions) {
      const v1::HorizonError* error = ErrorAt(*version, horizon);
      row.push_back(ErrorText(*version, horizon));
      // Where "no change" is exact there is no skill.
      row.push_back(error == nullptr || !std::isfinite(error->skill())
                        ? "-"
                        : absl::StrFormat("%.3f", error->skill()));
      row.push_back(
          error == nullptr ? "-"
          : error->diverged_windows() == 0
              ? absl::StrCat(error->windows())
              : absl::StrCat(error->windows(), " + ", error->diverged_windows(), " diverged"));
    }
    table.AddRow(row);
  }
  return absl::StrCat(
      "prediction error against reported episodes (normalised RMSE; skill: 1 = exact, 0 = no "
      "better than \"no change\")\n",
      table.ToString(2));
}

}  // namespace

const v1::ModelVersion* DescribedVersion(const v1::Model& model) {
  const v1::ModelVersion* newest = nullptr;
  for (const v1::ModelVersion& version : model.versions()) {
    if (!version.has_spec()) continue;
    if (version.version() == model.serving_version()) return &version;
    if (newest == nullptr) newest = &version;
  }
  return newest;
}

nlohmann::json ModelJson(const v1::Model& model) {
  nlohmann::json versions = nlohmann::json::array();
  for (const v1::ModelVersion& version : model.versions()) {
    nlohmann::json errors = nlohmann::json::array();
    for (const v1::HorizonError& error : version.errors()) {
      errors.push_back({{"horizon", error.horizon()},
                        {"normalised_rmse", error.normalised_rmse()},
                        {"skill", error.skill()},
                        {"windows", error.windows()},
                        {"diverged_windows", error.diverged_windows()}});
      if (error.dimension_rmse_size() > 0) {
        errors.back()["dimension_rmse"] =
            std::vector<double>(error.dimension_rmse().begin(), error.dimension_rmse().end());
      }
    }
    nlohmann::json spec;
    if (version.has_spec()) {
      google::protobuf::util::JsonPrintOptions options;
      options.preserve_proto_field_names = true;
      std::string text;
      if (google::protobuf::util::MessageToJsonString(version.spec(), &text, options).ok()) {
        spec = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
      }
    }
    versions.push_back(
        {{"version", version.version()},
         {"state", State(version)},
         {"reason", version.reason()},
         {"engine", version.engine()},
         {"device", version.device()},
         {"fallback_reason", version.fallback_reason()},
         {"published_timestamp_seconds", version.published_timestamp_seconds()},
         {"gates", GatesJson(version)},
         {"energy_drift",
          version.has_energy_drift() ? nlohmann::json(version.energy_drift()) : nlohmann::json()},
         {"comparison", ComparisonJson(version)},
         {"spec", spec},
         {"errors", errors}});
  }
  nlohmann::json labels = nlohmann::json::object();
  for (const auto& [label, version] : model.labels()) labels[label] = version;
  return {{"name", model.name()},
          {"serving_version", model.serving_version()},
          {"pinned_version", model.pinned_version()},
          {"labels", labels},
          {"versions", versions}};
}

std::string ModelsTable(const std::vector<v1::Model>& models, bool colours) {
  Table table(
      {"MODEL", "VERSION", "STATE", "ENGINE", "PUBLISHED", "ERR@1", "ERR@16", "ERR@64", "NOTE"});
  for (const v1::Model& model : models) {
    for (const v1::ModelVersion& version : model.versions()) {
      const bool serving =
          version.version() == model.serving_version() && model.serving_version() != 0;
      table.AddRow({model.name(), absl::StrCat(version.version(), serving ? " *" : ""),
                    State(version), Engine(version), Published(version), ErrorText(version, 1),
                    ErrorText(version, 16), ErrorText(version, 64),
                    WithLabels(model, version.version(), Note(version))});
    }
    if (model.versions().empty()) table.AddRow({model.name(), "-", "no versions"});
  }
  if (table.num_rows() == 0) return "no models: the model repository is empty\n";
  return ColourStates(table.ToString(), colours) + "* answers requests that name no version\n";
}

std::string HorizonErrorsTable(const std::vector<v1::Model>& models) {
  std::set<uint32_t> horizons;
  for (const v1::Model& model : models) {
    for (const v1::ModelVersion& version : model.versions()) {
      for (const v1::HorizonError& error : version.errors()) {
        if (error.windows() > 0) horizons.insert(error.horizon());
      }
    }
  }
  if (horizons.empty()) return "";
  std::vector<std::string> header = {"ERROR AT HORIZON", "VERSION"};
  for (const uint32_t horizon : horizons) header.push_back(absl::StrCat(horizon));
  header.push_back("WINDOWS");
  Table table(header);
  for (const v1::Model& model : models) {
    for (const v1::ModelVersion& version : model.versions()) {
      const v1::HorizonError* const first = ErrorAt(version, *horizons.begin());
      if (first == nullptr) continue;
      std::vector<std::string> row = {model.name(), absl::StrCat(version.version())};
      for (const uint32_t horizon : horizons) row.push_back(ErrorText(version, horizon));
      row.push_back(absl::StrCat(first->windows()));
      table.AddRow(row);
    }
  }
  return absl::StrCat(table.ToString(), "\n");
}

std::string ModelPage(const v1::Model& model, bool colours) {
  std::string text = Coloured(model.name(), Colour::kBold, colours);
  if (model.serving_version() == 0) {
    absl::StrAppend(&text, ": no version serves\n");
  } else {
    absl::StrAppend(&text, ": version ", model.serving_version(), " serves\n");
  }
  if (const v1::ModelVersion* described = DescribedVersion(model); described != nullptr) {
    absl::StrAppend(&text, SpecLines(described->spec()));
  }
  const std::string gates = GatesTable(model);
  return absl::StrCat(text, "\n", ModelsTable({model}, colours), "\n", gates,
                      gates.empty() ? "" : "\n", ErrorsTable(model));
}

}  // namespace rollout
