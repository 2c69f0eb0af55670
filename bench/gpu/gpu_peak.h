#ifndef ROLLOUT_BENCH_GPU_GPU_PEAK_H_
#define ROLLOUT_BENCH_GPU_GPU_PEAK_H_

namespace rollout::bench {

// GFLOP/s of float32 multiply-adds on registers alone, by all multiprocessors of device `index`
// (2 FLOP each): what no product of matrices without tensor cores can exceed. Some 10 ms; call it
// close to what it is compared with, since the clock moves. 0 where the device cannot be used.
double MeasureGpuFmaPeak(int index);

}  // namespace rollout::bench

#endif  // ROLLOUT_BENCH_GPU_GPU_PEAK_H_
