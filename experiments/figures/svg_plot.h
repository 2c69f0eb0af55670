// Line plots as SVG, for the pages of docs/experiments.
#ifndef ROLLOUT_EXPERIMENTS_FIGURES_SVG_PLOT_H_
#define ROLLOUT_EXPERIMENTS_FIGURES_SVG_PLOT_H_

#include <string>
#include <vector>

namespace rollout {

// How far a line's values reach at each of its points.
enum class Spread { kNone, kBars, kBand };

// One line of points; points that are not finite break it.
struct PlotLine {
  std::string label;  // empty = not in the legend
  std::vector<double> x, y;
  bool dashed = false;
  bool points = false;            // dots and no line
  Spread spread = Spread::kNone;  // from low[i] to high[i]
  std::vector<double> low = {}, high = {};
};

struct PlotPanel {
  std::string title, x_label, y_label;
  std::vector<PlotLine> lines;  // at most eight; coloured in order
  bool equal_axes = false;      // one unit is as long on both
  bool log_y = false;           // values that are not positive break their line
  bool log_x = false;
};

// Panels side by side, each 420 x 300 pixels, axes with round ticks, a legend where lines have
// labels. Coordinates have one decimal: the same input gives the same bytes.
std::string DrawPanels(const std::vector<PlotPanel>& panels);

// The round numbers (1, 2 or 5 times a power of ten apart) within [low, high], four to nine of
// them; low < high.
std::vector<double> RoundTicks(double low, double high);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_FIGURES_SVG_PLOT_H_
