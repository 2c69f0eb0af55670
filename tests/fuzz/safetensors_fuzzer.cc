// Weights and golden sets: what parses must be finite, fit its shapes, and survive being written
// and read again.
#include <cmath>
#include <cstdlib>

#include "models/checkpoint/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto parsed = rollout::ParseSafetensors({reinterpret_cast<const char*>(data), size});
  if (!parsed.ok()) return 0;
  for (const rollout::NamedTensor& tensor : parsed->tensors) {
    int64_t numbers = 1;
    for (const int64_t dimension : tensor.shape) numbers *= dimension;
    if (numbers != static_cast<int64_t>(tensor.data.size())) std::abort();
    for (const float value : tensor.data) {
      if (!std::isfinite(value)) std::abort();
    }
  }
  const auto again = rollout::ParseSafetensors(rollout::WriteSafetensors(parsed->tensors));
  if (!again.ok() || again->tensors.size() != parsed->tensors.size()) std::abort();
  return 0;
}
