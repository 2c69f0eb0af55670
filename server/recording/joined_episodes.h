// Reports put together to whole episodes.
#ifndef ROLLOUT_SERVER_RECORDING_JOINED_EPISODES_H_
#define ROLLOUT_SERVER_RECORDING_JOINED_EPISODES_H_

#include <cstdint>
#include <list>
#include <string>
#include <vector>

#include "datasets/dataset.h"
#include "models/rewards/reward.h"
#include "models/transition_model.h"
#include "server/prediction_error/reported_episodes.h"

namespace rollout {

struct JoinedEpisodesOptions {
  int64_t max_steps = 10'000;             // of one episode; then it is cut
  int64_t max_bytes = int64_t{64} << 20;  // of all that have not ended; then the one that was
                                          // longest without a report is cut
};

// Joins the chunks of one model by (client, episode), as ReportedEpisodes does, and keeps all of
// them. An episode that ends without having terminated is truncated, whatever cut it. Rewards are
// those of the function that the model names, 0 where it names none. No thread and no lock.
class JoinedEpisodes {
 public:
  JoinedEpisodes(const TransitionModelSpec& spec, const JoinedEpisodesOptions& options);

  // Takes a chunk that PredictionError::Report accepted; the episodes that ended with it, with ids
  // of 0.
  std::vector<Episode> Add(const TransitionChunk& chunk);

  // All that are open, cut.
  std::vector<Episode> CutAll();

  int64_t open_bytes() const { return open_bytes_; }

 private:
  struct Open {
    std::string client, name;
    uint64_t next_step = 0;
    Episode episode;
  };

  bool GoesOn(const Open& open, const TransitionChunk& chunk) const;
  void Append(const TransitionChunk& chunk, Episode* episode) const;
  Episode End(std::list<Open>::iterator open, bool terminated);
  int64_t BytesOf(const Episode& episode) const;

  const size_t state_size_;
  const size_t num_controls_;
  const double dt_;
  RewardFunction reward_ = nullptr;
  const JoinedEpisodesOptions options_;
  std::list<Open> open_;  // the one reported last in front
  int64_t open_bytes_ = 0;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_RECORDING_JOINED_EPISODES_H_
