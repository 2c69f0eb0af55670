// A backend for Triton with three models, told apart by their names: `echo` returns its input,
// `blob` returns 1 MiB, `rollout` rolls out NODE_SO 15-128-128-6 (tanh, 8 substeps of constant
// acceleration, dt = 8 ms) as plain loops over blocks of 16 lanes, which the compiler vectorises.
// What Triton does with requests is measured with it, and what a backend written in a day computes.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "backend_api.h"

namespace {

constexpr int kPositions = 6, kControls = 3, kState = 12, kInputs = 15, kHidden = 128;
constexpr int kBlock = 16;
constexpr int kSubsteps = 8;
constexpr float kStep = 0.008f / kSubsteps;
constexpr int64_t kBlobBytes = 1 << 20;

uint64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// The weights in the order of weights.f32, row-major.
struct Weights {
  float w1[kHidden][kInputs], b1[kHidden];
  float w2[kHidden][kHidden], b2[kHidden];
  float w3[kPositions][kHidden], b3[kPositions];
  float input_mean[kInputs], input_std[kInputs], output_mean[kPositions], output_std[kPositions];
};

using Lanes = float[kBlock];

template <int kIn, int kOut, bool kTanh>
void Layer(const float (&weight)[kOut][kIn], const float (&bias)[kOut], const Lanes* in,
           Lanes* out) {
  for (int o = 0; o < kOut; ++o) {
    Lanes sum;
    for (int l = 0; l < kBlock; ++l) sum[l] = bias[o];
    for (int i = 0; i < kIn; ++i) {
      for (int l = 0; l < kBlock; ++l) sum[l] += weight[o][i] * in[i][l];
    }
    std::copy(sum, sum + kBlock, out[o]);
  }
  if (!kTanh) return;
  // One long loop, for which the compiler calls the vector form of libmvec.
  float* const all = out[0];
  for (int i = 0; i < kOut * kBlock; ++i) all[i] = ::tanhf(all[i]);
}

void Substep(const Weights& w, Lanes* state, const Lanes* controls) {
  Lanes in[kInputs], first[kHidden], second[kHidden], acceleration[kPositions];
  for (int i = 0; i < kInputs; ++i) {
    const float* raw = i < kState ? state[i] : controls[i - kState];
    for (int l = 0; l < kBlock; ++l) in[i][l] = (raw[l] - w.input_mean[i]) / w.input_std[i];
  }
  Layer<kInputs, kHidden, true>(w.w1, w.b1, in, first);
  Layer<kHidden, kHidden, true>(w.w2, w.b2, first, second);
  Layer<kHidden, kPositions, false>(w.w3, w.b3, second, acceleration);
  for (int i = 0; i < kPositions; ++i) {
    for (int l = 0; l < kBlock; ++l) {
      const float a = w.output_std[i] * acceleration[i][l] + w.output_mean[i];
      float& v = state[kPositions + i][l];
      state[i][l] += kStep * v + 0.5f * kStep * kStep * a;
      v += kStep * a;
    }
  }
}

// controls [B, T, 3], trajectory [B, T + 1, 12]; one initial state for all lanes.
void Rollout(const Weights& w, const float* initial, const float* controls, int64_t lanes,
             int64_t horizon, float* trajectory) {
  for (int64_t first = 0; first < lanes; first += kBlock) {
    const int64_t count = std::min<int64_t>(kBlock, lanes - first);
    Lanes state[kState], held[kControls] = {};
    for (int i = 0; i < kState; ++i) {
      for (int l = 0; l < kBlock; ++l) state[i][l] = initial[i];
    }
    for (int64_t t = 0; t <= horizon; ++t) {
      for (int64_t l = 0; l < count; ++l) {
        float* row = trajectory + ((first + l) * (horizon + 1) + t) * kState;
        for (int i = 0; i < kState; ++i) row[i] = state[i][l];
      }
      if (t == horizon) break;
      for (int64_t l = 0; l < count; ++l) {
        const float* row = controls + ((first + l) * horizon + t) * kControls;
        for (int k = 0; k < kControls; ++k) held[k][l] = row[k];
      }
      for (int s = 0; s < kSubsteps; ++s) Substep(w, state, held);
    }
  }
}

enum class Kind { kEcho, kBlob, kRollout };

struct Model {
  Kind kind = Kind::kEcho;
  std::unique_ptr<Weights> weights;
};

TRITONSERVER_Error* Invalid(const std::string& message) {
  return TRITONSERVER_ErrorNew(kTritonInvalidArgument, message.c_str());
}

#define RETURN_IF_ERROR(call) \
  if (TRITONSERVER_Error* error = (call); error != nullptr) return error

struct Input {
  const int64_t* shape = nullptr;
  uint32_t rank = 0;
  const float* data = nullptr;
};

TRITONSERVER_Error* ReadInput(TRITONBACKEND_Request* request, const char* name, Input* input) {
  TRITONBACKEND_Input* handle = nullptr;
  RETURN_IF_ERROR(TRITONBACKEND_RequestInput(request, name, &handle));
  uint32_t buffers = 0;
  uint64_t bytes = 0;
  RETURN_IF_ERROR(TRITONBACKEND_InputProperties(handle, nullptr, nullptr, &input->shape,
                                                &input->rank, &bytes, &buffers));
  if (buffers != 1) return Invalid("expected inputs in one piece");
  const void* data = nullptr;
  int memory = kTritonCpuMemory;
  int64_t memory_id = 0;
  RETURN_IF_ERROR(TRITONBACKEND_InputBuffer(handle, 0, &data, &bytes, &memory, &memory_id));
  input->data = static_cast<const float*>(data);
  return nullptr;
}

TRITONSERVER_Error* MakeOutput(TRITONBACKEND_Response* response, const char* name,
                               const std::vector<int64_t>& shape, float** data) {
  TRITONBACKEND_Output* output = nullptr;
  RETURN_IF_ERROR(TRITONBACKEND_ResponseOutput(response, &output, name, kTritonFp32, shape.data(),
                                               static_cast<uint32_t>(shape.size())));
  uint64_t bytes = sizeof(float);
  for (const int64_t size : shape) bytes *= static_cast<uint64_t>(size);
  void* memory = nullptr;
  int type = kTritonCpuMemory;
  int64_t type_id = 0;
  RETURN_IF_ERROR(TRITONBACKEND_OutputBuffer(output, &memory, bytes, &type, &type_id));
  *data = static_cast<float*>(memory);
  return nullptr;
}

TRITONSERVER_Error* Answer(const Model& model, TRITONBACKEND_Request* request,
                           TRITONBACKEND_Response* response) {
  float* output = nullptr;
  if (model.kind == Kind::kRollout) {
    Input state, controls;
    RETURN_IF_ERROR(ReadInput(request, "initial_state", &state));
    RETURN_IF_ERROR(ReadInput(request, "controls", &controls));
    const int64_t lanes = controls.shape[0], horizon = controls.shape[1];
    RETURN_IF_ERROR(MakeOutput(response, "trajectory", {lanes, horizon + 1, kState}, &output));
    Rollout(*model.weights, state.data, controls.data, lanes, horizon, output);
    return nullptr;
  }
  Input x;
  RETURN_IF_ERROR(ReadInput(request, "x", &x));
  if (model.kind == Kind::kEcho) {
    RETURN_IF_ERROR(MakeOutput(response, "y", {x.shape[0], kState}, &output));
    std::memcpy(output, x.data, sizeof(float) * kState * x.shape[0]);
    return nullptr;
  }
  RETURN_IF_ERROR(MakeOutput(response, "y", {1, kBlobBytes / 4}, &output));
  std::memset(output, 0, kBlobBytes);
  return nullptr;
}

}  // namespace

extern "C" {

TRITONSERVER_Error* TRITONBACKEND_ModelInitialize(TRITONBACKEND_Model* handle) {
  const char* name = nullptr;
  RETURN_IF_ERROR(TRITONBACKEND_ModelName(handle, &name));
  auto model = std::make_unique<Model>();
  if (std::string(name) == "blob") model->kind = Kind::kBlob;
  if (std::string(name) == "rollout") {
    model->kind = Kind::kRollout;
    model->weights = std::make_unique<Weights>();
    int artifact_type = 0;
    const char* folder = nullptr;
    RETURN_IF_ERROR(TRITONBACKEND_ModelRepository(handle, &artifact_type, &folder));
    std::ifstream file(std::string(folder) + "/1/weights.f32", std::ios::binary);
    file.read(reinterpret_cast<char*>(model->weights.get()), sizeof(Weights));
    if (!file) return Invalid("cannot read 1/weights.f32");
  }
  return TRITONBACKEND_ModelSetState(handle, model.release());
}

TRITONSERVER_Error* TRITONBACKEND_ModelFinalize(TRITONBACKEND_Model* handle) {
  void* state = nullptr;
  RETURN_IF_ERROR(TRITONBACKEND_ModelState(handle, &state));
  delete static_cast<Model*>(state);
  return nullptr;
}

TRITONSERVER_Error* TRITONBACKEND_ModelInstanceExecute(TRITONBACKEND_ModelInstance* instance,
                                                       TRITONBACKEND_Request** requests,
                                                       const uint32_t count) {
  TRITONBACKEND_Model* handle = nullptr;
  void* model = nullptr;
  RETURN_IF_ERROR(TRITONBACKEND_ModelInstanceModel(instance, &handle));
  RETURN_IF_ERROR(TRITONBACKEND_ModelState(handle, &model));
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t start = NowNs();
    TRITONBACKEND_Response* response = nullptr;
    RETURN_IF_ERROR(TRITONBACKEND_ResponseNew(&response, requests[i]));
    TRITONSERVER_Error* error = Answer(*static_cast<Model*>(model), requests[i], response);
    const uint64_t end = NowNs();
    const bool good = error == nullptr;
    RETURN_IF_ERROR(TRITONBACKEND_ResponseSend(response, kTritonResponseFinal, error));
    if (!good) TRITONSERVER_ErrorDelete(error);
    RETURN_IF_ERROR(TRITONBACKEND_ModelInstanceReportStatistics(instance, requests[i], good, start,
                                                                start, end, NowNs()));
    RETURN_IF_ERROR(TRITONBACKEND_RequestRelease(requests[i], kTritonReleaseAll));
  }
  return nullptr;
}

}  // extern "C"
