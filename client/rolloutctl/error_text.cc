#include "client/rolloutctl/error_text.h"

#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/table.h"

namespace rollout {
namespace {

std::string Number(double value) {
  return std::isfinite(value) ? absl::StrFormat("%.3g", value) : std::string("-");
}

std::string DimensionName(const v1::ModelSpec& spec, int dimension) {
  if (dimension < spec.state_names_size()) return spec.state_names(dimension);
  const int n = static_cast<int>(spec.num_positions());
  return dimension < n ? absl::StrCat("position ", dimension)
                       : absl::StrCat("velocity ", dimension - n);
}

std::string DimensionErrorsTable(const v1::ModelVersion& version) {
  std::vector<std::string> header = {"dimension"};
  int dimensions = 0;
  for (const v1::HorizonError& error : version.errors()) {
    if (error.dimension_rmse_size() == 0) continue;
    header.push_back(absl::StrCat("error at ", error.horizon()));
    dimensions = error.dimension_rmse_size();
  }
  if (dimensions == 0) return "";
  Table table(std::move(header));
  for (int d = 0; d < dimensions; ++d) {
    std::vector<std::string> row = {DimensionName(version.spec(), d)};
    for (const v1::HorizonError& error : version.errors()) {
      if (d < error.dimension_rmse_size()) row.push_back(Number(error.dimension_rmse(d)));
    }
    table.AddRow(std::move(row));
  }
  return table.ToString(2);
}

// "better" or "worse" where the interval excludes equality.
std::string Judgement(const v1::VersionComparison::Horizon& horizon) {
  if (!std::isfinite(horizon.log_ratio())) return "-";
  if (horizon.log_ratio_high() < 0) return "better";
  if (horizon.log_ratio_low() > 0) return "worse";
  return "no clear difference";
}

}  // namespace

std::string DimensionErrorsTables(const v1::Model& model) {
  std::string text;
  for (const v1::ModelVersion& version : model.versions()) {
    const std::string table = DimensionErrorsTable(version);
    if (table.empty()) continue;
    absl::StrAppend(&text, "\nversion ", version.version(),
                    ", normalised RMSE of each dimension over the recent windows\n", table);
  }
  return text;
}

std::string ComparisonTable(const v1::Model& model) {
  std::string text;
  for (const v1::ModelVersion& version : model.versions()) {
    if (!version.has_comparison()) continue;
    Table table({"horizon", "error", "stable's error", "ratio", "95% interval", "windows",
                 "diverged alone", "verdict"});
    for (const v1::VersionComparison::Horizon& horizon : version.comparison().horizons()) {
      table.AddRow({absl::StrCat(horizon.horizon()), Number(horizon.normalised_rmse()),
                    Number(horizon.with_normalised_rmse()), Number(std::exp(horizon.log_ratio())),
                    absl::StrCat(Number(std::exp(horizon.log_ratio_low())), " to ",
                                 Number(std::exp(horizon.log_ratio_high()))),
                    absl::StrCat(horizon.windows()), absl::StrCat(horizon.diverged_windows()),
                    Judgement(horizon)});
    }
    absl::StrAppend(&text, "\nversion ", version.version(), " against the stable version ",
                    version.comparison().with_version(), ", on the windows that both predicted\n",
                    table.ToString(2));
  }
  return text;
}

nlohmann::json ComparisonJson(const v1::ModelVersion& version) {
  if (!version.has_comparison()) return nullptr;
  nlohmann::json horizons = nlohmann::json::array();
  for (const v1::VersionComparison::Horizon& horizon : version.comparison().horizons()) {
    horizons.push_back({{"horizon", horizon.horizon()},
                        {"windows", horizon.windows()},
                        {"normalised_rmse", horizon.normalised_rmse()},
                        {"with_normalised_rmse", horizon.with_normalised_rmse()},
                        {"log_ratio", horizon.log_ratio()},
                        {"log_ratio_low", horizon.log_ratio_low()},
                        {"log_ratio_high", horizon.log_ratio_high()},
                        {"diverged_windows", horizon.diverged_windows()}});
  }
  return {{"with_version", version.comparison().with_version()}, {"horizons", horizons}};
}

}  // namespace rollout
