// Observed transitions as clients report them, joined into stretches, cut into windows.
#ifndef ROLLOUT_SERVER_PREDICTION_ERROR_REPORTED_EPISODES_H_
#define ROLLOUT_SERVER_PREDICTION_ERROR_REPORTED_EPISODES_H_

#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/random.h"
#include "models/transition_model.h"

namespace rollout {

// One report: k consecutive transitions of an episode.
struct TransitionChunk {
  std::string client;
  std::string episode;
  uint64_t first_step = 0;       // index in the episode of the first state
  std::vector<double> states;    // [k + 1, 2n]
  std::vector<double> controls;  // [k, nu], as applied
  int64_t num_transitions = 0;   // k >= 1
  double period = 0.0;           // seconds between states; 0 = the model's transition_dt
  bool terminated = false;
  bool truncated = false;
};

// Whether the first of `states` is the state that ended what was reported before, [2n]: it tells an
// episode that goes on from another one under its name. It may have been rounded to float32 once.
bool GoesOnFrom(absl::Span<const double> last_state, absl::Span<const double> states);

// The horizons at which predictions are judged: 1, 2, 4, ... 256.
inline constexpr int kNumHorizons = 9;
inline constexpr int64_t kLongestHorizon = int64_t{1} << (kNumHorizons - 1);
inline int64_t HorizonAt(int index) { return int64_t{1} << index; }

// A stretch's windows that became complete: from transition `start` on, for the horizons
// HorizonAt(first) ... HorizonAt(last).
struct WindowPlace {
  int64_t start = 0;
  int first = 0;
  int last = 0;
  friend bool operator==(const WindowPlace&, const WindowPlace&) = default;
};

// The windows of a stretch that grew from `before` to `after` transitions. Windows of horizon h
// start every max(1, h / 2) steps and count once, when their last state is there.
std::vector<WindowPlace> CompletedWindows(int64_t before, int64_t after);

// Leaves of `places` as many as their rollouts have `room` for, in transitions; each stays with the
// same probability, whatever its horizon, so that what is measured stays a fair sample. Returns how
// many went.
int64_t ThinWindows(int64_t room, Random* random, std::vector<WindowPlace>* places);

// One open-loop rollout to compute, and what was observed: the state and the controls to start
// with, and the observed state at each horizon. Ignored positions are relative to the window's
// first state, whatever the distance from the origin: no network sees them, so a rollout is
// the same from there, and float32 keeps its digits.
struct PredictionWindow {
  uint64_t id = 0;  // the same for the same client, episode and first step, within this process
  int first = 0;    // index of the first and the last horizon
  int last = 0;
  std::vector<float> initial_state;  // [2n]
  std::vector<float> controls;       // [HorizonAt(last), nu]
  std::vector<double> observed;      // [last - first + 1, 2n]
  std::vector<double> start;         // [2n], the initial state before rounding: "no change"

  int64_t length() const { return HorizonAt(last); }
};

struct ReportedEpisodesOptions {
  // Stretches kept open at a time; beyond, the one that was longest without a report closes. Each
  // holds at most 257 states.
  int max_open_stretches = 256;
  // Largest relative difference of a report's period from the model's transition_dt.
  double period_tolerance = 0.01;
  // Longest client and episode names: what is kept of a stretch is bounded.
  size_t max_name_bytes = 256;
};

// Joins chunks by (client, episode): a chunk goes on with a stretch when it begins with the step
// and the very state that the stretch ended with; anything else is a gap and starts a new stretch.
// Terminated or truncated episodes end theirs. Holds no thread and no lock; one thread at a time.
class ReportedEpisodes {
 public:
  ReportedEpisodes(const TransitionModelSpec& spec, const ReportedEpisodesOptions& options);

  struct Added {
    bool joined = false;  // went on with what was reported before
    std::vector<PredictionWindow> windows;
  };
  // INVALID_ARGUMENT naming the field: no transitions, sizes that contradict the model, numbers
  // that are not finite in float32, a period that is not the model's. The chunk then counts for
  // nothing. `select` may remove some of the windows that became complete, before they are copied.
  absl::StatusOr<Added> Add(const TransitionChunk& chunk,
                            absl::FunctionRef<void(std::vector<WindowPlace>*)> select);

  int num_open() const { return static_cast<int>(stretches_.size()); }
  int64_t closed_early() const { return closed_early_; }  // by max_open_stretches

 private:
  using Key = std::pair<std::string, std::string>;  // client, episode
  // The last states and controls of a stretch; index 0 is transition `dropped`.
  struct Stretch {
    Key key;
    uint64_t next_step = 0;
    int64_t length = 0;   // transitions in all
    int64_t dropped = 0;  // transitions no longer held
    std::vector<double> states;
    std::vector<double> controls;
  };

  absl::Status Check(const TransitionChunk& chunk) const;
  bool GoesOn(const Stretch& stretch, const TransitionChunk& chunk) const;
  // The stretch that `chunk` goes on with or a new one, at the front of the list.
  Stretch& Find(const TransitionChunk& chunk, bool* joined);
  PredictionWindow MakeWindow(const Stretch& stretch, const WindowPlace& place) const;
  void Forget(Stretch* stretch) const;

  const int state_size_;
  const int num_controls_;
  const double transition_dt_;
  const std::vector<int> ignored_positions_;
  const ReportedEpisodesOptions options_;
  std::list<Stretch> stretches_;  // the one reported last in front
  std::map<Key, std::list<Stretch>::iterator> by_key_;
  int64_t closed_early_ = 0;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_PREDICTION_ERROR_REPORTED_EPISODES_H_
