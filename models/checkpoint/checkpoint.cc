#include "models/checkpoint/checkpoint.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/sha256.h"
#include "models/checkpoint/checkpoint_fault.h"
#include "models/checkpoint/folder.h"
#include "models/checkpoint/manifest.h"
#include "models/checkpoint/model_json.h"
#include "models/checkpoint/safetensors.h"
#include "models/checkpoint/strict_json.h"
#include "models/rewards/reward.h"

namespace rollout {
namespace {

constexpr float kMinInputStd = 1e-8f;
constexpr int64_t kMaxGoldenBytes = int64_t{256} << 20;
constexpr int64_t kMaxOtherBytes = int64_t{16} << 20;
constexpr int64_t kSafetensorsOverhead = 8 + kMaxJsonBytes;

absl::Status Invalid(const std::string& message) { return absl::InvalidArgumentError(message); }

// The bytes of the weights by the spec. At most 64 * 17 * 8192^2 numbers a network: no overflow.
int64_t WeightBytes(const TransitionModelSpec& spec) {
  int64_t numbers = 0;
  for (const TensorShape& tensor : ExpectedTensors(spec)) {
    int64_t size = 1;
    for (const int64_t dimension : tensor.shape) size *= dimension;
    numbers += size;
  }
  return numbers * static_cast<int64_t>(sizeof(float));
}

absl::Status CheckTensor(const NamedTensor& tensor, const TensorShape& expected) {
  if (tensor.name != expected.name || tensor.shape != expected.shape) {
    return Invalid(absl::StrCat("tensor ", tensor.name, ": found shape [",
                                absl::StrJoin(tensor.shape, ", "), "], expected [",
                                absl::StrJoin(expected.shape, ", "), "]"));
  }
  int64_t size = 1;
  for (const int64_t dimension : tensor.shape) size *= dimension;
  if (size != static_cast<int64_t>(tensor.data.size())) {
    return Invalid(absl::StrCat("tensor ", tensor.name, ": found ", tensor.data.size(),
                                " numbers, expected ", size));
  }
  float minimum = -INFINITY;
  if (tensor.name == "input.std") minimum = kMinInputStd;
  if (tensor.name == "output.std") minimum = 0.0f;
  for (size_t k = 0; k < tensor.data.size(); ++k) {
    if (!std::isfinite(tensor.data[k]) || tensor.data[k] < minimum) {
      return WithFault(
          CheckpointFault::kNumbers,
          Invalid(absl::StrCat(
              "tensor ", tensor.name, ": found ", tensor.data[k], " at element ", k, ", expected ",
              std::isfinite(minimum) ? absl::StrCat("finite numbers of at least ", minimum)
                                     : "finite numbers")));
    }
  }
  return absl::OkStatus();
}

// Puts what a file holds into the order of ExpectedTensors; exactly those, no other.
absl::StatusOr<std::vector<NamedTensor>> ArrangeTensors(std::vector<NamedTensor> found,
                                                        const TransitionModelSpec& spec) {
  std::vector<NamedTensor> arranged;
  std::vector<bool> taken(found.size());
  for (const TensorShape& expected : ExpectedTensors(spec)) {
    const auto match = std::find_if(found.begin(), found.end(), [&](const NamedTensor& tensor) {
      return tensor.name == expected.name;
    });
    if (match == found.end()) return Invalid(absl::StrCat("tensor ", expected.name, " is missing"));
    taken[static_cast<size_t>(match - found.begin())] = true;
    arranged.push_back(std::move(*match));
  }
  for (size_t i = 0; i < found.size(); ++i) {
    if (!taken[i]) {
      return Invalid(absl::StrCat("tensor \"", found[i].name, "\" is unknown to kind ",
                                  Name(spec.dynamics.kind), " with these settings"));
    }
  }
  return arranged;
}

// A version folder while it is read.
class VersionReader {
 public:
  VersionReader(const Folder& folder, Manifest manifest)
      : folder_(folder), manifest_(std::move(manifest)) {}

  bool Lists(const char* name) const { return manifest_.count(name) != 0; }

  // The listed file `name`, compared with the manifest.
  absl::StatusOr<std::string> Read(const std::string& name, int64_t max_bytes) const {
    const ManifestEntry& entry = manifest_.at(name);
    absl::StatusOr<struct stat> stat = folder_.Stat(name);
    if (!stat.ok()) return stat.status();
    if (S_ISREG(stat->st_mode) && stat->st_size != entry.bytes) {
      return absl::DataLossError(absl::StrCat(name, ": found ", stat->st_size, " bytes, expected ",
                                              entry.bytes, " by ", kManifestFile));
    }
    absl::StatusOr<std::string> bytes = folder_.ReadFile(name, max_bytes);
    if (!bytes.ok()) return bytes.status();
    if (absl::Status s = CheckFile(*bytes, entry); !s.ok()) return At(name, s);
    return bytes;
  }

  absl::StatusOr<std::vector<NamedTensor>> ReadTensors(const std::string& name,
                                                       int64_t max_bytes) const {
    absl::StatusOr<std::string> bytes = Read(name, max_bytes);
    if (!bytes.ok()) return bytes.status();
    absl::StatusOr<Safetensors> tensors = ParseSafetensors(*bytes);
    if (!tensors.ok()) return At(name, WithFault(CheckpointFault::kContent, tensors.status()));
    return std::move(tensors->tensors);
  }

  // Nothing but what the manifest lists, itself, and names that start with a dot.
  absl::Status CheckNothingElse() const {
    absl::StatusOr<std::vector<std::string>> names = folder_.List();
    if (!names.ok()) return names.status();
    for (const std::string& name : *names) {
      if (name[0] == '.' || name == kManifestFile || manifest_.count(name) != 0) continue;
      return Invalid(absl::StrCat(name, " is not listed in ", kManifestFile));
    }
    return absl::OkStatus();
  }

  const Manifest& manifest() const { return manifest_; }

 private:
  const Folder& folder_;
  Manifest manifest_;
};

absl::StatusOr<TransitionModelSpec> ReadSpec(const VersionReader& reader,
                                             const std::string& model) {
  absl::StatusOr<std::string> text = reader.Read(kModelFile, kMaxJsonBytes);
  if (!text.ok()) return text.status();
  absl::StatusOr<TransitionModelSpec> spec = ParseModelJson(*text);
  if (!spec.ok()) return At(kModelFile, WithFault(CheckpointFault::kContent, spec.status()));
  if (spec->name != model) {
    return WithFault(
        CheckpointFault::kContent,
        Invalid(absl::StrCat(kModelFile, ": found name \"", spec->name, "\" in the folder of \"",
                             model, "\", expected the folder's name")));
  }
  return spec;
}

absl::StatusOr<Checkpoint> ReadVersionFolder(const Folder& folder, const std::string& model) {
  absl::StatusOr<std::string> text = folder.ReadFile(kManifestFile, kMaxJsonBytes);
  if (!text.ok()) return text.status();
  absl::StatusOr<Manifest> manifest = ParseManifest(*text);
  if (!manifest.ok()) return At(kManifestFile, manifest.status());
  const VersionReader reader(folder, *std::move(manifest));
  if (absl::Status s = reader.CheckNothingElse(); !s.ok()) return s;

  absl::StatusOr<TransitionModelSpec> spec = ReadSpec(reader, model);
  if (!spec.ok()) return spec.status();
  absl::StatusOr<std::vector<NamedTensor>> weights =
      reader.ReadTensors(kWeightsFile, WeightBytes(*spec) + kSafetensorsOverhead);
  if (!weights.ok()) return weights.status();
  weights = ArrangeTensors(*std::move(weights), *spec);
  if (!weights.ok())
    return At(kWeightsFile, WithFault(CheckpointFault::kContent, weights.status()));

  Checkpoint checkpoint;
  auto transition_model = std::make_shared<TransitionModel>();
  transition_model->spec = *std::move(spec);
  transition_model->weights = *std::move(weights);
  if (absl::Status s = ValidateModel(*transition_model); !s.ok())
    return WithFault(CheckpointFault::kContent, s);
  for (const auto& [name, entry] : reader.manifest()) {
    if (name == kModelFile || name == kWeightsFile) continue;
    if (name == kGoldenFile) {
      absl::StatusOr<std::vector<NamedTensor>> tensors = reader.ReadTensors(name, kMaxGoldenBytes);
      if (!tensors.ok()) return tensors.status();
      absl::StatusOr<GoldenSet> golden =
          GoldenFromTensors(*std::move(tensors), transition_model->spec);
      if (!golden.ok()) return At(name, WithFault(CheckpointFault::kContent, golden.status()));
      checkpoint.golden = *std::move(golden);
      continue;
    }
    absl::StatusOr<std::string> bytes = reader.Read(name, kMaxOtherBytes);
    if (!bytes.ok()) return bytes.status();
    if (name == kCardFile) checkpoint.card = *std::move(bytes);
  }
  absl::StatusOr<struct stat> stat = folder.Stat(kManifestFile);
  if (!stat.ok()) return stat.status();
  checkpoint.modified_unix_ns =
      static_cast<int64_t>(stat->st_mtim.tv_sec) * 1'000'000'000 + stat->st_mtim.tv_nsec;
  checkpoint.manifest_sha256 = Sha256Hex(*text);
  checkpoint.model = std::move(transition_model);
  return checkpoint;
}

}  // namespace

absl::StatusOr<Checkpoint> ReadCheckpoint(const std::string& repository, const std::string& model,
                                          int64_t version) {
  if (!IsModelName(model)) {
    return Invalid(
        absl::StrCat("found model name \"", model, "\", expected [A-Za-z0-9][A-Za-z0-9._-]{0,63}"));
  }
  if (version < 1) return Invalid(absl::StrCat("found version ", version, ", expected 1 or more"));
  const std::string where = absl::StrCat(model, "/", version);
  absl::StatusOr<Folder> root = Folder::Open(repository);
  if (!root.ok()) return root.status();
  absl::StatusOr<Folder> model_folder = root->OpenInside(model, *root);
  if (!model_folder.ok()) return At(where, model_folder.status());
  absl::StatusOr<Folder> folder = model_folder->OpenInside(absl::StrCat(version), *root);
  if (!folder.ok()) return At(where, folder.status());
  absl::StatusOr<Checkpoint> checkpoint = ReadVersionFolder(*folder, model);
  if (!checkpoint.ok()) return At(where, checkpoint.status());
  return checkpoint;
}

absl::Status ValidateModel(const TransitionModel& model) {
  const TransitionModelSpec& spec = model.spec;
  if (absl::Status s = ValidateSpec(spec); !s.ok()) return At(kModelFile, s);
  if (!spec.reward.empty()) {
    const auto reward = FindReward(spec.reward, spec.num_positions, spec.num_controls);
    if (!reward.ok()) {
      return Invalid(absl::StrCat(kModelFile, ": reward: ", reward.status().message()));
    }
  }
  if (!spec.termination.empty()) {
    const auto termination =
        FindTermination(spec.termination, spec.num_positions, spec.num_controls);
    if (!termination.ok()) {
      return Invalid(absl::StrCat(kModelFile, ": termination: ", termination.status().message()));
    }
  }
  const std::vector<TensorShape> expected = ExpectedTensors(spec);
  if (model.weights.size() != expected.size()) {
    return Invalid(absl::StrCat(kWeightsFile, ": found ", model.weights.size(),
                                " tensors, expected ", expected.size()));
  }
  for (size_t k = 0; k < expected.size(); ++k) {
    if (absl::Status s = CheckTensor(model.weights[k], expected[k]); !s.ok()) {
      return At(kWeightsFile, s);
    }
  }
  return absl::OkStatus();
}

std::map<std::string, std::string> CheckpointFiles(const CheckpointContent& content) {
  std::map<std::string, std::string> files;
  files[kModelFile] = WriteModelJson(content.model.spec);
  files[kWeightsFile] = WriteSafetensors(content.model.weights);
  if (content.golden.has_value()) {
    files[kGoldenFile] = WriteSafetensors(GoldenToTensors(*content.golden, content.model.spec));
  }
  if (!content.card.empty()) files[kCardFile] = content.card;
  Manifest manifest;
  for (const auto& [name, bytes] : files) manifest[name] = DescribeFile(bytes);
  files[kManifestFile] = WriteManifest(manifest);
  return files;
}

}  // namespace rollout
