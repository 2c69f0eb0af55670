#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "rollout/v1/server_config.pb.h"
#include "server/config/check_files.h"
#include "server/config/option_table.h"
#include "server/config/read_options.h"
#include "server/metrics/server_metrics.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

using testing::HasSubstr;
using Variables = std::map<std::string, std::string>;

absl::StatusOr<StartRequest> Read(std::vector<std::string> arguments,
                                  const Variables& variables = {}) {
  return ReadOptions(arguments, [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

TEST(ReadOptionsTest, DefaultsAreTheDocumentedOnes) {
  ASSERT_OK_AND_ASSIGN(const StartRequest start, Read({"--model-repository", "/models"}));
  EXPECT_EQ(start.options.model_repository, "/models");
  EXPECT_EQ(start.options.listen, "127.0.0.1:8001");
  EXPECT_EQ(start.options.metrics_listen, "127.0.0.1:8002");
  EXPECT_EQ(start.options.engine.engine, "auto");
  EXPECT_EQ(start.options.poll_interval, absl::Seconds(1));
  EXPECT_EQ(start.options.versions.loaded_versions, 2);
  EXPECT_EQ(start.options.versions.version_linger, absl::Seconds(60));
  EXPECT_EQ(start.options.max_message_bytes, 256 << 20);
  EXPECT_EQ(start.options.request.max_reply_bytes, 256 << 20);
}

TEST(ReadOptionsTest, TheCommandLineWinsOverTheEnvironmentAndThatOverTheFile) {
  const TemporaryDirectory folder;
  const std::string config = folder / "server.textproto";
  WriteFile(config,
            "model_repository: \"/from-file\"\n"
            "max_lanes: 11\nmax_horizon: 12\nqueue_lanes: 13\ninsecure: true\n"
            "version_linger: \"5s\"\n");
  ASSERT_OK_AND_ASSIGN(const StartRequest start,
                       Read({"--config", config, "--max-lanes=1"},
                            {{"ROLLOUTD_MAX_LANES", "2"}, {"ROLLOUTD_MAX_HORIZON", "3"}}));
  EXPECT_EQ(start.options.model_repository, "/from-file");
  EXPECT_EQ(start.options.request.max_lanes, 1);
  EXPECT_EQ(start.options.request.max_horizon, 3);
  EXPECT_EQ(start.options.batch.queue_lanes, 13);
  EXPECT_TRUE(start.options.insecure);
  EXPECT_EQ(start.options.versions.version_linger, absl::Seconds(5));
}

TEST(ReadOptionsTest, TheFileMayBeNamedInTheEnvironment) {
  const TemporaryDirectory folder;
  const std::string config = folder / "server.textproto";
  WriteFile(config, "model_repository: \"/m\"");
  ASSERT_OK_AND_ASSIGN(const StartRequest start, Read({}, {{"ROLLOUTD_CONFIG", config}}));
  EXPECT_EQ(start.options.model_repository, "/m");
}

TEST(ReadOptionsTest, EveryOptionIsAFieldOfTheConfigAndBack) {
  const auto* descriptor = v1::ServerConfig::descriptor();
  for (const OptionEntry& entry : OptionTable()) {
    EXPECT_NE(descriptor->FindFieldByName(absl::StrReplaceAll(entry.name, {{"-", "_"}})), nullptr)
        << entry.name;
  }
  EXPECT_EQ(descriptor->field_count(), static_cast<int>(OptionTable().size()));
}

TEST(ReadOptionsTest, EveryOptionIsDocumented) {
  const std::string page = ReadFile("docs/operations.md");
  for (const OptionEntry& entry : OptionTable()) {
    EXPECT_THAT(page, HasSubstr("| `--" + entry.name)) << entry.name;
  }
}

TEST(ReadOptionsTest, HelpAndVersionArePrintedWhateverElseIsMissing) {
  ASSERT_OK_AND_ASSIGN(const StartRequest help, Read({"--help"}));
  for (const OptionEntry& entry : OptionTable()) {
    EXPECT_THAT(help.print.value_or(""), HasSubstr("--" + entry.name));
  }
  ASSERT_OK_AND_ASSIGN(const StartRequest version, Read({"--version"}));
  EXPECT_THAT(version.print.value_or(""), HasSubstr("rolloutd "));
}

struct BadCase {
  std::string name;
  std::vector<std::string> arguments;
  Variables variables;
  std::string message;
  friend void PrintTo(const BadCase& c, std::ostream* out) { *out << c.name; }
};

class BadOptionsTest : public testing::TestWithParam<BadCase> {};

TEST_P(BadOptionsTest, AreRefusedInOneLineNamingOptionValueAndRemedy) {
  const auto result = Read(GetParam().arguments, GetParam().variables);
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().message)));
  EXPECT_EQ(std::string(result.status().message()).find('\n'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadOptionsTest,
    testing::Values(
        BadCase{"NoRepository",
                {},
                {},
                "--model-repository: got nothing; give the folder that holds <model>/<version>/"},
        BadCase{"NotANumber",
                {"--max-lanes", "many"},
                {},
                "--max-lanes=many: expected a whole number from 1 to"},
        BadCase{"OutOfRange",
                {"--loaded-versions=0"},
                {},
                "--loaded-versions=0: expected a whole number from 1 to 1000"},
        BadCase{"NotATime",
                {"--poll-interval=5"},
                {},
                "--poll-interval=5: expected a time such as 250ms, 1s or 2m"},
        BadCase{"NoSuchEngine",
                {"--engine=jax"},
                {},
                "--engine=jax: expected one of auto, torch, fused"},
        BadCase{"NoSuchDevice",
                {"--device=cuda:x"},
                {},
                "--device=cuda:x: expected auto, cpu or cuda:N"},
        BadCase{"BadVariable",
                {"--model-repository=/m"},
                {{"ROLLOUTD_QUEUE_LANES", "-1"}},
                "--queue-lanes=-1: expected a whole number from 1 to 2147483647 (from "
                "ROLLOUTD_QUEUE_LANES)"},
        BadCase{"UnknownOption", {"--model-repo=/m"}, {}, "--model-repo"},
        BadCase{"PlainTextBeyondLoopback",
                {"--model-repository=/m", "--listen=0.0.0.0:8001"},
                {},
                "--listen=0.0.0.0:8001: reachable from other machines without TLS"},
        BadCase{"NoSuchPort",
                {"--model-repository=/m", "--listen=127.0.0.1:65536"},
                {},
                "--listen=127.0.0.1:65536: expected HOST:PORT or [IPV6]:PORT with a port from 0"},
        BadCase{
            "NoPort", {"--model-repository=/m", "--listen=localhost"}, {}, "expected HOST:PORT"},
        BadCase{"EmptyPort", {"--model-repository=/m", "--listen=localhost:"}, {}, "expected HOST"},
        BadCase{"NoHost",
                {"--model-repository=/m", "--metrics-listen=8002"},
                {},
                "--metrics-listen=8002: expected HOST:PORT"},
        BadCase{"NamedPort",
                {"--model-repository=/m", "--health-listen=127.0.0.1:http"},
                {},
                "--health-listen=127.0.0.1:http: expected HOST:PORT"},
        BadCase{
            "NoAddress", {"--model-repository=/m", "--listen="}, {}, "--listen=: expected HOST"},
        BadCase{"RequestsLargerThanTheQueue",
                {"--model-repository=/m", "--queue-lanes=10", "--max-lanes=20"},
                {},
                "--max-lanes=20: larger than --queue-lanes=10, so such a request could never be "
                "queued; lower the one or raise the other"}),
    [](const auto& info) { return info.param.name; });

TEST(BadConfigFileTest, SaysWhereAndWhat) {
  const TemporaryDirectory folder;
  const std::string config = folder / "server.textproto";
  EXPECT_THAT(Read({"--config", config}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("cannot be read")));
  WriteFile(config, "model_repository: \"/m\"\nmax_lane: 3\n");
  EXPECT_THAT(Read({"--config", config}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       testing::AllOf(HasSubstr(":2:9"), HasSubstr("max_lane"))));
  WriteFile(config, "model_repository: \"/m\"\nmax_lanes: 0\n");
  EXPECT_THAT(Read({"--config", config}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr(absl::StrCat("(from ", config, ":2: max_lanes)"))));
}

TEST(BadConfigFileTest, SaysWhereOptionsStandThatContradictEachOther) {
  const TemporaryDirectory folder;
  const std::string config = folder / "server.textproto";
  WriteFile(config, "model_repository: \"/m\"\nmax_lanes: 100000\nqueue_lanes: 5\n");
  EXPECT_THAT(Read({"--config", config}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr(absl::StrCat("(from ", config, ":2: max_lanes, ", config,
                                              ":3: queue_lanes)"))));
  EXPECT_THAT(Read({"--config", config, "--max-lanes=7"}, {{"ROLLOUTD_QUEUE_LANES", "6"}}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       testing::EndsWith(" (from ROLLOUTD_QUEUE_LANES)")));
}

TEST(CheckFilesTest, WhatAStartReadsMustBeThere) {
  const TemporaryDirectory folder;
  const std::string config = folder / "server.textproto";
  WriteFile(config, "model_repository: \"/m\"\ntls_certificate: \"/no\"\ntls_key: \"/no\"\n");
  ASSERT_OK_AND_ASSIGN(const StartRequest tls, Read({"--config", config}));
  EXPECT_THAT(WithSources(tls, CheckFiles(tls.options)),
              StatusIs(absl::StatusCode::kNotFound,
                       testing::AllOf(HasSubstr("--tls-certificate=/no: cannot be read"),
                                      HasSubstr(absl::StrCat(config, ":2: tls_certificate")))));
  ASSERT_OK_AND_ASSIGN(const StartRequest none,
                       Read({"--model-repository=/m", "--access-file=/no"}));
  EXPECT_THAT(WithSources(none, CheckFiles(none.options)),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("--access-file=/no: cannot be")));
  WriteFile(folder / "access", "# nobody yet\n");
  ASSERT_OK_AND_ASSIGN(const StartRequest nobody,
                       Read({"--model-repository=/m", "--access-file", folder / "access"}));
  EXPECT_THAT(CheckFiles(nobody.options),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("names nobody")));
  ASSERT_OK_AND_ASSIGN(const StartRequest plain, Read({"--model-repository=/m"}));
  EXPECT_OK(CheckFiles(plain.options));
}

TEST(RejectionReasonTest, CallersMistakesAreNotInternal) {
  EXPECT_EQ(RejectionReason(absl::StatusCode::kFailedPrecondition), "failed_precondition");
  EXPECT_EQ(RejectionReason(absl::StatusCode::kUnimplemented), "unimplemented");
  EXPECT_EQ(RejectionReason(absl::StatusCode::kInternal), "internal");
}

TEST(ReadOptionsTest, AnEmptyValueMayStandInTheSameWord) {
  ASSERT_OK_AND_ASSIGN(const StartRequest start,
                       Read({"--model-repository=/m", "--metrics-listen=", "--max-lanes=7"}));
  EXPECT_EQ(start.options.metrics_listen, "");
  EXPECT_EQ(start.options.request.max_lanes, 7);
  EXPECT_FALSE(start.check_only);
}

TEST(ReadOptionsTest, AddressesAreNamesNumbersAndSockets) {
  for (const char* address : {"localhost:0", "127.0.0.1:65535", "[::1]:8001", "unix:/run/r.sock"}) {
    EXPECT_OK(Read({"--model-repository=/m", absl::StrCat("--listen=", address)})) << address;
  }
}

TEST(ReadOptionsTest, AConfigurationMayBeCheckedOnly) {
  ASSERT_OK_AND_ASSIGN(const StartRequest start, Read({"--model-repository=/m", "--check-config"}));
  EXPECT_TRUE(start.check_only);
  EXPECT_THAT(Read({"--check-config"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--model-repository")));
}

TEST(ReadOptionsTest, LabelsAndServedVersionsAreRead) {
  ASSERT_OK_AND_ASSIGN(const StartRequest start,
                       Read({"--model-repository=/m", "--labels=stable=hopper:3",
                             "--served-versions=hopper:3,hopper:5"}));
  EXPECT_EQ(start.options.overrides.at("hopper").labels.at("stable"), 3);
  EXPECT_EQ(start.options.overrides.at("hopper").only.size(), 2u);
  EXPECT_THAT(Read({"--model-repository=/m", "--labels=hopper:3"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--labels=hopper:3: got")));
}

TEST(IsLoopbackTest, Table) {
  for (const char* address : {"127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1", "unix:/s"}) {
    EXPECT_TRUE(IsLoopback(address)) << address;
  }
  for (const char* address :
       {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "127.evil.example:1", "host:1"}) {
    EXPECT_FALSE(IsLoopback(address)) << address;
  }
}

}  // namespace
}  // namespace rollout
