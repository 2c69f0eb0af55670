// Somebody sets the machine's clock. Nobody may set the real one in a test, so the server runs with
// a library that shows it another one.
#include <cstdint>
#include <fstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/trials/faults/fault.h"

namespace rollout {
namespace {

constexpr absl::Duration kBetweenSteps = absl::Milliseconds(700);

// The file that the server maps. Written in place: a file that is cut off first would end whoever
// reads the mapping meanwhile.
class ClockOffset {
 public:
  explicit ClockOffset(const std::string& path)
      : file_(path, std::ios::binary | std::ios::in | std::ios::out | std::ios::trunc) {
    Set(0);
  }
  void Set(int64_t seconds) {
    file_.seekp(0);
    file_.write(reinterpret_cast<const char*>(&seconds), sizeof(seconds)).flush();
  }

 private:
  std::fstream file_;
};

// A line of the log that is written by the stepped clock.
std::string StampOf(absl::Time time) {
  return absl::FormatTime("time=%Y-%m-%dT%H:", time, absl::UTCTimeZone());
}

}  // namespace

absl::Status EndureClockSteps(const FaultsOptions& options, Judgements* judgements) {
  const TemporaryDirectory folder;
  const std::string file = (folder / "offset").string();
  ClockOffset offset(file);
  Fault fault;
  fault.name = "clock-steps";
  fault.rounds = options.rounds;
  fault.scene.server.environment = {absl::StrCat("LD_PRELOAD=", ROLLOUT_CLOCK_OFFSET_LIBRARY),
                                    absl::StrCat("CLOCK_OFFSET_FILE=", file)};
  fault.round = [&](TrialScene& scene) {
    // Forth by a day and an hour, back behind the start, a little, and right again.
    for (const int64_t seconds : {25 * 3600, -25 * 3600, 30, -30, 0}) {
      offset.Set(seconds);
      if (absl::Status published = PublishAndWait(scene); !published.ok()) return published;
      absl::SleepFor(kBetweenSteps);
    }
    return absl::OkStatus();
  };
  fault.finish = [](TrialScene& scene, Judgements* to) {
    const std::string log = scene.server().Log();
    to->Holds("the server saw the steps",
              absl::StrContains(log, StampOf(absl::Now() + absl::Hours(25))) &&
                  absl::StrContains(log, StampOf(absl::Now() - absl::Hours(25))));
    return absl::OkStatus();
  };
  return Endure(fault, judgements);
}

}  // namespace rollout
