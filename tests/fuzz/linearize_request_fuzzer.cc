// rollout.v1.LinearizeRequest: from its bytes to the reply, which must stay within its limit.
#include <cstdlib>

#include "server/services/gradient_work.h"
#include "tests/fuzz/served_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  rollout::v1::LinearizeRequest request;
  if (!request.ParseFromArray(data, static_cast<int>(size))) return 0;
  rollout::v1::LinearizeReply reply;
  rollout::AnswerAlone(
      rollout::MakeLinearizeWork(request, &rollout::ServedModels(), rollout::FuzzLimits(), &reply));
  if (!reply.has_trajectory()) return 0;  // refused
  const size_t horizon = reply.trajectory().shape(0) - 1;
  if (reply.id() != request.id() ||
      reply.state_jacobians().data().size() != horizon * 4 * 4 * sizeof(float) ||
      reply.control_jacobians().data().size() != horizon * 4 * sizeof(float)) {
    std::abort();
  }
  return 0;
}
