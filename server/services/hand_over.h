#ifndef ROLLOUT_SERVER_SERVICES_HAND_OVER_H_
#define ROLLOUT_SERVER_SERVICES_HAND_OVER_H_

#include <atomic>

namespace rollout {

// What a call's thread has written for the next one that gRPC calls the call on: Leave comes after
// the last write, Take before the first read. gRPC itself orders OnCancel after the start of a call
// and OnDone after Finish and OnCancel, but by locks that the thread sanitizer cannot see; it sees
// this. Of two threads of which one leaves and then reads a flag, the other sets that flag and then
// takes, at least one sees what the other did. Part of the call; one thread leaves.
class HandOver {
 public:
  void Leave() { left_.store(true); }
  // False where nothing has been left.
  bool Take() const { return left_.load(); }

 private:
  std::atomic<bool> left_ = false;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_HAND_OVER_H_
