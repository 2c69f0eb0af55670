// What a program may assume of the terminal that it writes to.
#ifndef ROLLOUT_BASE_TERMINAL_H_
#define ROLLOUT_BASE_TERMINAL_H_

#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"

namespace rollout {

enum class Colour { kGreen, kYellow, kRed, kFaint, kBold };

// True where `stream` is a terminal that understands colours (and NO_COLOR is not set).
bool HasColours(std::FILE* stream);

// `text` in `colour`, or as it is where `colours` is false.
std::string Coloured(absl::string_view text, Colour colour, bool colours);

// One line on `stream` that tells how far a task is, rewritten in place: bar, count, rate and time
// left. Writes nothing where `stream` is no terminal, so that logs stay clean. Owned and used by
// one thread; Finish (or the destructor) ends the line.
class ProgressLine {
 public:
  // `unit` names what is counted ("steps"). `total` 0 = unknown.
  ProgressLine(std::FILE* stream, std::string title, std::string unit, int64_t total,
               const Clock* clock);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // `note` stands at the end of the line ("return 812"). Redraws at most ten times a second.
  void Update(int64_t done, absl::string_view note = "");
  void Finish();

 private:
  std::FILE* const stream_;
  const std::string title_;
  const std::string unit_;
  const int64_t total_;
  const Clock* const clock_;
  const absl::Time start_;
  const bool active_;
  absl::Time last_drawn_ = absl::InfinitePast();
  bool open_ = false;
};

// The text of a progress line, for instance "collect ███░░ 60% 600/1000 steps 120/s 3s left".
std::string ProgressText(absl::string_view title, absl::string_view unit, int64_t done,
                         int64_t total, absl::Duration elapsed, absl::string_view note);

}  // namespace rollout

#endif  // ROLLOUT_BASE_TERMINAL_H_
