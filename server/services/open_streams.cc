#include "server/services/open_streams.h"

#include <utility>

namespace rollout {

void OpenStreams::Add(std::shared_ptr<OpenStream> stream) {
  bool draining = false;
  {
    MutexLock lock(&mutex_);
    streams_[stream.get()] = stream;
    draining = draining_;
  }
  if (draining) stream->Drain();
}

void OpenStreams::Remove(const OpenStream* stream) {
  std::shared_ptr<OpenStream> last;  // destroyed after the lock
  MutexLock lock(&mutex_);
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  last = std::move(found->second);
  streams_.erase(found);
}

std::vector<std::shared_ptr<OpenStream>> OpenStreams::All() {
  MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<OpenStream>> all;
  for (const auto& [key, stream] : streams_) all.push_back(stream);
  return all;
}

void OpenStreams::TellChanged() {
  for (const std::shared_ptr<OpenStream>& stream : All()) stream->RegistryChanged();
}

void OpenStreams::DrainAll() {
  {
    MutexLock lock(&mutex_);
    draining_ = true;
  }
  for (const std::shared_ptr<OpenStream>& stream : All()) stream->Drain();
}

}  // namespace rollout
