#include "client/rolloutctl/metrics_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/rolloutctl/traffic_text.h"

namespace rollout {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(ParseMetrics, ReadsNamesLabelsAndNumbers) {
  const std::vector<MetricSample> samples = ParseMetrics(
      "# HELP rollout_queue_lanes Lanes that wait.\n"
      "# TYPE rollout_queue_lanes gauge\n"
      "rollout_queue_lanes{model=\"hopper\",version=\"3\"} 12\n"
      "up 1 1395066363000\n"
      "odd{reason=\"a \\\"b\\\", {c}\"} +Inf\n"
      "damaged{model=\"x 1\n");
  ASSERT_EQ(samples.size(), 3u);
  EXPECT_EQ(samples[0].name, "rollout_queue_lanes");
  EXPECT_EQ(samples[0].labels.at("model"), "hopper");
  EXPECT_EQ(samples[0].labels.at("version"), "3");
  EXPECT_EQ(samples[0].value, 12);
  EXPECT_EQ(samples[1].name, "up");
  EXPECT_EQ(samples[1].value, 1);
  EXPECT_EQ(samples[2].labels.at("reason"), "a \"b\", {c}");
  EXPECT_EQ(samples[2].value, kInfinity);
}

TEST(BucketQuantile, InterpolatesWithinTheBucketOfTheRank) {
  const Buckets buckets = {{1.0, 10}, {2.0, 30}, {4.0, 40}, {kInfinity, 40}};
  EXPECT_DOUBLE_EQ(BucketQuantile(buckets, 0.25), 1.0);
  EXPECT_DOUBLE_EQ(BucketQuantile(buckets, 0.5), 1.5);
  EXPECT_DOUBLE_EQ(BucketQuantile(buckets, 1.0), 4.0);
}

TEST(BucketQuantile, BeyondTheLastBoundIsThatBound) {
  EXPECT_DOUBLE_EQ(BucketQuantile({{1.0, 1}, {kInfinity, 10}}, 0.9), 1.0);
}

TEST(BucketQuantile, OfNothingIsNotANumber) {
  EXPECT_TRUE(std::isnan(BucketQuantile({}, 0.5)));
  EXPECT_TRUE(std::isnan(BucketQuantile({{1.0, 0}, {kInfinity, 0}}, 0.5)));
}

TEST(Traffic, SumsSeriesByMethod) {
  const Traffic traffic = Traffic::From(
      ParseMetrics(
          "rollout_request_duration_seconds_count{method=\"T/Rollout\",code=\"OK\"} 8\n"
          "rollout_request_duration_seconds_count{method=\"T/Rollout\",code=\"NOT_FOUND\"} 2\n"
          "rollout_request_duration_seconds_bucket{method=\"T/Rollout\",code=\"OK\",le=\"0.1\"} 7\n"
          "rollout_request_duration_seconds_bucket{method=\"T/Rollout\",code=\"OK\",le=\"+Inf\"} "
          "8\n"
          "rollout_transitions_total{model=\"a\",version=\"1\"} 100\n"
          "rollout_transitions_total{model=\"b\",version=\"1\"} 50\n"),
      absl::UnixEpoch());
  EXPECT_EQ(traffic.calls.at("T/Rollout"), 10);
  EXPECT_EQ(traffic.failures.at("T/Rollout"), 2);
  EXPECT_EQ(traffic.durations.at("T/Rollout").at(kInfinity), 8);
  EXPECT_EQ(traffic.transitions, 150);
}

TEST(Traffic, OfTwoLooksIsShownByVersionAndPhase) {
  const auto look = [](int counted, absl::Time when) {
    const std::string labels = "{model=\"hopper\",version=\"3\",phase=\"reply\",le=\"";
    return Traffic::From(
        ParseMetrics(absl::StrCat("rollout_phase_duration_seconds_bucket", labels, "0.001\"} ",
                                  counted, "\nrollout_phase_duration_seconds_bucket", labels,
                                  "+Inf\"} ", counted, "\n")),
        when);
  };
  const Traffic before = look(100, absl::UnixEpoch());
  const Traffic now = look(140, absl::UnixEpoch() + absl::Seconds(2));
  const nlohmann::json version = TrafficJson(before, now)["versions"][0];
  EXPECT_EQ(version["model"], "hopper");
  EXPECT_EQ(version["version"], "3");
  EXPECT_EQ(version["rollouts_per_second"], 20.0);
  EXPECT_NEAR(version["phases"]["reply"]["p50_seconds"].get<double>(), 0.0005, 1e-12);
  EXPECT_THAT(TrafficText(before, now), testing::HasSubstr("hopper"));
  EXPECT_THAT(TrafficText(std::nullopt, now), testing::HasSubstr("second refresh"));
}

}  // namespace
}  // namespace rollout
