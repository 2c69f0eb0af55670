// rollout-trainer as a process: a killed fit goes on to the same bits, a stopped one ends cleanly,
// two together fit what one fits, and bad input is one line that names the thing.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "datasets/dataset_writer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/free_port.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"
#include "tests/trainer/fitting/pendulum_data.h"

namespace rollout {
namespace {

using ::testing::HasSubstr;

struct Ended {
  int exit_status = -1;  // -1: by a signal
  std::string errors;
  std::string output;
};

class TrainerProcessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto writer = DatasetWriter::Create(Path("pendulum.hdf5"), PendulumInfo());
    ASSERT_OK(writer);
    for (int64_t id = 0; id < 12; ++id) ASSERT_OK((*writer)->Append(PendulumEpisode(id, 40)));
    ASSERT_OK((*writer)->Close());
  }

  std::string Path(const std::string& name) const { return directory_ / name; }

  // Starts the trainer with `arguments` and further variables; its output goes to files.
  pid_t Start(std::vector<std::string> arguments,
              const std::map<std::string, std::string>& variables = {}) const {
    arguments.insert(arguments.begin(), ROLLOUT_TRAINER);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const std::string out = Path("stdout"), err = Path("stderr");
    const pid_t child = fork();
    if (child == 0) {
      for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
      if (std::freopen(out.c_str(), "w", stdout) == nullptr) _exit(127);
      if (std::freopen(err.c_str(), "w", stderr) == nullptr) _exit(127);
      execv(argv[0], argv.data());
      _exit(127);
    }
    return child;
  }

  Ended Wait(pid_t child) const {
    int status = 0;
    waitpid(child, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, ReadFile(Path("stderr")),
            ReadFile(Path("stdout"))};
  }

  Ended Run(std::vector<std::string> arguments) const { return Wait(Start(std::move(arguments))); }

  std::vector<std::string> Fit(const std::string& repository, int steps) const {
    return {"fit",
            "--data",
            Path("pendulum.hdf5"),
            "--model",
            "pendulum",
            "--out",
            Path(repository),
            "--hidden-sizes",
            "16,16",
            "--batch",
            "50",
            "--seed",
            "3",
            "--steps",
            std::to_string(steps),
            "--save-every",
            "0ms"};
  }

  // Waits until `child`, a fit into `repository`, has saved a state or has ended.
  void AwaitState(const std::string& repository, pid_t child) const {
    siginfo_t ended{};
    while (!std::filesystem::exists(Path(repository + "/.pendulum-fit-state")) &&
           waitid(P_PID, child, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  const TemporaryDirectory directory_;
};

TEST_F(TrainerProcessTest, KilledAndStoppedFitsResumeToTheSameBits) {
  constexpr int kSteps = 300;
  ASSERT_EQ(Run(Fit("whole", kSteps)).exit_status, 0);
  const std::string expected = ReadFile(Path("whole/pendulum/1/weights.safetensors"));

  // On a busy machine it may be done before it is killed: then another one is.
  pid_t child;
  do {
    std::filesystem::remove_all(Path("parts"));
    child = Start(Fit("parts", kSteps));
    AwaitState("parts", child);
    kill(child, SIGKILL);
  } while (Wait(child).exit_status == 0);
  EXPECT_FALSE(std::filesystem::exists(Path("parts/pendulum/1")));

  child = Start(Fit("parts", kSteps));
  AwaitState("parts", child);
  kill(child, SIGTERM);
  const Ended stopped = Wait(child);
  // It may have been done before the signal came, or not yet have begun to catch it.
  if (stopped.exit_status == 1) {
    EXPECT_THAT(stopped.errors, HasSubstr("interrupted"));
  }
  if (stopped.exit_status != 0) {
    const Ended ended = Run(Fit("parts", kSteps));
    EXPECT_EQ(ended.exit_status, 0) << ended.errors;
  }
  EXPECT_EQ(ReadFile(Path("parts/pendulum/1/weights.safetensors")), expected);
  EXPECT_FALSE(std::filesystem::exists(Path("parts/.pendulum-fit-state")));
}

// The second column of a loss file.
std::vector<double> Losses(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  std::vector<double> losses;
  while (std::getline(file, line)) losses.push_back(std::stod(line.substr(line.find(',') + 1)));
  return losses;
}

TEST_F(TrainerProcessTest, TwoProcessesFitWhatOneFits) {
  const auto fit = [&](const std::string& repository) {
    std::vector<std::string> arguments = Fit(repository, 300);
    arguments.insert(arguments.end(), {"--loss-file", Path(repository + ".csv")});
    return arguments;
  };
  ASSERT_EQ(Run(fit("one")).exit_status, 0);
  const std::vector<double> expected = Losses(Path("one.csv"));
  ASSERT_EQ(expected.size(), 3);

  // Process 0 holds the store, so the other one may come first.
  const std::string port = std::to_string(FreePort());
  const auto process = [&](const char* rank) {
    return Start(
        fit("two"),
        {{"WORLD_SIZE", "2"}, {"RANK", rank}, {"MASTER_ADDR", "127.0.0.1"}, {"MASTER_PORT", port}});
  };
  const pid_t second = process("1");
  const pid_t first = process("0");
  const Ended ended = Wait(second);
  EXPECT_EQ(ended.exit_status, 0) << ended.errors;
  EXPECT_EQ(Wait(first).exit_status, 0);
  const std::vector<double> found = Losses(Path("two.csv"));
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-3 * expected[i]);
  EXPECT_TRUE(std::filesystem::exists(Path("two/pendulum/1")));
  EXPECT_FALSE(std::filesystem::exists(Path("two/pendulum/2")));
}

TEST_F(TrainerProcessTest, AGroupNeedsAllItsVariables) {
  const Ended ended = Wait(Start(Fit("group", 10), {{"WORLD_SIZE", "2"}, {"RANK", "2"}}));
  EXPECT_EQ(ended.exit_status, 1);
  EXPECT_THAT(ended.errors, HasSubstr("RANK: found 2, expected a number from 0 to 1"));
}

TEST_F(TrainerProcessTest, FitEvaluatePublishAndRunWorkTogether) {
  ASSERT_EQ(Run(Fit("fits", 50)).exit_status, 0);
  std::filesystem::create_directory(Path("served"));
  const Ended published = Run({"publish", "--from", Path("fits"), "--model", "pendulum", "--as",
                               "live", "--model-repository", Path("served")});
  EXPECT_EQ(published.exit_status, 0) << published.errors;
  EXPECT_THAT(published.output, HasSubstr("published live version 1"));
  const Ended evaluated = Run({"evaluate", "--model-repository", Path("served"), "--model", "live",
                               "--data", Path("pendulum.hdf5"), "--longest", "20", "--json"});
  EXPECT_EQ(evaluated.exit_status, 0) << evaluated.errors;
  EXPECT_THAT(evaluated.output, HasSubstr("\"name\": \"no change\""));
  const Ended run = Run({"run", "--model-repository", Path("served"), "--model", "live", "--data",
                         Path("pendulum.hdf5"), "--init", "live", "--steps", "600", "--batch", "50",
                         "--learning-rate", "3e-3"});
  EXPECT_EQ(run.exit_status, 0) << run.errors;
  EXPECT_THAT(run.output, HasSubstr("publish"));
  EXPECT_THAT(run.output, HasSubstr("live"));
}

TEST_F(TrainerProcessTest, BadInputIsOneLineThatNamesTheThing) {
  WriteFile(Path("damaged.hdf5"), "not HDF5");
  std::filesystem::create_directory(Path("empty"));
  const std::string data = Path("pendulum.hdf5");
  const struct {
    std::vector<std::string> arguments;
    const char* expected;
  } cases[] = {
      {{"fit", "--data", Path("none.hdf5"), "--model", "m", "--out", Path("o")}, "none.hdf5"},
      {{"fit", "--data", Path("damaged.hdf5"), "--model", "m", "--out", Path("o")}, "damaged.hdf5"},
      {{"fit", "--data", data, "--model", "m", "--out", Path("o"), "--kind", "NODES"},
       "--kind: found NODES, expected one of NODE, NODE_SO"},
      {{"fit", "--data", data, "--model", "m", "--out", Path("o"), "--hidden-sizes", "0"},
       "hidden_sizes"},
      {{"fit", "--data", data, "--model", "m", "--out", Path("o"), "--kind", "NODE", "--integrator",
        "CONSTANT_ACCELERATION"},
       "integrator.method"},
      {{"fit", "--data", data, "--model", "m", "--out", Path("o"), "--window-states", "500"},
       "no training episode is long enough"},
      {{"fit", "--data", data, "--model", "m", "--out", Path("o"), "--test-fraction", "0"},
       "0 held out"},
      {{"fit", "--data", data, "--model", "m", "--out", data}, "pendulum.hdf5"},
      {{"evaluate", "--model-repository", Path("empty"), "--model", "m", "--data", data},
       "no readable version of m"},
      {{"publish", "--from", Path("nowhere"), "--model", "m", "--model-repository", Path("empty")},
       "nowhere"},
      {{"run", "--model-repository", Path("empty"), "--model", "m"}, "--system and --policy"},
      {{"run", "--model-repository", Path("empty"), "--model", "m", "--data", data, "--init",
        "live"},
       "no readable version of m"},
      {{"run", "--model-repository", Path("empty"), "--model", "m", "--system", "hopper_v6",
        "--policy", "random"},
       "hopper_v6"},
      {{"run", "--model-repository", Path("empty"), "--model", "m", "--system", "hopper_v5",
        "--policy", Path("none.safetensors")},
       "none.safetensors"},
      {{"run", "--model-repository", Path("empty"), "--model", "m", "--system", "hopper_v5",
        "--policy", "random", "--every", "soon"},
       "--every: found soon"},
      {{"run", "--model-repository", Path("empty"), "--model", "m", "--data", data,
        "--metrics-listen", "256.0.0.1:80"},
       "--metrics-listen=256.0.0.1:80"},
  };
  for (const auto& c : cases) {
    const Ended ended = Run(c.arguments);
    EXPECT_EQ(ended.exit_status, 1) << c.expected;
    EXPECT_THAT(ended.errors, HasSubstr(c.expected));
    EXPECT_EQ(std::count(ended.errors.begin(), ended.errors.end(), '\n'), 1) << ended.errors;
  }
}

}  // namespace
}  // namespace rollout
