#ifndef ROLLOUT_BENCH_FMA_PEAK_H_
#define ROLLOUT_BENCH_FMA_PEAK_H_

namespace rollout::bench {

// GFLOP/s of fused multiply-adds on registers alone (2 FLOP for each number of a vector), on this
// thread, of the best instruction set of this CPU: what no product of matrices can exceed. Takes
// about 2 ms; the machine's clock moves, so call it close to what it is compared with and take the
// best of many.
double MeasureFmaPeak();

// Milliseconds that reading `floats` numbers from the cache takes, `times` times over, in vectors:
// the floor of a rollout of one lane, which reads every weight in every evaluation.
double MeasureStreaming(int floats, int times);

// Clock cycles a second of this core just now: a chain of dependent additions takes one each.
double MeasureClock();

}  // namespace rollout::bench

#endif  // ROLLOUT_BENCH_FMA_PEAK_H_
