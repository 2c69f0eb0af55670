#include "experiments/gruver/toy_figures.h"

#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "experiments/figures/svg_plot.h"
#include "experiments/statistics.h"

namespace rollout {
namespace {

struct Family {
  std::string title, x_label;
  std::vector<std::string> systems;
  std::vector<double> x;
};

// "chain_pendulum_3_friction" belongs to "chain pendulum friction" at x = 3.
std::vector<Family> FamiliesOf(const std::vector<std::string>& systems) {
  std::map<std::string, Family> families;
  for (const std::string& system : systems) {
    size_t digit = std::string::npos;
    for (size_t i = 0; i + 1 < system.size() && digit == std::string::npos; ++i) {
      if (system[i] == '_' && system[i + 1] >= '0' && system[i + 1] <= '9') digit = i + 1;
    }
    std::string name = digit == std::string::npos ? "other systems" : system;
    if (digit != std::string::npos) name.erase(digit, 2);
    for (char& c : name) c = c == '_' ? ' ' : c;
    Family& family = families[name];
    family.title = name;
    family.systems.push_back(system);
    if (digit != std::string::npos) {
      family.x_label = "bodies";
      family.x.push_back(system[digit] - '0');
    } else {
      family.x.push_back(static_cast<double>(family.systems.size()));
      absl::StrAppend(&family.x_label, family.x_label.empty() ? "" : ", ", family.systems.size(),
                      " ", system);
    }
  }
  std::vector<Family> list;
  for (auto& [name, family] : families) list.push_back(std::move(family));
  return list;
}

std::string Source(const ComparisonResults& results) {
  return absl::StrFormat("%s steps, %d seed%s", results.steps(), results.seeds(),
                         results.seeds() == 1 ? "" : "s");
}

// The standard error of the mean logarithm; 0 for one seed.
double StandardError(const std::vector<double>& values) {
  if (values.size() < 2) return 0.0;
  std::vector<double> logs;
  for (const double value : values) logs.push_back(std::log(value));
  const double mean = Mean(logs), count = static_cast<double>(logs.size());
  double squares = 0.0;
  for (const double log : logs) squares += (log - mean) * (log - mean);
  return std::sqrt(squares / (count - 1.0) / count);
}

}  // namespace

Figure DrawErrors(const std::string& experiment, const ComparisonResults& results,
                  const std::vector<std::string>& systems, const std::vector<std::string>& models,
                  const std::string& metric) {
  const std::string label = metric == "test_mse" ? "test error" : "rollout error";
  std::vector<PlotPanel> panels;
  for (const Family& family : FamiliesOf(systems)) {
    PlotPanel panel{family.title, family.x_label, label, {}};
    panel.log_y = true;
    for (const std::string& model : models) {
      PlotLine line{model, family.x, {}};
      line.spread = Spread::kBars;
      for (const std::string& system : family.systems) {
        const double mean = results.MeanLog(system, model, metric);
        const double error = StandardError(results.Values(system, model, metric));
        line.y.push_back(std::exp(mean));
        line.low.push_back(std::exp(mean - error));
        line.high.push_back(std::exp(mean + error));
      }
      panel.lines.push_back(std::move(line));
    }
    panels.push_back(std::move(panel));
  }
  return {absl::StrCat(experiment, "-errors.svg"),
          absl::StrCat(label, ", geometric mean over seeds with one standard error (",
                       Source(results), ")"),
          DrawPanels(panels)};
}

Figure DrawEnergyAgainstRollout(const std::string& experiment, const ComparisonResults& results,
                                const std::vector<std::string>& systems,
                                const std::vector<std::string>& models) {
  PlotPanel panel{"all systems", "rollout error", "energy error", {}};
  panel.log_x = panel.log_y = true;
  for (const std::string& model : models) {
    PlotLine line{model, {}, {}};
    line.points = true;
    for (const std::string& system : systems) {
      const std::vector<double> x = results.Values(system, model, "rollout_error");
      const std::vector<double> y = results.Values(system, model, "energy_error");
      line.x.insert(line.x.end(), x.begin(), x.end());
      line.y.insert(line.y.end(), y.begin(), y.end());
    }
    panel.lines.push_back(std::move(line));
  }
  return {absl::StrCat(experiment, "-energy.svg"),
          absl::StrCat("Energy error against rollout error, a dot a run (", Source(results), ")"),
          DrawPanels({panel})};
}

Figure DrawGrowth(const std::string& experiment, const ComparisonResults& results,
                  const std::vector<std::string>& systems, const std::vector<std::string>& models,
                  double dt) {
  std::vector<PlotPanel> panels;
  for (const std::string& system : systems) {
    PlotPanel panel{system, "time / s", "energy error", {}};
    panel.log_x = panel.log_y = true;
    for (const std::string& model : models) {
      PlotLine line{model, {}, results.MeanSeries(system, model, "energy_error_at")};
      const std::vector<double> deviation =
          results.MeanSeries(system, model, "energy_log_deviation_at");
      line.spread = deviation.size() == line.y.size() ? Spread::kBand : Spread::kNone;
      for (size_t i = 0; i < line.y.size(); ++i) {
        line.x.push_back(dt * static_cast<double>(i + 1));
        if (line.spread == Spread::kNone) continue;
        line.low.push_back(line.y[i] * std::exp(-deviation[i]));
        line.high.push_back(line.y[i] * std::exp(deviation[i]));
      }
      panel.lines.push_back(std::move(line));
    }
    panels.push_back(std::move(panel));
  }
  return {absl::StrCat(experiment, "-growth.svg"),
          absl::StrCat("Energy error over time, geometric mean over rollouts and seeds with one "
                       "standard deviation of its logarithm (",
                       Source(results), ")"),
          DrawPanels(panels)};
}

}  // namespace rollout
