#include "base/terminal.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace rollout {
namespace {

constexpr int kBarCells = 24;
constexpr absl::Duration kRedrawPeriod = absl::Milliseconds(100);

std::string Rate(double per_second) {
  if (per_second >= 1e4) return absl::StrFormat("%.1fk/s", per_second / 1e3);
  return absl::StrFormat("%.*f/s", per_second >= 100 ? 0 : 1, per_second);
}

}  // namespace

bool HasColours(std::FILE* stream) {
  if (std::getenv("NO_COLOR") != nullptr) return false;
  const char* terminal = std::getenv("TERM");
  return isatty(fileno(stream)) && terminal != nullptr && absl::string_view(terminal) != "dumb";
}

std::string Coloured(absl::string_view text, Colour colour, bool colours) {
  if (!colours) return std::string(text);
  const char* code = "";
  switch (colour) {
    case Colour::kGreen:
      code = "32";
      break;
    case Colour::kYellow:
      code = "33";
      break;
    case Colour::kRed:
      code = "31";
      break;
    case Colour::kFaint:
      code = "2";
      break;
    case Colour::kBold:
      code = "1";
      break;
  }
  return absl::StrCat("\033[", code, "m", text, "\033[0m");
}

std::string ProgressText(absl::string_view title, absl::string_view unit, int64_t done,
                         int64_t total, absl::Duration elapsed, absl::string_view note) {
  std::string text(title);
  const double seconds = absl::ToDoubleSeconds(elapsed);
  const double per_second = seconds > 0 ? done / seconds : 0.0;
  if (total > 0) {
    const double part = std::clamp(static_cast<double>(done) / total, 0.0, 1.0);
    const int filled = static_cast<int>(part * kBarCells);
    text += ' ';
    for (int cell = 0; cell < kBarCells; ++cell) text += cell < filled ? "█" : "░";
    absl::StrAppend(&text, absl::StrFormat(" %3.0f%% ", 100 * part), done, "/", total, " ", unit);
  } else {
    absl::StrAppend(&text, " ", done, " ", unit);
  }
  if (per_second > 0) {
    absl::StrAppend(&text, " ", Rate(per_second));
    if (total > done) {
      const absl::Duration left = absl::Seconds((total - done) / per_second);
      absl::StrAppend(&text, " ", absl::FormatDuration(absl::Trunc(left, absl::Seconds(1))),
                      " left");
    }
  }
  if (!note.empty()) absl::StrAppend(&text, " ", note);
  return text;
}

ProgressLine::ProgressLine(std::FILE* stream, std::string title, std::string unit, int64_t total,
                           const Clock* clock)
    : stream_(stream),
      title_(std::move(title)),
      unit_(std::move(unit)),
      total_(total),
      clock_(clock),
      start_(clock->Now()),
      active_(isatty(fileno(stream))) {}

ProgressLine::~ProgressLine() { Finish(); }

void ProgressLine::Update(int64_t done, absl::string_view note) {
  if (!active_) return;
  const absl::Time now = clock_->Now();
  if (now - last_drawn_ < kRedrawPeriod && done != total_) return;
  last_drawn_ = now;
  open_ = true;
  // \033[K clears what a longer line left behind.
  const std::string line = ProgressText(title_, unit_, done, total_, now - start_, note);
  std::fprintf(stream_, "\r%s\033[K", line.c_str());
  std::fflush(stream_);
}

void ProgressLine::Finish() {
  if (!open_) return;
  open_ = false;
  std::fputc('\n', stream_);
  std::fflush(stream_);
}

}  // namespace rollout
