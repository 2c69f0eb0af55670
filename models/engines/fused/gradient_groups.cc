#include "models/engines/fused/gradient_groups.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/engines/fused/scalar_gradient_kernel.h"
#include "models/engines/fused/vector_gradient_kernel.h"
#include "models/engines/gradient_job_check.h"

namespace rollout::fused {
namespace {

constexpr int kMaxGroupLanes = 32;

// For the records of each thread: what 32 lanes of 200 transitions of 8 substeps take with 2 x 128
// hidden units. Longer stretches are walked through in parts.
constexpr size_t kRecordBytes = size_t{64} << 20;

}  // namespace

absl::Status GradientGroups::Compute(absl::Span<const GradientJob> jobs,
                                     const PackedModel* packed) {
  for (const GradientJob& job : jobs) {
    if (absl::Status status = ValidateGradientJob(job, spec_); !status.ok()) return status;
  }
  try {
    MakeGroups(packed);
    Divide(jobs);
    std::atomic<size_t> next{0};
    std::atomic<bool> out_of_memory{false};
    pool_.Run([&](int index) {
      while (true) {
        const size_t share = next.fetch_add(1, std::memory_order_relaxed);
        if (share >= shares_.size()) return;
        if (share + 1 < shares_.size()) pool_.Summon();
        const Share& taken = shares_[share];
        try {
          groups_[index]->Compute(*taken.job, taken.first, taken.lanes, taken.initial_gradient);
        } catch (const std::bad_alloc&) {
          out_of_memory = true;
        }
      }
    });
    if (out_of_memory) throw std::bad_alloc();
    SumOverLanes(jobs);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        absl::StrCat("gradient: model ", spec_.name, ": not enough memory for the horizon asked"));
  }
  return absl::OkStatus();
}

void GradientGroups::MakeGroups(const PackedModel* packed) {
  while (static_cast<int>(groups_.size()) < pool_.threads()) {
    std::unique_ptr<GradientKernel> kernel;
    if (packed == nullptr) {
      kernel = std::make_unique<ScalarGradientKernel>(model_);
    } else {
      kernel = MakeVectorGradientKernel(*packed);
    }
    groups_.push_back(std::make_unique<GradientGroup>(model_, spec_, reward_, std::move(kernel),
                                                      kMaxGroupLanes, kRecordBytes));
  }
}

void GradientGroups::Divide(absl::Span<const GradientJob> jobs) {
  const int64_t state = spec_.state_size();
  int64_t lanes = 0;
  for (const GradientJob& job : jobs) lanes += job.lanes;
  initial_gradients_.resize(
      std::max(initial_gradients_.size(), static_cast<size_t>(lanes * state)));
  const int64_t threads = pool_.threads();
  const int64_t most = std::clamp<int64_t>((lanes + threads - 1) / threads, 1, kMaxGroupLanes);
  shares_.clear();
  float* gradient = initial_gradients_.data();
  for (const GradientJob& job : jobs) {
    for (int64_t first = 0; first < job.lanes; first += most) {
      const int64_t taken = std::min(most, job.lanes - first);
      shares_.push_back({&job, first, static_cast<int>(taken), gradient});
      gradient += taken * state;
    }
  }
}

// In the order of lanes, whoever computed them.
void GradientGroups::SumOverLanes(absl::Span<const GradientJob> jobs) const {
  const int64_t state = spec_.state_size();
  const float* gradient = initial_gradients_.data();
  for (const GradientJob& job : jobs) {
    if (!job.initial_state_gradient.empty()) {
      const bool shared = static_cast<int64_t>(job.initial_states.size()) == state;
      for (int64_t i = 0; i < state && shared; ++i) {
        double sum = 0.0;
        for (int64_t lane = 0; lane < job.lanes; ++lane) sum += gradient[lane * state + i];
        job.initial_state_gradient[i] = static_cast<float>(sum);
      }
      if (!shared) {
        std::copy_n(gradient, job.lanes * state, job.initial_state_gradient.begin());
      }
    }
    gradient += job.lanes * state;
  }
}

}  // namespace rollout::fused
