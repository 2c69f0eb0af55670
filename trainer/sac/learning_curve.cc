#include "trainer/sac/learning_curve.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace rollout {
namespace {

constexpr char kHeader[] =
    "step,wall_seconds,return_mean,return_sd,episode_steps,critic_loss,temperature,entropy";

bool ParseRow(const std::string& line, LearningCurveRow* row) {
  const std::vector<std::string> cells = absl::StrSplit(line, ',');
  return cells.size() == 8 && absl::SimpleAtoi(cells[0], &row->step) &&
         absl::SimpleAtod(cells[1], &row->wall_seconds) &&
         absl::SimpleAtod(cells[2], &row->return_mean) &&
         absl::SimpleAtod(cells[3], &row->return_sd) &&
         absl::SimpleAtod(cells[4], &row->episode_steps) &&
         absl::SimpleAtod(cells[5], &row->critic_loss) &&
         absl::SimpleAtod(cells[6], &row->temperature) && absl::SimpleAtod(cells[7], &row->entropy);
}

}  // namespace

double LearningCurve::best_return() const {
  double best = -std::numeric_limits<double>::infinity();
  for (const LearningCurveRow& row : rows) best = std::max(best, row.return_mean);
  return best;
}

absl::StatusOr<LearningCurve> ReadLearningCurve(const std::string& path) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat("no learning curve at ", path));
  LearningCurve curve;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (number == 1 ? line != kHeader : !ParseRow(line, &curve.rows.emplace_back())) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": line ", number, " is \"", line,
                                                     "\", expected the columns ", kHeader));
    }
  }
  return curve;
}

absl::Status WriteLearningCurve(const std::string& path, const LearningCurve& curve) {
  const std::string unfinished = path + ".unfinished";
  std::ofstream file(unfinished, std::ios::trunc);
  file << kHeader << "\n";
  for (const LearningCurveRow& row : curve.rows) {
    file << absl::StrFormat("%d,%.0f,%.2f,%.2f,%.1f,%.6g,%.6g,%.4g\n", row.step, row.wall_seconds,
                            row.return_mean, row.return_sd, row.episode_steps, row.critic_loss,
                            row.temperature, row.entropy);
  }
  file.close();
  std::error_code error;
  if (file) std::filesystem::rename(unfinished, path, error);
  if (!file || error) return absl::UnavailableError(absl::StrCat("cannot write ", path));
  return absl::OkStatus();
}

}  // namespace rollout
