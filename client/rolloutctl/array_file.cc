#include "client/rolloutctl/array_file.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"

namespace rollout {
namespace {

constexpr absl::string_view kNpyMagic("\x93NUMPY", 6);

template <typename Number>
std::vector<double> Widen(absl::string_view bytes) {
  std::vector<double> values(bytes.size() / sizeof(Number));
  for (size_t i = 0; i < values.size(); ++i) {
    Number value;  // the file's numbers need not be aligned
    std::memcpy(&value, bytes.data() + i * sizeof(Number), sizeof(Number));
    values[i] = static_cast<double>(value);
  }
  return values;
}

// The text between `key`: and the next comma outside parentheses, of a header such as
// {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }.
std::string HeaderField(absl::string_view header, absl::string_view key) {
  const size_t found = header.find(absl::StrCat("'", key, "':"));
  if (found == absl::string_view::npos) return "";
  std::string value;
  int depth = 0;
  for (const char c : header.substr(found + key.size() + 3)) {
    depth += (c == '(') - (c == ')');
    if (depth == 0 && (c == ',' || c == '}')) break;
    value += c;
  }
  absl::StripAsciiWhitespace(&value);
  return value;
}

absl::StatusOr<std::vector<int64_t>> ParseShape(const std::string& text) {
  std::vector<int64_t> shape;
  for (absl::string_view part : absl::StrSplit(text, absl::ByAnyChar("(), "), absl::SkipEmpty())) {
    int64_t size;
    if (!absl::SimpleAtoi(part, &size) || size < 0) {
      return absl::InvalidArgumentError(absl::StrCat("shape ", text, " is not understood"));
    }
    shape.push_back(size);
  }
  return shape;
}

absl::Status AppendJson(const nlohmann::json& json, size_t depth, Array* array) {
  if (json.is_number()) {
    if (depth != array->shape.size()) {
      return absl::InvalidArgumentError("its lists are not equally deep");
    }
    array->values.push_back(json.get<double>());
    return absl::OkStatus();
  }
  if (!json.is_array()) {
    return absl::InvalidArgumentError(
        absl::StrCat("it holds ", json.type_name(), " where a list or a number was expected"));
  }
  if (depth >= array->shape.size()) {
    return absl::InvalidArgumentError("its lists are not equally deep");
  }
  if (static_cast<int64_t>(json.size()) != array->shape[depth]) {
    return absl::InvalidArgumentError(absl::StrCat("a list of ", json.size(), " stands where ",
                                                   array->shape[depth], " were expected"));
  }
  for (const nlohmann::json& part : json) {
    if (absl::Status status = AppendJson(part, depth + 1, array); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

nlohmann::json NestedJson(absl::Span<const float> values, absl::Span<const int64_t> shape) {
  if (shape.size() <= 1) return std::vector<float>(values.begin(), values.end());
  nlohmann::json list = nlohmann::json::array();
  const size_t row = shape[0] == 0 ? 0 : values.size() / shape[0];
  for (int64_t i = 0; i < shape[0]; ++i) {
    list.push_back(NestedJson(values.subspan(i * row, row), shape.subspan(1)));
  }
  return list;
}

std::string FormatShape(absl::Span<const int64_t> shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

absl::StatusOr<Array> ParseNpy(absl::string_view bytes) {
  if (!absl::StartsWith(bytes, kNpyMagic) || bytes.size() < 12) {
    return absl::InvalidArgumentError("it does not begin like a .npy file");
  }
  const int major = bytes[6];
  const size_t length_bytes = major == 1 ? 2 : 4;
  uint32_t header_length = 0;
  std::memcpy(&header_length, bytes.data() + 8, length_bytes);
  const size_t start = 8 + length_bytes;
  if (major < 1 || major > 3 || header_length > bytes.size() - start) {
    return absl::InvalidArgumentError("its .npy header is damaged");
  }
  const absl::string_view header = bytes.substr(start, header_length);
  if (HeaderField(header, "fortran_order") != "False") {
    return absl::InvalidArgumentError(
        "it is in Fortran order: save numpy.ascontiguousarray(x) instead");
  }
  Array array;
  absl::StatusOr<std::vector<int64_t>> shape = ParseShape(HeaderField(header, "shape"));
  if (!shape.ok()) return shape.status();
  array.shape = *std::move(shape);
  const absl::string_view data = bytes.substr(start + header_length);
  const std::string type = HeaderField(header, "descr");
  if (type == "'<f4'") {
    array.values = Widen<float>(data);
  } else if (type == "'<f8'") {
    array.values = Widen<double>(data);
  } else if (type == "'<i4'") {
    array.values = Widen<int32_t>(data);
  } else if (type == "'<i8'") {
    array.values = Widen<int64_t>(data);
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("its numbers are ", type, ": expected float32, float64, int32 or int64"));
  }
  uint64_t count = 1;
  bool overflows = false;
  for (const uint64_t size : array.shape) {
    overflows = overflows || (size > 0 && count > std::numeric_limits<uint64_t>::max() / size);
    count *= size;
  }
  if (overflows || count != array.values.size()) {
    return absl::InvalidArgumentError(absl::StrCat("shape ", FormatShape(array.shape), " does not ",
                                                   "fit its ", array.values.size(), " numbers"));
  }
  return array;
}

absl::StatusOr<Array> ParseJsonArray(absl::string_view text) {
  const nlohmann::json json =
      nlohmann::json::parse(text.begin(), text.end(), /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return absl::InvalidArgumentError("it is no JSON");
  Array array;
  for (const nlohmann::json* part = &json; part->is_array(); part = &(*part)[0]) {
    array.shape.push_back(static_cast<int64_t>(part->size()));
    if (part->empty()) break;
  }
  if (absl::Status status = AppendJson(json, 0, &array); !status.ok()) return status;
  return array;
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  if (!file || !(bytes << file.rdbuf())) {
    return absl::ErrnoToStatus(errno == 0 ? EIO : errno, absl::StrCat("cannot read ", path));
  }
  return bytes.str();
}

absl::StatusOr<Array> ReadArray(const std::string& option, const std::string& text) {
  const auto named = [&](absl::StatusOr<Array> array) -> absl::StatusOr<Array> {
    if (array.ok()) return array;
    return absl::Status(array.status().code(),
                        absl::StrCat(option, " ", text, ": ", array.status().message()));
  };
  const bool is_npy = absl::EndsWith(text, ".npy");
  if (is_npy || absl::EndsWith(text, ".json")) {
    const absl::StatusOr<std::string> bytes = ReadFile(text);
    if (!bytes.ok()) return named(bytes.status());
    return named(is_npy ? ParseNpy(*bytes) : ParseJsonArray(*bytes));
  }
  if (absl::StartsWith(text, "[")) return named(ParseJsonArray(text));
  Array array;
  for (absl::string_view part : absl::StrSplit(text, ',')) {
    double value;
    if (!absl::SimpleAtod(absl::StripAsciiWhitespace(part), &value)) {
      return named(absl::InvalidArgumentError(
          "expected numbers separated by commas, a JSON list, or a .npy or .json file"));
    }
    array.values.push_back(value);
  }
  array.shape = {static_cast<int64_t>(array.values.size())};
  return array;
}

std::string FormatNpy(absl::Span<const float> values, absl::Span<const int64_t> shape) {
  std::string header =
      absl::StrCat("{'descr': '<f4', 'fortran_order': False, 'shape': (",
                   absl::StrJoin(shape, ", "), shape.size() == 1 ? ",), }" : "), }");
  // Magic, version and length are 10 bytes; the numbers start at a multiple of 64.
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  const uint16_t length = static_cast<uint16_t>(header.size());
  std::string bytes(kNpyMagic);
  bytes.append("\x01\x00", 2);
  bytes.append(reinterpret_cast<const char*>(&length), 2);
  bytes += header;
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  return bytes;
}

}  // namespace rollout
