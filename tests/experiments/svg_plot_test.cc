#include "experiments/figures/svg_plot.h"

#include <cmath>
#include <string>

#include "experiments/figures/system_pictures.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "systems/system.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(SvgPlotTest, TicksAreRound) {
  EXPECT_THAT(RoundTicks(0.0, 10.0), ElementsAre(0, 2, 4, 6, 8, 10));
  EXPECT_THAT(RoundTicks(-0.03, 0.03), ElementsAre(testing::DoubleEq(-0.03), -0.02, -0.01, 0, 0.01,
                                                   0.02, testing::DoubleEq(0.03)));
  EXPECT_THAT(RoundTicks(101.0, 401.0), ElementsAre(150, 200, 250, 300, 350, 400));
}

TEST(SvgPlotTest, ALineBreaksWhereItIsNotFinite) {
  PlotPanel panel;
  panel.lines = {{"a < b", {0, 1, 2, 3}, {1, 2, NAN, 3}, true}};
  const std::string svg = DrawPanels({panel});
  EXPECT_THAT(svg, HasSubstr("a &lt; b"));
  EXPECT_THAT(svg, HasSubstr("stroke-dasharray"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  const std::string path = svg.substr(svg.find("<path"));
  EXPECT_EQ(std::count(path.begin(), path.end(), 'M'), 2);
}

TEST(SvgPlotTest, BarsBandsAndPointsOnLogarithmicAxes) {
  PlotPanel panel;
  panel.log_x = panel.log_y = true;
  PlotLine bars{"bars", {1, 10}, {1, 10}};
  bars.spread = Spread::kBars;
  bars.low = {0.5, 0.0};  // the second has no logarithm
  bars.high = {2, 20};
  PlotLine band = bars;
  band.spread = Spread::kBand;
  PlotLine points{"points", {1, 100, -1}, {1, 1, 1}};
  points.points = true;
  panel.lines = {bars, band, points};
  const std::string svg = DrawPanels({panel});
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
  EXPECT_THAT(svg, HasSubstr("fill-opacity"));
  EXPECT_THAT(svg, HasSubstr(">1e2</text>"));
  size_t circles = 0;
  for (size_t at = svg.find("<circle"); at != std::string::npos; at = svg.find("<circle", at + 1)) {
    ++circles;
  }
  EXPECT_EQ(circles, 1u + 2u);
}

TEST(SvgPlotTest, AConstantAndAnEmptyPanelHaveAxes) {
  PlotPanel constant;
  constant.lines = {{"", {0, 1}, {5, 5}, false}};
  const std::string svg = DrawPanels({constant, PlotPanel{}});
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
  EXPECT_THAT(svg, HasSubstr("viewBox=\"0 0 840 300\""));
}

TEST(SystemPicturesTest, ShowTasksUnderTheirControls) {
  const auto hopper = MakeSystem("hopper_v5");
  ASSERT_TRUE(hopper.ok()) << hopper.status();
  const std::string picture = DrawDrivenSystem(**hopper, 1);
  EXPECT_THAT(picture, HasSubstr(">hopper_v5</text>"));
  for (const std::string& name : (*hopper)->info().control_names) {
    EXPECT_THAT(picture, HasSubstr(name));
  }
  EXPECT_EQ(picture, DrawDrivenSystem(**hopper, 1));
  const auto chain = MakeSystem("controlled_chain_pendulum_3");
  ASSERT_TRUE(chain.ok()) << chain.status();
  EXPECT_THAT(DrawDrivenSystem(**chain, 1), HasSubstr("angle_2"));
}

// Every family and every task has its picture on the page.
TEST(SystemPicturesTest, AreOfEverySystem) {
  const TemporaryDirectory dir;
  ASSERT_TRUE(WriteSystemPictures(dir.path()).ok());
  const std::string page = ReadFile(dir / "systems.md");
  for (const std::string& name : SystemNames()) {
    const size_t digit = name.find_first_of("0123456789");
    const bool of_a_size = digit != std::string::npos && digit > 1 && name[digit - 1] == '_';
    if (of_a_size && name[digit] != '3') continue;
    const std::string file = "system-" + name + ".svg";
    EXPECT_THAT(page, HasSubstr("(" + file + ")"));
    EXPECT_THAT(ReadFile(dir / file), HasSubstr("</svg>"));
  }
}

TEST(SystemPicturesTest, ShowPathsOrCoordinates) {
  EXPECT_THAT(DrawSystem(*MakeEquationsOfMotion("two_body"), 1), HasSubstr(">x</text>"));
  const std::string chain = DrawSystem(*MakeEquationsOfMotion("chain_pendulum_2_friction"), 1);
  EXPECT_THAT(chain, HasSubstr("angle_1"));
  EXPECT_THAT(chain, HasSubstr(">energy</text>"));
}

}  // namespace
}  // namespace rollout
