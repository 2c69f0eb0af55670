// Do positions move as the velocities say? A transition model takes dq/dt = v for granted (NODE_SO,
// HNN) or learns it from these data.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "trainer/collection/dataset_check.h"

namespace rollout {
namespace {

constexpr double kTurn = 2.0 * std::numbers::pi;

// A step is a jump when the velocity leaves more of it unexplained than this many of the step sizes
// that 99 of 100 steps stay below.
constexpr double kJump = 10.0;
// Where the correlation is this high, positions and velocities are proportional up to the curvature
// within a step, so a slope off 1 by kScaleOff is a wrong unit and not a coarse dt.
constexpr double kProportional = 0.99;
constexpr double kScaleOff = 0.05;
// Stiff joints move within a coarse step: of the tasks here HalfCheetah (0.05 s) comes furthest
// from 1, with slopes of 0.9 ... 1.4 and correlations of 0.8 ... 1.
constexpr double kLowestSlope = 0.5, kHighestSlope = 2.0;
constexpr double kLowestCorrelation = 0.6;

struct Step {
  double moved = 0.0;    // q(t + dt) - q(t)
  double implied = 0.0;  // dt times the mean of v before and after; 0 where nq != nv
};

std::vector<Step> StepsOf(const DatasetInfo& info, const std::vector<Episode>& episodes,
                          int position) {
  const int width = info.num_positions + info.num_velocities;
  const bool has_velocity = info.num_positions == info.num_velocities;
  const int velocity = info.num_positions + position;
  std::vector<Step> steps;
  for (const Episode& episode : episodes) {
    for (int64_t t = 0; t < episode.num_steps(); ++t) {
      const double* before = &episode.states[t * width];
      const double* after = before + width;
      const Step step{
          .moved = after[position] - before[position],
          .implied = has_velocity ? 0.5 * info.dt * (before[velocity] + after[velocity]) : 0.0};
      if (std::isfinite(step.moved) && std::isfinite(step.implied)) steps.push_back(step);
    }
  }
  return steps;
}

// The size that 99 of 100 steps stay below.
double UsualSize(const std::vector<Step>& steps) {
  std::vector<double> sizes;
  for (const Step& step : steps) sizes.push_back(std::abs(step.moved));
  const auto place = sizes.begin() + static_cast<ptrdiff_t>(sizes.size() * 99 / 100);
  std::nth_element(sizes.begin(), place, sizes.end());
  return *place;
}

// Fills in wraps and jumps and returns the other steps.
std::vector<Step> SortOut(const std::vector<Step>& steps, StateDimension* dimension) {
  const double usual = UsualSize(steps);
  const double floor = 1e-6 * std::max(1.0, std::abs(dimension->mean));
  std::vector<Step> regular;
  for (const Step& step : steps) {
    const double unexplained = step.moved - step.implied;
    const double turns = std::round(unexplained / kTurn);
    const double largest = std::max(
        {kJump * std::min(usual, std::numbers::pi), floor, kJump * std::abs(step.implied)});
    if (turns != 0.0 && std::abs(unexplained - turns * kTurn) < 0.5 &&
        std::abs(step.implied) < 0.5 * std::numbers::pi) {
      ++dimension->wraps;
    } else if (std::abs(unexplained) > largest) {
      ++dimension->jumps;
    } else {
      regular.push_back(step);
    }
  }
  return regular;
}

// Slope through the origin and correlation about it of `moved` on `implied`.
void Regress(const std::vector<Step>& steps, StateDimension* dimension) {
  double products = 0.0, moved = 0.0, implied = 0.0;
  for (const Step& step : steps) {
    products += step.moved * step.implied;
    moved += step.moved * step.moved;
    implied += step.implied * step.implied;
  }
  dimension->moves = moved > 0.0 || implied > 0.0;
  if (implied > 0.0) dimension->velocity_slope = products / implied;
  if (implied > 0.0 && moved > 0.0) {
    dimension->velocity_correlation = products / std::sqrt(implied * moved);
  }
}

void ReportWrapsAndJumps(const StateDimension& dimension, DatasetReport* report) {
  if (dimension.wraps > 0) {
    report->findings.push_back(
        {.check = "wrap",
         .found = absl::StrFormat("%s wraps: %d of %d steps differ by a multiple of 2 pi from what "
                                  "its velocity says.",
                                  dimension.name, dimension.wraps, report->steps),
         .remedy = "Store the angle unwrapped (numpy.unwrap along each episode) and list it in "
                   "angular_positions."});
  }
  if (dimension.jumps > 0) {
    report->findings.push_back(
        {.check = "jump",
         .found = absl::StrFormat("%s jumps in %d of %d steps, far beyond what its velocity says.",
                                  dimension.name, dimension.jumps, report->steps),
         .remedy = "Split episodes where the system was reset or moved by hand, and where samples "
                   "are missing."});
  }
}

// What is wrong with slope and correlation; empty where nothing is.
std::string SlopeProblem(const StateDimension& dimension) {
  const double slope = dimension.velocity_slope;
  if (dimension.velocity_correlation >= kProportional) {
    return std::abs(slope - 1.0) > kScaleOff
               ? absl::StrFormat("%s moves at %.4g times its velocity.", dimension.name, slope)
               : "";
  }
  if (dimension.velocity_correlation < kLowestCorrelation || slope < kLowestSlope ||
      slope > kHighestSlope) {
    return absl::StrFormat(
        "%s does not move as its velocity says (slope %.3g, correlation %.3g; both should be "
        "1).",
        dimension.name, slope, dimension.velocity_correlation);
  }
  return "";
}

// Where every position moves at the same multiple of its velocity it is dt that is wrong.
bool ReportWrongDt(const DatasetInfo& info, DatasetReport* report) {
  double low = HUGE_VAL, high = -HUGE_VAL;
  int moving = 0;
  for (int i = 0; i < info.num_positions; ++i) {
    const StateDimension& dimension = report->dimensions[i];
    if (!dimension.moves) continue;
    if (dimension.velocity_correlation < kProportional) return false;
    low = std::min(low, dimension.velocity_slope);
    high = std::max(high, dimension.velocity_slope);
    ++moving;
  }
  const double middle = 0.5 * (low + high);
  if (moving < 2 || !(low > 0.0) || high - low > kScaleOff * middle ||
      std::abs(middle - 1.0) <= kScaleOff) {
    return false;
  }
  report->findings.push_back(
      {.check = "velocity",
       .found = absl::StrFormat("All positions move at %.4g times their velocities: dt is given as "
                                "%.6g s, and %.6g s would agree.",
                                middle, info.dt, info.dt * middle),
       .remedy = "Set the attribute dt to the seconds between two states of the file."});
  return true;
}

}  // namespace

void CheckMotion(const DatasetInfo& info, const std::vector<Episode>& episodes,
                 DatasetReport* report) {
  const bool has_velocities = info.num_positions == info.num_velocities;
  for (int i = 0; i < info.num_positions; ++i) {
    StateDimension& dimension = report->dimensions[i];
    const std::vector<Step> steps = StepsOf(info, episodes, i);
    if (steps.empty()) continue;
    const std::vector<Step> regular = SortOut(steps, &dimension);
    if (has_velocities) Regress(regular, &dimension);
    ReportWrapsAndJumps(dimension, report);
  }
  if (!has_velocities || ReportWrongDt(info, report)) return;
  for (int i = 0; i < info.num_positions; ++i) {
    const StateDimension& dimension = report->dimensions[i];
    if (!dimension.moves) continue;
    const std::string problem = SlopeProblem(dimension);
    if (problem.empty()) continue;
    report->findings.push_back(
        {.check = "velocity",
         .found = problem,
         .remedy = "Velocities have to be the time derivatives of the positions, in the same order "
                   "and units (rad and rad/s, m and m/s) and at the same instants; if they were "
                   "measured badly, store finite differences of the positions instead."});
  }
}

}  // namespace rollout
