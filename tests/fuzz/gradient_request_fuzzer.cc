// rollout.v1.GradientRequest: from its bytes to the reply, whose tensors must fit their shapes.
#include <cstdlib>

#include "server/services/gradient_work.h"
#include "tests/fuzz/served_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  rollout::v1::GradientRequest request;
  if (!request.ParseFromArray(data, static_cast<int>(size))) return 0;
  rollout::v1::GradientReply reply;
  rollout::AnswerAlone(
      rollout::MakeGradientWork(request, &rollout::ServedModels(), rollout::FuzzLimits(), &reply));
  if (!reply.has_controls()) return 0;  // refused
  if (reply.id() != request.id() || reply.has_total_return() != request.of_return() ||
      reply.controls().data().size() != request.controls().data().size() ||
      reply.initial_states().data().size() != request.initial_states().data().size()) {
    std::abort();
  }
  return 0;
}
