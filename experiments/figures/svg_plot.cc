#include "experiments/figures/svg_plot.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace rollout {
namespace {

constexpr double kWidth = 420, kHeight = 300;
constexpr double kLeft = 62, kRight = 14, kTop = 34, kBottom = 44;
// Okabe and Ito's palette, which the colour-blind tell apart.
constexpr const char* kColours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                    "#e69f00", "#56b4e9", "#000000", "#999999"};

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void Add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  // Room around the data; a range without width gets one.
  void Widen(double share) {
    if (!(low <= high)) low = 0.0, high = 1.0;
    const double width = high - low > 0.0 ? high - low : std::max(1e-9, std::abs(high));
    low -= share * width;
    high += share * width;
  }
};

std::string Escaped(const std::string& text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}});
}

std::string Text(double x, double y, const char* anchor, const std::string& text,
                 const char* more = "") {
  return absl::StrFormat("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s>%s</text>\n", x, y,
                         anchor, more, Escaped(text));
}

// Draws one panel whose upper left corner is at `offset`.
class PanelDrawing {
 public:
  PanelDrawing(const PlotPanel& panel, double offset) : panel_(panel), offset_(offset) {
    for (const PlotLine& line : panel.lines) {
      for (size_t i = 0; i < line.x.size(); ++i) {
        if (!Drawable(line, i)) continue;
        x_.Add(Width(line.x[i]));
        y_.Add(Height(line.y[i]));
        if (line.spread == Spread::kNone) continue;
        for (const double end : {line.low[i], line.high[i]}) {
          if (std::isfinite(Height(end))) y_.Add(Height(end));
        }
      }
    }
    x_.Widen(panel.equal_axes || HasPoints() ? 0.05 : 0.0);
    y_.Widen(0.05);
    if (panel.equal_axes) MakeAxesEqual();
  }

  std::string Draw() const {
    return absl::StrCat(Axes(), Lines(), Legend(),
                        Text(offset_ + (kLeft + kWidth - kRight) / 2, 20, "middle", panel_.title,
                             " font-weight=\"bold\""));
  }

 private:
  bool HasPoints() const {
    return std::any_of(panel_.lines.begin(), panel_.lines.end(), [](const PlotLine& line) {
      return line.points || line.spread == Spread::kBars;
    });
  }
  double Width(double x) const { return panel_.log_x ? std::log10(x) : x; }
  double Height(double y) const { return panel_.log_y ? std::log10(y) : y; }
  bool Drawable(const PlotLine& line, size_t i) const {
    return std::isfinite(line.x[i]) && std::isfinite(line.y[i]) &&
           (!panel_.log_y || line.y[i] > 0.0) && (!panel_.log_x || line.x[i] > 0.0);
  }
  // Of what Width gives.
  double X(double x) const {
    return offset_ + kLeft + (x - x_.low) / (x_.high - x_.low) * (kWidth - kLeft - kRight);
  }
  double Y(double height) const {
    return kHeight - kBottom - (height - y_.low) / (y_.high - y_.low) * (kHeight - kTop - kBottom);
  }

  void MakeAxesEqual() {
    const double wide = (x_.high - x_.low) / (kWidth - kLeft - kRight);
    const double high = (y_.high - y_.low) / (kHeight - kTop - kBottom);
    Range& narrow = wide < high ? x_ : y_;
    const double factor = wide < high ? high / wide : wide / high;
    const double middle = (narrow.low + narrow.high) / 2;
    const double half = (narrow.high - narrow.low) / 2 * factor;
    narrow = {middle - half, middle + half};
  }

  static std::string Label(double tick, bool log) {
    return log ? absl::StrFormat("1e%g", tick) : absl::StrFormat("%g", tick);
  }

  std::string Axes() const {
    std::string svg = absl::StrFormat(
        "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"none\" "
        "stroke=\"#888\"/>\n",
        offset_ + kLeft, kTop, kWidth - kLeft - kRight, kHeight - kTop - kBottom);
    for (const double tick : RoundTicks(x_.low, x_.high)) {
      if (panel_.log_x && tick != std::round(tick)) continue;  // whole powers of ten
      absl::StrAppendFormat(&svg,
                            "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" "
                            "stroke=\"#ddd\"/>\n",
                            X(tick), kTop, X(tick), kHeight - kBottom);
      svg += Text(X(tick), kHeight - kBottom + 15, "middle", Label(tick, panel_.log_x));
    }
    for (const double tick : RoundTicks(y_.low, y_.high)) {
      if (panel_.log_y && tick != std::round(tick)) continue;  // whole powers of ten
      absl::StrAppendFormat(&svg,
                            "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" "
                            "stroke=\"#ddd\"/>\n",
                            offset_ + kLeft, Y(tick), offset_ + kWidth - kRight, Y(tick));
      svg += Text(offset_ + kLeft - 5, Y(tick) + 4, "end", Label(tick, panel_.log_y));
    }
    svg += Text(offset_ + (kLeft + kWidth - kRight) / 2, kHeight - 10, "middle", panel_.x_label);
    const double middle = (kTop + kHeight - kBottom) / 2;
    svg += absl::StrFormat("<g transform=\"rotate(-90 %.1f %.1f)\">%s</g>\n", offset_ + 14, middle,
                           Text(offset_ + 14, middle, "middle", panel_.y_label));
    return svg;
  }

  std::string Lines() const {
    std::string svg;
    for (size_t k = 0; k < panel_.lines.size(); ++k) {
      const PlotLine& line = panel_.lines[k];
      const char* colour = kColours[k % 8];
      if (line.spread == Spread::kBand) svg += Band(line, colour);
      if (line.spread == Spread::kBars) svg += Bars(line, colour);
      svg += line.points ? Dots(line, colour) : Path(line, colour);
    }
    return svg;
  }

  std::string Path(const PlotLine& line, const char* colour) const {
    std::string path;
    bool begun = false;
    for (size_t i = 0; i < line.x.size(); ++i) {
      if (!Drawable(line, i)) {
        begun = false;
        continue;
      }
      absl::StrAppendFormat(&path, "%s%.1f %.1f", begun ? "L" : "M", X(Width(line.x[i])),
                            Y(Height(line.y[i])));
      begun = true;
    }
    return absl::StrFormat("<path d=\"%s\" fill=\"none\" stroke=\"%s\"%s/>\n", path, colour,
                           line.dashed ? " stroke-dasharray=\"5 3\"" : "");
  }

  std::string Dots(const PlotLine& line, const char* colour) const {
    std::string svg;
    for (size_t i = 0; i < line.x.size(); ++i) {
      if (!Drawable(line, i)) continue;
      absl::StrAppendFormat(&svg, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n",
                            X(Width(line.x[i])), Y(Height(line.y[i])), colour);
    }
    return svg;
  }

  std::string Bars(const PlotLine& line, const char* colour) const {
    std::string svg;
    for (size_t i = 0; i < line.x.size(); ++i) {
      if (!Drawable(line, i) || !HasSpread(line, i)) continue;
      const double x = X(Width(line.x[i]));
      const double low = Y(Height(line.low[i])), high = Y(Height(line.high[i]));
      absl::StrAppendFormat(
          &svg,
          "<path d=\"M%.1f %.1fL%.1f %.1fM%.1f %.1fL%.1f %.1fM%.1f %.1fL%.1f %.1f\" fill=\"none\" "
          "stroke=\"%s\"/>\n<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n",
          x, low, x, high, x - 4, low, x + 4, low, x - 4, high, x + 4, high, colour, x,
          Y(Height(line.y[i])), colour);
    }
    return svg;
  }

  std::string Band(const PlotLine& line, const char* colour) const {
    std::string above, below;
    for (size_t i = 0; i < line.x.size(); ++i) {
      if (!Drawable(line, i) || !HasSpread(line, i)) continue;
      const double x = X(Width(line.x[i]));
      absl::StrAppendFormat(&above, "%s%.1f %.1f", above.empty() ? "M" : "L", x,
                            Y(Height(line.high[i])));
      below = absl::StrFormat("L%.1f %.1f", x, Y(Height(line.low[i]))) + below;
    }
    return absl::StrFormat("<path d=\"%s%sZ\" fill=\"%s\" fill-opacity=\"0.15\"/>\n", above, below,
                           colour);
  }

  bool HasSpread(const PlotLine& line, size_t i) const {
    return std::isfinite(Height(line.low[i])) && std::isfinite(Height(line.high[i]));
  }

  std::string Legend() const {
    std::string svg;
    double y = kTop + 14;
    for (size_t k = 0; k < panel_.lines.size(); ++k) {
      const PlotLine& line = panel_.lines[k];
      if (line.label.empty()) continue;
      const double x = offset_ + kLeft + 8;
      absl::StrAppendFormat(&svg,
                            "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" "
                            "stroke=\"%s\" stroke-width=\"2\"%s/>\n",
                            x, y - 4, x + 18, y - 4, kColours[k % 8],
                            line.dashed ? " stroke-dasharray=\"5 3\"" : "");
      svg += Text(x + 23, y, "start", line.label);
      y += 14;
    }
    return svg;
  }

  const PlotPanel& panel_;
  const double offset_;
  Range x_, y_;
};

}  // namespace

std::vector<double> RoundTicks(double low, double high) {
  const double rough = (high - low) / 6.0;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = 10.0 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> ticks;
  for (double i = std::ceil(low / step); i * step <= high; ++i) {
    ticks.push_back(i == 0.0 ? 0.0 : i * step);
  }
  return ticks;
}

std::string DrawPanels(const std::vector<PlotPanel>& panels) {
  const double width = kWidth * static_cast<double>(panels.size());
  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" width=\"%g\" height=\"%g\" "
      "font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"%g\" height=\"%g\" "
      "fill=\"white\"/>\n",
      width, kHeight, width, kHeight, width, kHeight);
  for (size_t i = 0; i < panels.size(); ++i) {
    svg += PanelDrawing(panels[i], kWidth * static_cast<double>(i)).Draw();
  }
  return svg + "</svg>\n";
}

}  // namespace rollout
