#include "models/engines/fused/vector_gradient_kernel.h"

#include <algorithm>
#include <memory>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "models/engines/fused/vector_gradient_kernel.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "models/engines/fused/tile_gradient-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rollout::fused::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128

GradientKernel* MakeTargetGradientKernel(const PackedModel& /*packed*/) { return nullptr; }

#else

// Takes as many lanes at a time as the widest tile that they fill, as VectorKernel does.
class VectorGradientKernel final : public GradientKernel {
 public:
  explicit VectorGradientKernel(const PackedModel& packed)
      : memory_(std::max({Measure<LaneTile<2> >(packed), Measure<LaneTile<1> >(packed),
                          Measure<OutputTile<4> >(packed), Measure<OutputTile<1> >(packed)})),
        lanes_2_(Make<LaneTile<2> >(packed)),
        lanes_1_(Make<LaneTile<1> >(packed)),
        outputs_4_(Make<OutputTile<4> >(packed)),
        outputs_1_(Make<OutputTile<1> >(packed)) {}

  size_t RecordSize(int lanes) const override {
    size_t size = 0;
    ForEachTile(*this, lanes, [&](const auto& tile, int, int) { size += tile.record_size(); });
    return size;
  }

  void Advance(int member, const LaneBatch& batch, float* record) override {
    ForEachTile(*this, batch.lanes, [&](auto& tile, int first, int) {
      tile.Advance(member, batch, first, record);
      if (record != nullptr) record += tile.record_size();
    });
  }

  void PullBack(int member, int lanes, const float* const* controls, const float* record,
                const CotangentBatch& cotangents) override {
    ForEachTile(*this, lanes, [&](auto& tile, int first, int taken) {
      tile.PullBack(member, controls, first, taken, record, cotangents);
      record += tile.record_size();
    });
  }

 private:
  // From so many lanes on a tile over lanes, though not full, beats several tiles over outputs.
  static constexpr int kLeastOfOneVector = kVectorLanes == 16 ? 15 : 7;
  static constexpr int kLeastOfTwoVectors = kVectorLanes == 16 ? 28 : 15;

  // Calls visit(tile, first lane, lanes) so that all lanes are taken.
  template <class Kernel, class Visit>
  static void ForEachTile(Kernel& kernel, int lanes, Visit visit) {
    for (int first = 0; first < lanes;) {
      const int left = lanes - first;
      int taken = 1;
      if (left >= kLeastOfTwoVectors) {
        taken = std::min(left, LaneTile<2>::kLanes);
        visit(kernel.lanes_2_, first, taken);
      } else if (left >= kLeastOfOneVector) {
        taken = std::min(left, LaneTile<1>::kLanes);
        visit(kernel.lanes_1_, first, taken);
      } else if (left >= 3) {
        taken = std::min(left, OutputTile<4>::kLanes);
        visit(kernel.outputs_4_, first, taken);
      } else {
        visit(kernel.outputs_1_, first, taken);
      }
      first += taken;
    }
  }

  template <class Tile>
  static size_t Measure(const PackedModel& packed) {
    Arena arena(nullptr);
    TileGradient<Tile> gradient(packed, arena);
    return arena.used();
  }

  // The tiles share one block of memory: nothing in it outlives a transition.
  template <class Tile>
  TileGradient<Tile> Make(const PackedModel& packed) {
    Arena arena(memory_.data());
    return TileGradient<Tile>(packed, arena);
  }

  AlignedFloats memory_;
  TileGradient<LaneTile<2> > lanes_2_;
  TileGradient<LaneTile<1> > lanes_1_;
  TileGradient<OutputTile<4> > outputs_4_;
  TileGradient<OutputTile<1> > outputs_1_;
};

GradientKernel* MakeTargetGradientKernel(const PackedModel& packed) {
  return new VectorGradientKernel(packed);
}

#endif

}  // namespace rollout::fused::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rollout::fused {

HWY_EXPORT(MakeTargetGradientKernel);

std::unique_ptr<GradientKernel> MakeVectorGradientKernel(const PackedModel& packed) {
  return std::unique_ptr<GradientKernel>(HWY_DYNAMIC_DISPATCH(MakeTargetGradientKernel)(packed));
}

}  // namespace rollout::fused
#endif  // HWY_ONCE
