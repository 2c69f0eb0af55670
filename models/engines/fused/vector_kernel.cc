#include "models/engines/fused/vector_kernel.h"

#include <algorithm>
#include <memory>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "models/engines/fused/vector_kernel.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "models/engines/fused/tile_integrator-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rollout::fused::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128

int TargetVectorLanes() { return 1; }
TransitionKernel* MakeTargetKernel(const PackedModel& /*packed*/) { return nullptr; }

#else

// Takes as many lanes at a time as the widest tile that they fill.
class VectorKernel final : public TransitionKernel {
 public:
  explicit VectorKernel(const PackedModel& packed)
      : memory_(std::max({Measure<LaneTile<2> >(packed), Measure<LaneTile<1> >(packed),
                          Measure<OutputTile<8> >(packed), Measure<OutputTile<4> >(packed),
                          Measure<OutputTile<2> >(packed), Measure<OutputTile<1> >(packed)})),
        lanes_2_(Make<LaneTile<2> >(packed)),
        lanes_1_(Make<LaneTile<1> >(packed)),
        outputs_8_(Make<OutputTile<8> >(packed)),
        outputs_4_(Make<OutputTile<4> >(packed)),
        outputs_2_(Make<OutputTile<2> >(packed)),
        outputs_1_(Make<OutputTile<1> >(packed)) {}

  void Advance(int member, const LaneBatch& batch) override {
    for (int first = 0; first < batch.lanes;) {
      const int left = batch.lanes - first;
      if (left >= kLeastOfTwoVectors) {
        first += lanes_2_.Advance(member, batch, first);
      } else if (left >= kLeastOfOneVector) {
        first += lanes_1_.Advance(member, batch, first);
      } else if (left >= 7) {
        first += outputs_8_.Advance(member, batch, first);
      } else if (left >= 3) {
        first += outputs_4_.Advance(member, batch, first);
      } else if (left == 2) {
        first += outputs_2_.Advance(member, batch, first);
      } else {
        first += outputs_1_.Advance(member, batch, first);
      }
    }
  }

 private:
  // From so many lanes on a tile over lanes, though not full, beats several tiles over outputs
  // (docs/performance.md has the measurements).
  static constexpr int kLeastOfOneVector = kVectorLanes == 16 ? 15 : 7;
  static constexpr int kLeastOfTwoVectors = kVectorLanes == 16 ? 28 : 15;

  template <class Tile>
  static size_t Measure(const PackedModel& packed) {
    Arena arena(nullptr);
    TileIntegrator<Tile> integrator(packed, arena);
    return arena.used();
  }

  // The tiles share one block of memory: nothing in it outlives a transition.
  template <class Tile>
  TileIntegrator<Tile> Make(const PackedModel& packed) {
    Arena arena(memory_.data());
    return TileIntegrator<Tile>(packed, arena);
  }

  AlignedFloats memory_;
  TileIntegrator<LaneTile<2> > lanes_2_;
  TileIntegrator<LaneTile<1> > lanes_1_;
  TileIntegrator<OutputTile<8> > outputs_8_;
  TileIntegrator<OutputTile<4> > outputs_4_;
  TileIntegrator<OutputTile<2> > outputs_2_;
  TileIntegrator<OutputTile<1> > outputs_1_;
};

int TargetVectorLanes() { return kVectorLanes; }
TransitionKernel* MakeTargetKernel(const PackedModel& packed) { return new VectorKernel(packed); }

#endif

}  // namespace rollout::fused::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rollout::fused {

HWY_EXPORT(TargetVectorLanes);
HWY_EXPORT(MakeTargetKernel);

int VectorLanes() { return HWY_DYNAMIC_DISPATCH(TargetVectorLanes)(); }

std::unique_ptr<TransitionKernel> MakeVectorKernel(const PackedModel& packed) {
  return std::unique_ptr<TransitionKernel>(HWY_DYNAMIC_DISPATCH(MakeTargetKernel)(packed));
}

}  // namespace rollout::fused
#endif  // HWY_ONCE
