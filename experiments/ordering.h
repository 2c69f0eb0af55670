// Models in the order of an error, at the end of training and half way.
#ifndef ROLLOUT_EXPERIMENTS_ORDERING_H_
#define ROLLOUT_EXPERIMENTS_ORDERING_H_

#include <string>
#include <vector>

namespace rollout {

struct ModelErrors {
  std::string model;
  double end = 0.0, half = 0.0;  // NaN counts as larger than every number
};

// "HNN < NODE; the same at half of the steps", or "...; at half of the steps NODE < HNN". Equal
// errors are in the order given.
std::string OrderingWithHalf(const std::vector<ModelErrors>& models);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_ORDERING_H_
