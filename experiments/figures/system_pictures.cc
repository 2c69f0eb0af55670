#include "experiments/figures/system_pictures.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "experiments/figures/svg_plot.h"
#include "systems/mechanics/dormand_prince.h"
#include "systems/system.h"

namespace rollout {
namespace {

constexpr int kPointsBetweenSamples = 2;  // so that paths look round

struct Motion {
  std::vector<double> time;
  std::vector<std::vector<double>> states;
  std::vector<double> energy;
};

Motion Follow(const EquationsOfMotion& mechanics, uint64_t seed) {
  const SystemInfo& info = mechanics.info();
  std::vector<double> state(2 * info.num_positions), variables(mechanics.num_variables());
  const std::vector<double> control(info.num_controls, 0.0);
  Random random(seed);
  mechanics.DrawState(random, absl::MakeSpan(state));
  mechanics.Unchart(state, absl::MakeSpan(variables));
  DormandPrince solver(mechanics.num_variables());
  const double step = info.dt / kPointsBetweenSamples;
  Motion motion;
  for (int i = 0; i <= info.max_episode_steps * kPointsBetweenSamples; ++i) {
    motion.time.push_back(i * step);
    motion.states.push_back(state);
    motion.energy.push_back(mechanics.Energy(state));
    solver.Advance([&](absl::Span<const double> x,
                       absl::Span<double> dx) { mechanics.Derivative(x, control, dx); },
                   step, absl::MakeSpan(variables));
    mechanics.Chart(variables, absl::MakeSpan(state));
  }
  return motion;
}

std::vector<double> Column(const Motion& motion, int index) {
  std::vector<double> column;
  for (const std::vector<double>& state : motion.states) column.push_back(state[index]);
  return column;
}

// Names of Cartesian coordinates begin with "x_": two to a body in a plane, three in space.
bool IsCartesian(const SystemInfo& info) { return absl::StartsWith(info.state_names[0], "x_"); }

PlotPanel Paths(const SystemInfo& info, const Motion& motion) {
  const int dimensions = absl::StartsWith(info.state_names[2], "z_") ? 3 : 2;
  PlotPanel panel{.title = info.name,
                  .x_label = "x",
                  .y_label = dimensions == 3 ? "z" : "y",
                  .lines = {},
                  .equal_axes = true,
                  .log_y = false};
  for (int body = 0; body * dimensions < info.num_positions; ++body) {
    panel.lines.push_back({"", Column(motion, body * dimensions),
                           Column(motion, body * dimensions + dimensions - 1), false});
  }
  return panel;
}

PlotPanel Coordinates(const SystemInfo& info, const Motion& motion) {
  PlotPanel panel{.title = info.name,
                  .x_label = "time (s)",
                  .y_label = "position",
                  .lines = {},
                  .equal_axes = false,
                  .log_y = false};
  const int shown = std::min(info.num_positions, 8);
  for (int i = 0; i < shown; ++i) {
    panel.lines.push_back({info.state_names[i], motion.time, Column(motion, i), false});
  }
  return panel;
}

PlotPanel EnergyPanel(const Motion& motion, bool dissipates) {
  PlotPanel panel{.title = dissipates ? "energy" : "energy − first energy, relative",
                  .x_label = "time (s)",
                  .y_label = "",
                  .lines = {},
                  .equal_axes = false,
                  .log_y = false};
  PlotLine line{"", motion.time, motion.energy, false};
  if (!dissipates) {
    double size = 0.0;
    for (const double energy : motion.energy) size = std::max(size, std::abs(energy));
    for (double& energy : line.y) energy = (energy - motion.energy[0]) / size;
  }
  panel.lines.push_back(std::move(line));
  return panel;
}

// Positions and controls of one episode under random controls, uniform within their bounds and held
// for kHeld steps, until the task ends it.
constexpr int kDrivenSteps = 200, kHeld = 5;

Motion Drive(System& system, uint64_t seed, std::vector<std::vector<double>>* controls) {
  const SystemInfo& info = system.info();
  Random random(seed);
  system.Reset(seed);
  std::vector<double> state(info.num_positions + info.num_velocities), control(info.num_controls);
  Motion motion;
  for (int step = 0; step <= std::min(kDrivenSteps, info.max_episode_steps); ++step) {
    system.GetState(absl::MakeSpan(state));
    for (size_t i = 0; i < control.size() && step % kHeld == 0; ++i) {
      control[i] = random.Uniform(info.control_low[i], info.control_high[i]);
    }
    motion.time.push_back(step * info.dt);
    motion.states.push_back(state);
    controls->push_back(control);
    if (system.Step(control).terminated) break;
  }
  return motion;
}

PlotPanel Controls(const SystemInfo& info, const Motion& motion,
                   const std::vector<std::vector<double>>& controls) {
  PlotPanel panel{"controls", "time (s)", "", {}};
  for (int i = 0; i < std::min(info.num_controls, 8); ++i) {
    PlotLine line{info.control_names[i], motion.time, {}};
    for (const std::vector<double>& control : controls) line.y.push_back(control[i]);
    panel.lines.push_back(std::move(line));
  }
  return panel;
}

// Of the families that are numbered by their bodies only those with three.
bool IsShown(const std::string& name) {
  const size_t digit = name.find_first_of("0123456789");
  return digit == std::string::npos || name[digit] == '3';
}

bool IsControlledChain(const std::string& name) { return absl::StartsWith(name, "controlled"); }

absl::Status WritePicture(const std::string& folder, const std::string& name,
                          const std::string& svg, std::string* page) {
  const std::string file = absl::StrCat("system-", name, ".svg");
  std::ofstream out(absl::StrCat(folder, "/", file));
  out << svg;
  out.flush();
  if (!out) return absl::UnavailableError(absl::StrCat(folder, "/", file, ": cannot be written"));
  absl::StrAppend(page, "\n![", name, "](", file, ")\n");
  return absl::OkStatus();
}

}  // namespace

std::string DrawSystem(const EquationsOfMotion& mechanics, uint64_t seed) {
  const SystemInfo& info = mechanics.info();
  const Motion motion = Follow(mechanics, seed);
  const bool dissipates = mechanics.Power(motion.states[1], {}) < 0.0;
  return DrawPanels({IsCartesian(info) ? Paths(info, motion) : Coordinates(info, motion),
                     EnergyPanel(motion, dissipates)});
}

std::string DrawDrivenSystem(System& system, uint64_t seed) {
  std::vector<std::vector<double>> controls;
  const Motion motion = Drive(system, seed, &controls);
  return DrawPanels(
      {Coordinates(system.info(), motion), Controls(system.info(), motion, controls)});
}

absl::Status WriteSystemPictures(const std::string& folder) {
  std::string page =
      "# The systems in motion\n\nOne episode of each family; written by "
      "`rollout-experiments report`. Energies of mechanical systems without drag stay within the "
      "solver's tolerance; MuJoCo's tasks and the controlled chain are under random controls, "
      "until "
      "the task ends the episode, for 200 steps at most.\n";
  const std::vector<std::string> mechanical = MechanicalSystemNames();
  for (const std::string& name : mechanical) {
    if (!IsShown(name) || IsControlledChain(name)) continue;
    absl::Status status =
        WritePicture(folder, name, DrawSystem(*MakeEquationsOfMotion(name), 1), &page);
    if (!status.ok()) return status;
  }
  for (const std::string& name : SystemNames()) {
    const bool is_mechanical =
        std::find(mechanical.begin(), mechanical.end(), name) != mechanical.end();
    if (is_mechanical && !(IsControlledChain(name) && IsShown(name))) continue;
    const auto system = MakeSystem(name);
    if (!system.ok()) return system.status();
    absl::Status status = WritePicture(folder, name, DrawDrivenSystem(**system, 1), &page);
    if (!status.ok()) return status;
  }
  std::ofstream out(absl::StrCat(folder, "/systems.md"));
  out << page;
  out.flush();
  if (!out) return absl::UnavailableError(absl::StrCat(folder, "/systems.md: cannot be written"));
  return absl::OkStatus();
}

}  // namespace rollout
