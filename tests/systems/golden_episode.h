// Episodes recorded from Gymnasium; the layout of their files is described in
// golden/record_gymnasium_episodes.py.
#ifndef ROLLOUT_TESTS_SYSTEMS_GOLDEN_EPISODE_H_
#define ROLLOUT_TESTS_SYSTEMS_GOLDEN_EPISODE_H_

#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/types/span.h"

namespace rollout {

struct GoldenEpisode {
  int steps = 0;
  int observation_stride = 1;
  std::vector<double> states;   // [steps + 1, state_size]
  std::vector<double> actions;  // [steps, nu]
  std::vector<double> rewards, terminated, truncated;
  std::vector<double> observations;  // of steps 0, stride, 2 stride ...
};

struct GoldenFile {
  int state_size = 0, num_controls = 0, observation_size = 0;
  std::vector<GoldenEpisode> episodes;
};

// Reads tests/systems/golden/<name>.f64, from the repository's root.
inline GoldenFile ReadGoldenFile(const std::string& name) {
  const std::string path = "tests/systems/golden/" + name + ".f64";
  std::ifstream in(path, std::ios::binary);
  auto read = [&](size_t count) {
    std::vector<double> values(count);
    in.read(reinterpret_cast<char*>(values.data()),
            static_cast<std::streamsize>(count * sizeof(double)));
    if (!in) throw std::runtime_error(path + " is missing or short");
    return values;
  };
  GoldenFile file;
  const std::vector<double> header = read(4);
  file.state_size = static_cast<int>(header[0]);
  file.num_controls = static_cast<int>(header[1]);
  file.observation_size = static_cast<int>(header[2]);
  file.episodes.resize(static_cast<size_t>(header[3]));
  for (GoldenEpisode& episode : file.episodes) {
    const std::vector<double> sizes = read(2);
    episode.steps = static_cast<int>(sizes[0]);
    episode.observation_stride = static_cast<int>(sizes[1]);
    const size_t steps = static_cast<size_t>(episode.steps);
    episode.states = read((steps + 1) * file.state_size);
    episode.actions = read(steps * file.num_controls);
    episode.rewards = read(steps);
    episode.terminated = read(steps);
    episode.truncated = read(steps);
    episode.observations = read((steps / episode.observation_stride + 1) * file.observation_size);
  }
  return file;
}

}  // namespace rollout

#endif  // ROLLOUT_TESTS_SYSTEMS_GOLDEN_EPISODE_H_
