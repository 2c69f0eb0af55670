#include "models/engines/cuda/cuda_device.h"

#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "models/engines/cuda/cuda_memory.h"
#include "models/engines/cuda/cuda_status.h"
#include "models/engines/cuda/tile_kernels.h"

namespace rollout::cuda {
namespace {

static_assert(cudaErrorMemoryAllocation == 2 && cudaErrorIllegalAddress == 700 &&
              cudaErrorLaunchTimeout == 702 && cudaErrorAssert == 710 &&
              cudaErrorHardwareStackError == 714 && cudaErrorIllegalInstruction == 715 &&
              cudaErrorMisalignedAddress == 716 && cudaErrorInvalidAddressSpace == 717 &&
              cudaErrorInvalidPc == 718 && cudaErrorLaunchFailure == 719);

// One model on one GPU. Inputs go up and kernels run on one stream, states come down on another, so
// that a segment's kernel runs while the states of the one before it travel.
class CudaDevice final : public TileDevice {
 public:
  CudaDevice(int index, DeviceLimits limits) : index_(index), limits_(std::move(limits)) {}

  ~CudaDevice() override {
    cudaSetDevice(index_);
    // Nothing may be under way when the memory goes. Errors: there is nobody left to tell.
    for (cudaStream_t stream : {compute_, copy_}) {
      if (stream == nullptr) continue;
      cudaStreamSynchronize(stream);
      cudaStreamDestroy(stream);
    }
    for (cudaEvent_t event : {computed_[0], computed_[1], copied_[0], copied_[1]}) {
      if (event != nullptr) cudaEventDestroy(event);
    }
  }

  absl::Status Open() {
    if (auto error = Try("selecting it", cudaSetDevice(index_)); !error.ok()) return error;
    for (cudaStream_t* stream : {&compute_, &copy_}) {
      const cudaError_t made = cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking);
      if (auto error = Try("making a stream", made); !error.ok()) return error;
    }
    for (cudaEvent_t* event : {&computed_[0], &computed_[1], &copied_[0], &copied_[1]}) {
      const cudaError_t made = cudaEventCreateWithFlags(event, cudaEventDisableTiming);
      if (auto error = Try("making an event", made); !error.ok()) return error;
    }
    return Try("loading the kernels", AllowSharedMemory(static_cast<int>(limits_.shared_bytes)));
  }

  const DeviceLimits& limits() const override { return limits_; }

  absl::Status Load(absl::Span<const float> numbers) override {
    cudaSetDevice(index_);
    const cudaError_t reserved = packed_.Reserve(static_cast<int64_t>(numbers.size()));
    if (auto error = Try("allocating weights", reserved); !error.ok()) return error;
    return Try("copying weights",
               cudaMemcpy(packed_.data(), numbers.data(), numbers.size() * sizeof(float),
                          cudaMemcpyHostToDevice));
  }

  absl::StatusOr<BatchInputs> Prepare(const BatchSizes& sizes) override {
    cudaSetDevice(index_);
    sizes_ = sizes;
    for (const cudaError_t reserved :
         {carried_.Reserve(sizes.carried), host_carried_.Reserve(sizes.carried),
          controls_.Reserve(sizes.controls), host_controls_.Reserve(sizes.controls),
          lanes_.Reserve(sizes.lanes), host_lanes_.Reserve(sizes.lanes),
          host_stop_.Reserve(sizes.ranges), states_[0].Reserve(sizes.states),
          states_[1].Reserve(sizes.states), host_states_[0].Reserve(sizes.states),
          host_states_[1].Reserve(sizes.states)}) {
      if (auto error = Try(absl::StrCat("allocating a batch of ", sizes.lanes, " lanes"), reserved);
          !error.ok()) {
        return error;
      }
    }
    const auto span = [](auto* data, int64_t count) {
      return absl::MakeSpan(data, static_cast<size_t>(count));
    };
    return BatchInputs{.carried = span(host_carried_.data(), sizes.carried),
                       .controls = span(host_controls_.data(), sizes.controls),
                       .lanes = span(host_lanes_.data(), sizes.lanes),
                       .stop = span(host_stop_.data(), sizes.ranges)};
  }

  absl::Status Upload() override {
    cudaSetDevice(index_);
    const auto up = [&](auto& to, const auto& from, int64_t count) {
      return cudaMemcpyAsync(to.data(), from.data(),
                             static_cast<size_t>(count) * sizeof(*from.data()),
                             cudaMemcpyHostToDevice, compute_);
    };
    for (const cudaError_t copied :
         {up(carried_, host_carried_, sizes_.carried),
          up(controls_, host_controls_, sizes_.controls), up(lanes_, host_lanes_, sizes_.lanes)}) {
      if (auto error = Try("copying inputs", copied); !error.ok()) return error;
    }
    return absl::OkStatus();
  }

  absl::Status Start(int slot, const TileModel& model, const Segment& segment) override {
    cudaSetDevice(index_);
    const TileBatch batch = {.packed = packed_.data(),
                             .carried = carried_.data(),
                             .controls = controls_.data(),
                             .lane = lanes_.data(),
                             .stop = host_stop_.data(),
                             .states = states_[slot].data(),
                             .lanes = static_cast<int32_t>(sizes_.lanes),
                             .first_step = segment.first_step,
                             .steps = segment.steps,
                             .every_state = segment.every_state ? 1 : 0};
    const int launched = LaunchTiles(segment.tile_lanes, model, batch, compute_);
    if (auto error = Try("starting a kernel", launched); !error.ok()) return error;
    const int64_t states_of_step = sizes_.lanes * model.members * 2 * model.num_positions;
    const size_t bytes = static_cast<size_t>(states_of_step) *
                         static_cast<size_t>(segment.every_state ? segment.steps : 1) *
                         sizeof(float);
    for (const cudaError_t queued :
         {cudaEventRecord(computed_[slot], compute_),
          cudaStreamWaitEvent(copy_, computed_[slot], 0),
          cudaMemcpyAsync(host_states_[slot].data(), states_[slot].data(), bytes,
                          cudaMemcpyDeviceToHost, copy_),
          cudaEventRecord(copied_[slot], copy_)}) {
      if (auto error = Try("copying states", queued); !error.ok()) return error;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Done(int slot) override {
    const cudaError_t state = cudaEventQuery(copied_[slot]);
    if (state == cudaErrorNotReady) return false;
    if (auto error = Try("a rollout", state); !error.ok()) return error;
    return true;
  }

  absl::Span<const float> States(int slot) const override {
    return {host_states_[slot].data(), static_cast<size_t>(sizes_.states)};
  }

 private:
  absl::Status Try(const std::string& what, int code) const {
    if (code == cudaSuccess) return absl::OkStatus();
    cudaGetLastError();  // an error that is not sticky is forgotten by being told
    const auto error = static_cast<cudaError_t>(code);
    return CudaError(code, limits_.name, what, cudaGetErrorName(error), cudaGetErrorString(error));
  }

  const int index_;
  const DeviceLimits limits_;
  cudaStream_t compute_ = nullptr;
  cudaStream_t copy_ = nullptr;
  cudaEvent_t computed_[2] = {};
  cudaEvent_t copied_[2] = {};
  BatchSizes sizes_;
  DeviceArray<float> packed_, carried_, controls_, states_[2];
  DeviceArray<TileLane> lanes_;
  PinnedArray<float> host_carried_, host_controls_, host_states_[2];
  PinnedArray<TileLane> host_lanes_;
  PinnedArray<int32_t> host_stop_;
};

// The driver's library does not come with CUDA's runtime but with the driver: asked for by name, it
// can be named as missing.
std::optional<std::string> MissingDriver() {
  void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (driver != nullptr) return std::nullopt;
  const char* message = dlerror();
  return message == nullptr ? "libcuda.so.1 cannot be opened" : message;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TileDevice>> OpenCudaDevice(const std::string& name) {
  int index = -1;
  if (name.rfind("cuda:", 0) != 0 || !absl::SimpleAtoi(name.substr(5), &index) || index < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("device \"", name, "\": expected \"cuda:N\" with N = 0, 1, …"));
  }
  if (const auto missing = MissingDriver()) {
    return DeviceFaultError(
        DeviceFault::kDeviceLost,
        absl::StrCat("device ", name, ": this machine has no NVIDIA driver: ", *missing));
  }
  const auto failed = [&](const char* what, cudaError_t error) {
    return CudaError(error, name, what, cudaGetErrorName(error), cudaGetErrorString(error));
  };
  int count = 0;
  if (const cudaError_t error = cudaGetDeviceCount(&count); error != cudaSuccess) {
    return failed("counting devices", error);
  }
  if (index >= count) {
    return DeviceFaultError(DeviceFault::kDeviceLost,
                            absl::StrCat("device ", name, ": CUDA sees ", count,
                                         " devices (CUDA_VISIBLE_DEVICES may hide some)"));
  }
  DeviceLimits limits;
  limits.name = name;
  int shared_bytes = 0;
  cudaError_t error =
      cudaDeviceGetAttribute(&limits.multiprocessors, cudaDevAttrMultiProcessorCount, index);
  if (error == cudaSuccess) {
    error = cudaDeviceGetAttribute(&shared_bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, index);
  }
  if (error != cudaSuccess) return failed("asking for its limits", error);
  limits.shared_bytes = shared_bytes;
  auto device = std::make_unique<CudaDevice>(index, limits);
  if (absl::Status status = device->Open(); !status.ok()) return status;
  return device;
}

}  // namespace rollout::cuda
