#include "server/prediction_error/reported_episodes.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

constexpr double kSameState = 1e-6;

absl::Status Invalid(absl::string_view field, const std::string& found,
                     const std::string& expected) {
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": found ", found, ", expected ", expected));
}

absl::Status CheckFinite(absl::string_view field, absl::Span<const double> numbers, int width) {
  for (size_t k = 0; k < numbers.size(); ++k) {
    if (!std::isfinite(static_cast<float>(numbers[k]))) {
      return Invalid(field, absl::StrCat(numbers[k], " at row ", k / width, ", column ", k % width),
                     "finite numbers in the range of float32");
    }
  }
  return absl::OkStatus();
}

bool StartsAt(int64_t start, int64_t horizon) {
  return start % std::max<int64_t>(1, horizon / 2) == 0;
}

}  // namespace

bool GoesOnFrom(absl::Span<const double> last_state, absl::Span<const double> states) {
  return std::equal(last_state.begin(), last_state.end(), states.begin(), [](double a, double b) {
    return std::abs(a - b) <= kSameState * std::max(1.0, std::abs(a));
  });
}

std::vector<WindowPlace> CompletedWindows(int64_t before, int64_t after) {
  std::vector<WindowPlace> places;
  for (int64_t start = std::max<int64_t>(0, before + 1 - kLongestHorizon); start < after; ++start) {
    // Both conditions hold for a range of horizons: those that end in (before, after], and those
    // below some power of two that divides the start.
    WindowPlace place{start, kNumHorizons, -1};
    for (int k = 0; k < kNumHorizons && StartsAt(start, HorizonAt(k)); ++k) {
      const int64_t end = start + HorizonAt(k);
      if (end <= before || end > after) continue;
      place.first = std::min(place.first, k);
      place.last = k;
    }
    if (place.last >= 0) places.push_back(place);
  }
  return places;
}

int64_t ThinWindows(int64_t room, Random* random, std::vector<WindowPlace>* places) {
  int64_t wanted = 0;
  for (const WindowPlace& place : *places) wanted += HorizonAt(place.last);
  if (wanted <= room) return 0;
  const double share = static_cast<double>(std::max<int64_t>(room, 0)) / wanted;
  std::vector<WindowPlace> kept;
  for (const WindowPlace& place : *places) {
    const bool drawn = random->Uniform() < share;
    if (!drawn || HorizonAt(place.last) > room) continue;
    room -= HorizonAt(place.last);
    kept.push_back(place);
  }
  const auto left_out = static_cast<int64_t>(places->size() - kept.size());
  *places = std::move(kept);
  return left_out;
}

ReportedEpisodes::ReportedEpisodes(const TransitionModelSpec& spec,
                                   const ReportedEpisodesOptions& options)
    : state_size_(spec.state_size()),
      num_controls_(spec.num_controls),
      transition_dt_(spec.transition_dt),
      ignored_positions_(spec.ignored_positions),
      options_(options) {}

absl::Status ReportedEpisodes::Check(const TransitionChunk& chunk) const {
  for (const auto& [field, name] :
       {std::pair<const char*, const std::string&>("client", chunk.client),
        std::pair<const char*, const std::string&>("episode", chunk.episode)}) {
    if (name.size() <= options_.max_name_bytes) continue;
    return Invalid(field, absl::StrCat("a name of ", name.size(), " bytes"),
                   absl::StrCat("at most ", options_.max_name_bytes));
  }
  const int64_t k = chunk.num_transitions;
  if (k < 1) return Invalid("states", absl::StrCat(k, " transitions"), "at least 1");
  const auto states = static_cast<int64_t>(chunk.states.size());
  const auto controls = static_cast<int64_t>(chunk.controls.size());
  if (states / state_size_ != k + 1 || states % state_size_ != 0) {
    return Invalid("states", absl::StrCat(states, " numbers"),
                   absl::StrCat(k + 1, " states of ", state_size_));
  }
  if (num_controls_ == 0 ? controls != 0
                         : controls / num_controls_ != k || controls % num_controls_ != 0) {
    return Invalid("controls", absl::StrCat(controls, " numbers"),
                   absl::StrCat(k, " controls of ", num_controls_));
  }
  const double off = std::abs(chunk.period - transition_dt_);
  if (chunk.period != 0.0 && !(off <= options_.period_tolerance * transition_dt_)) {
    return Invalid("period", absl::StrCat(chunk.period, " s"),
                   absl::StrCat("the model's transition_dt, ", transition_dt_, " s, within ",
                                100 * options_.period_tolerance, "%"));
  }
  if (absl::Status s = CheckFinite("states", chunk.states, state_size_); !s.ok()) return s;
  return CheckFinite("controls", chunk.controls, num_controls_);
}

bool ReportedEpisodes::GoesOn(const Stretch& stretch, const TransitionChunk& chunk) const {
  return stretch.next_step == chunk.first_step &&
         GoesOnFrom(absl::MakeConstSpan(stretch.states).last(state_size_), chunk.states);
}

ReportedEpisodes::Stretch& ReportedEpisodes::Find(const TransitionChunk& chunk, bool* joined) {
  const Key key(chunk.client, chunk.episode);
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    stretches_.splice(stretches_.begin(), stretches_, found->second);
    Stretch& stretch = stretches_.front();
    *joined = GoesOn(stretch, chunk);
    if (*joined) return stretch;
    stretch = Stretch{};
    stretch.key = key;
    return stretch;
  }
  if (num_open() >= options_.max_open_stretches && !stretches_.empty()) {
    by_key_.erase(stretches_.back().key);
    stretches_.pop_back();
    ++closed_early_;
  }
  stretches_.emplace_front().key = key;
  by_key_[key] = stretches_.begin();
  *joined = false;
  return stretches_.front();
}

PredictionWindow ReportedEpisodes::MakeWindow(const Stretch& stretch,
                                              const WindowPlace& place) const {
  PredictionWindow window;
  window.first = place.first;
  window.last = place.last;
  window.id = absl::HashOf(stretch.key, stretch.next_step - stretch.length + place.start);
  const int64_t row = place.start - stretch.dropped;
  const auto state = [&](int64_t step) { return &stretch.states[(row + step) * state_size_]; };
  std::vector<double> origin(state_size_, 0.0);
  for (const int index : ignored_positions_) origin[index] = state(0)[index];
  const auto relative = [&](int64_t step, std::vector<double>* to) {
    for (int d = 0; d < state_size_; ++d) to->push_back(state(step)[d] - origin[d]);
  };
  relative(0, &window.start);
  window.initial_state.assign(window.start.begin(), window.start.end());
  const double* control = stretch.controls.data() + row * num_controls_;
  window.controls.assign(control, control + window.length() * num_controls_);
  for (int k = place.first; k <= place.last; ++k) relative(HorizonAt(k), &window.observed);
  return window;
}

// Drops what no later window can start from.
void ReportedEpisodes::Forget(Stretch* stretch) const {
  const int64_t keep_from = std::max<int64_t>(0, stretch->length + 1 - kLongestHorizon);
  const int64_t rows = keep_from - stretch->dropped;
  if (rows <= 0) return;
  stretch->states.erase(stretch->states.begin(), stretch->states.begin() + rows * state_size_);
  stretch->controls.erase(stretch->controls.begin(),
                          stretch->controls.begin() + rows * num_controls_);
  stretch->dropped = keep_from;
}

absl::StatusOr<ReportedEpisodes::Added> ReportedEpisodes::Add(
    const TransitionChunk& chunk, absl::FunctionRef<void(std::vector<WindowPlace>*)> select) {
  if (absl::Status s = Check(chunk); !s.ok()) return s;
  Added added;
  Stretch& stretch = Find(chunk, &added.joined);
  // The first state of a chunk that goes on is the last one of the stretch.
  stretch.states.insert(stretch.states.end(),
                        chunk.states.begin() + (added.joined ? state_size_ : 0),
                        chunk.states.end());
  stretch.controls.insert(stretch.controls.end(), chunk.controls.begin(), chunk.controls.end());
  const int64_t before = stretch.length;
  stretch.length += chunk.num_transitions;
  stretch.next_step = chunk.first_step + chunk.num_transitions;
  std::vector<WindowPlace> places = CompletedWindows(before, stretch.length);
  select(&places);
  for (const WindowPlace& place : places) {
    added.windows.push_back(MakeWindow(stretch, place));
  }
  if (chunk.terminated || chunk.truncated) {
    by_key_.erase(stretch.key);
    stretches_.pop_front();
  } else {
    Forget(&stretch);
  }
  return added;
}

}  // namespace rollout
