// Trains a small model of every kind and publishes it with its rollouts: write_every_kind
// REPOSITORY.
#include <cstdio>

#include "base/clock.h"
#include "models/checkpoint/publish.h"
#include "tests/trainer/every_kind/trained_kind.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "write_every_kind: expected the folder of a model repository\n");
    return 2;
  }
  for (const rollout::KindCase& kind : rollout::EveryKind()) {
    const auto trained = rollout::Train(kind);
    absl::Status status = trained.status();
    if (trained.ok()) {
      status = rollout::PublishCheckpoint(argv[1], {trained->model, trained->rollouts, ""},
                                          rollout::RealClock())
                   .status();
    }
    if (!status.ok()) {
      std::fprintf(stderr, "write_every_kind: %s: %s\n", kind.name.c_str(),
                   status.ToString().c_str());
      return 1;
    }
    std::printf("%s\n", kind.name.c_str());
  }
  return 0;
}
