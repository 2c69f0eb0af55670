#include "bench/peer_contender.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "models/checkpoint/safetensors.h"
#include "nlohmann/json.hpp"

extern char** environ;

namespace rollout::bench {
namespace {

// A process that answers each line on its standard input with one on its standard output.
class LineProcess {
 public:
  // UNAVAILABLE when it cannot be started.
  static absl::StatusOr<std::unique_ptr<LineProcess>> Start(std::vector<std::string> command) {
    int input[2];
    int output[2];
    if (pipe2(input, O_CLOEXEC) != 0) return absl::UnavailableError("cannot open a pipe");
    if (pipe2(output, O_CLOEXEC) != 0) {
      close(input[0]);
      close(input[1]);
      return absl::UnavailableError("cannot open a pipe");
    }
    std::vector<char*> arguments;
    for (std::string& argument : command) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
    pid_t pid = 0;
    const int error =
        posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(input[0]);
    close(output[1]);
    if (error != 0) {
      close(input[1]);
      close(output[0]);
      return absl::UnavailableError(absl::StrCat("cannot start ", command[0]));
    }
    return std::unique_ptr<LineProcess>(
        new LineProcess(pid, fdopen(input[1], "w"), fdopen(output[0], "r")));
  }

  ~LineProcess() {
    std::fclose(to_);  // it ends at the end of its input
    std::fclose(from_);
    waitpid(pid_, nullptr, 0);
  }

  // UNAVAILABLE when the process has ended.
  absl::StatusOr<nlohmann::json> Ask(const nlohmann::json& request) {
    std::fprintf(to_, "%s\n", request.dump().c_str());
    std::fflush(to_);
    char* line = nullptr;
    size_t size = 0;
    const ssize_t length = getline(&line, &size, from_);
    const std::string answer(line == nullptr || length < 0 ? "" : line);
    std::free(line);
    auto reply = nlohmann::json::parse(answer, nullptr, false);
    if (reply.is_discarded()) return absl::UnavailableError("the peer's process has ended");
    return reply;
  }

 private:
  LineProcess(pid_t pid, FILE* to, FILE* from) : pid_(pid), to_(to), from_(from) {}

  const pid_t pid_;
  FILE* const to_;
  FILE* const from_;
};

class PeerContender final : public Contender {
 public:
  PeerContender(std::string library, int threads, std::unique_ptr<LineProcess> process)
      : library_(std::move(library)),
        threads_(threads),
        process_(std::move(process)),
        files_(std::filesystem::temp_directory_path() /
               absl::StrCat("rollout-bench-", getpid(), "-", library_, "-", threads)) {}
  ~PeerContender() override {
    std::error_code ignored;
    std::filesystem::remove(CaseFile(), ignored);
    std::filesystem::remove(ResultFile(), ignored);
  }

  std::string name() const override { return library_; }
  int threads() const override { return threads_; }

  absl::Status Prepare(const Case& work) override {
    const TransitionModelSpec& spec = work.model.spec;
    std::vector<NamedTensor> tensors = work.model.weights;
    tensors.push_back({"initial_state", {work.batch, spec.state_size()}, work.initial});
    tensors.push_back({"controls", {work.batch, work.horizon, spec.num_controls}, work.controls});
    if (absl::Status status = WriteSafetensorsFile(CaseFile(), tensors); !status.ok()) {
      return status;
    }
    result_size_ = work.gradient ? size_t(work.batch) * work.horizon * spec.num_controls
                                 : size_t(work.batch) * (work.horizon + 1) * spec.state_size();
    auto reply = process_->Ask({{"op", "prepare"},
                                {"file", CaseFile()},
                                {"kind", Name(spec.dynamics.kind)},
                                {"step", spec.transition_dt / spec.integrator.substeps},
                                {"mass_epsilon", spec.dynamics.mass_epsilon},
                                {"substeps", spec.integrator.substeps},
                                {"gradient", work.gradient},
                                {"result", ResultFile()}});
    if (!reply.ok())
      return absl::Status(reply.status().code(), Complaint(reply.status().message()));
    if (reply->contains("skip")) {
      return absl::UnimplementedError(Complaint((*reply)["skip"].get<std::string>()));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<RunTime> Run() override {
    auto reply = process_->Ask({{"op", "run"}});
    if (!reply.ok())
      return absl::Status(reply.status().code(), Complaint(reply.status().message()));
    if (!reply->contains("ms")) return absl::InternalError(Complaint(reply->dump()));
    return RunTime{.ms = (*reply)["ms"].get<double>(), .cpu_ms = reply->value("cpu_ms", 0.0)};
  }

  absl::StatusOr<std::vector<float>> Result() override {
    std::vector<float> result(result_size_);
    std::ifstream file(ResultFile(), std::ios::binary);
    file.read(reinterpret_cast<char*>(result.data()),
              static_cast<std::streamsize>(result.size() * sizeof(float)));
    if (!file.good() || file.peek() != std::ifstream::traits_type::eof()) {
      return absl::InternalError(
          Complaint(absl::StrCat("did not write ", result_size_, " numbers")));
    }
    return result;
  }

 private:
  std::string CaseFile() const { return files_.string() + ".safetensors"; }
  std::string ResultFile() const { return files_.string() + ".f32"; }
  std::string Complaint(absl::string_view text) const {
    return absl::StrCat("peer ", library_, ": ", text);
  }

  const std::string library_;
  const int threads_;
  const std::unique_ptr<LineProcess> process_;
  const std::filesystem::path files_;
  size_t result_size_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Contender>> StartPeer(const std::string& library, int threads,
                                                     const PeerPrograms& programs) {
  auto process = LineProcess::Start({programs.python, programs.script, "--library", library,
                                     "--threads", std::to_string(threads)});
  if (!process.ok()) return process.status();
  return std::make_unique<PeerContender>(library, threads, *std::move(process));
}

}  // namespace rollout::bench
