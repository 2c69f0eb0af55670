#include "datasets/dataset_attributes.h"

#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

constexpr char kDatasetId[] = "dataset_id";

// Variable-length UTF-8, as h5py writes str.
Hdf5Handle TextType() {
  Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), H5T_VARIABLE);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  return type;
}

absl::Status WriteRaw(hid_t object, const char* name, hid_t type, hid_t space, const void* data) {
  const Hdf5Handle attribute(H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT),
                             H5Aclose);
  if (!attribute.ok() || H5Awrite(attribute.get(), type, data) < 0) {
    return Hdf5Error(absl::StrCat("cannot write attribute ", name));
  }
  return absl::OkStatus();
}

// Writes attribute after attribute; after the first failure does nothing more.
class AttributeWriter {
 public:
  explicit AttributeWriter(hid_t object) : object_(object) {}

  void Scalar(const char* name, hid_t type, const void* value) {
    const Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose);
    Write(name, type, space.get(), value);
  }
  void Text(const char* name, const std::string& text) {
    if (text.empty()) return;
    const char* data = text.c_str();
    Scalar(name, TextType().get(), &data);
  }
  void List(const char* name, hid_t type, size_t count, const void* values) {
    if (count == 0) return;
    const hsize_t size = count;
    const Hdf5Handle space(H5Screate_simple(1, &size, nullptr), H5Sclose);
    Write(name, type, space.get(), values);
  }
  void Texts(const char* name, const std::vector<std::string>& texts) {
    std::vector<const char*> data;
    for (const std::string& text : texts) data.push_back(text.c_str());
    List(name, TextType().get(), data.size(), data.data());
  }

  const absl::Status& status() const { return status_; }

 private:
  void Write(const char* name, hid_t type, hid_t space, const void* data) {
    if (status_.ok()) status_ = WriteRaw(object_, name, type, space, data);
  }

  const hid_t object_;
  absl::Status status_;
};

// Reads attribute after attribute; those that are missing leave their target alone.
class AttributeReader {
 public:
  explicit AttributeReader(hid_t object) : object_(object) {}

  bool Has(const char* name) const { return H5Aexists(object_, name) > 0; }

  template <typename T>
  void Scalar(const char* name, hid_t type, T* value) {
    std::vector<T> values;
    List(name, type, &values);
    if (values.empty()) return;
    if (values.size() == 1) {
      *value = values[0];
    } else {
      Fail(absl::StrCat("attribute ", name, " has ", values.size(), " numbers, expected one"));
    }
  }

  template <typename T>
  void List(const char* name, hid_t type, std::vector<T>* values) {
    Open(name, [&](hid_t attribute, size_t count, H5T_class_t kind) {
      if (kind != H5T_INTEGER && kind != H5T_FLOAT) {
        Fail(absl::StrCat("attribute ", name, " is not numeric"));
        return;
      }
      values->resize(count);
      if (count > 0 && H5Aread(attribute, type, values->data()) < 0) FailToRead(name);
    });
  }

  void Texts(const char* name, std::vector<std::string>* texts) {
    Open(name, [&](hid_t attribute, size_t count, H5T_class_t kind) {
      if (kind != H5T_STRING) {
        Fail(absl::StrCat("attribute ", name, " is not text"));
        return;
      }
      const Hdf5Handle type(H5Aget_type(attribute), H5Tclose);
      if (H5Tis_variable_str(type.get()) > 0) {
        ReadVariableTexts(name, attribute, type.get(), count, texts);
      } else {
        ReadFixedTexts(name, attribute, type.get(), count, texts);
      }
    });
  }

  void Text(const char* name, std::string* text) {
    std::vector<std::string> texts;
    Texts(name, &texts);
    if (texts.size() == 1) *text = texts[0];
    if (texts.size() > 1) Fail(absl::StrCat("attribute ", name, " is a list, expected one text"));
  }

  const absl::Status& status() const { return status_; }

 private:
  template <typename Read>
  void Open(const char* name, Read read) {
    if (!status_.ok() || !Has(name)) return;
    const Hdf5Handle attribute(H5Aopen(object_, name, H5P_DEFAULT), H5Aclose);
    const Hdf5Handle space(H5Aget_space(attribute.get()), H5Sclose);
    const Hdf5Handle type(H5Aget_type(attribute.get()), H5Tclose);
    const hssize_t count = H5Sget_simple_extent_npoints(space.get());
    if (!attribute.ok() || count < 0) {
      FailToRead(name);
      return;
    }
    read(attribute.get(), static_cast<size_t>(count), H5Tget_class(type.get()));
  }

  void ReadVariableTexts(const char* name, hid_t attribute, hid_t type, size_t count,
                         std::vector<std::string>* texts) {
    std::vector<char*> data(count, nullptr);
    if (count > 0 && H5Aread(attribute, type, data.data()) < 0) {
      FailToRead(name);
      return;
    }
    for (char* text : data) {
      texts->emplace_back(text == nullptr ? "" : text);
      H5free_memory(text);
    }
  }

  void ReadFixedTexts(const char* name, hid_t attribute, hid_t type, size_t count,
                      std::vector<std::string>* texts) {
    const size_t size = H5Tget_size(type);
    std::string data(size * count, '\0');
    if (count > 0 && H5Aread(attribute, type, data.data()) < 0) {
      FailToRead(name);
      return;
    }
    for (size_t i = 0; i < count; ++i) {
      const std::string cell = data.substr(i * size, size);
      texts->push_back(cell.substr(0, cell.find('\0')));
    }
  }

  void Fail(std::string message) {
    if (status_.ok()) status_ = absl::InvalidArgumentError(message);
  }
  void FailToRead(const char* name) {
    if (status_.ok()) status_ = Hdf5Error(absl::StrCat("cannot read attribute ", name));
  }

  const hid_t object_;
  absl::Status status_;
};

}  // namespace

absl::Status WriteInfoAttributes(hid_t file, const DatasetInfo& info) {
  AttributeWriter writer(file);
  writer.Text(kDatasetId, info.id);
  writer.Text("system", info.system);
  writer.Scalar("num_positions", H5T_NATIVE_INT, &info.num_positions);
  writer.Scalar("num_velocities", H5T_NATIVE_INT, &info.num_velocities);
  writer.Scalar("num_controls", H5T_NATIVE_INT, &info.num_controls);
  writer.Scalar("dt", H5T_NATIVE_DOUBLE, &info.dt);
  writer.List("angular_positions", H5T_NATIVE_INT, info.angular_positions.size(),
              info.angular_positions.data());
  writer.List("ignored_positions", H5T_NATIVE_INT, info.ignored_positions.size(),
              info.ignored_positions.data());
  writer.List("control_low", H5T_NATIVE_DOUBLE, info.control_low.size(), info.control_low.data());
  writer.List("control_high", H5T_NATIVE_DOUBLE, info.control_high.size(),
              info.control_high.data());
  writer.Texts("state_names", info.state_names);
  writer.Texts("control_names", info.control_names);
  writer.Text("reward", info.reward);
  writer.Text("termination", info.termination);
  return writer.status();
}

absl::StatusOr<DatasetInfo> ReadInfoAttributes(hid_t file) {
  AttributeReader reader(file);
  for (const char* required : {"num_positions", "dt"}) {
    if (reader.Has(required)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "has no attribute ", required,
        ", expected num_positions (how many of a state's numbers are positions) and dt (seconds "
        "between states); in Python: h5py.File(path, \"a\").attrs[\"",
        required, "\"] = ..."));
  }
  DatasetInfo info;
  info.num_velocities = -1;
  info.num_controls = -1;
  reader.Text(kDatasetId, &info.id);
  reader.Text("system", &info.system);
  reader.Scalar("num_positions", H5T_NATIVE_INT, &info.num_positions);
  reader.Scalar("num_velocities", H5T_NATIVE_INT, &info.num_velocities);
  reader.Scalar("num_controls", H5T_NATIVE_INT, &info.num_controls);
  reader.Scalar("dt", H5T_NATIVE_DOUBLE, &info.dt);
  reader.List("angular_positions", H5T_NATIVE_INT, &info.angular_positions);
  reader.List("ignored_positions", H5T_NATIVE_INT, &info.ignored_positions);
  reader.List("control_low", H5T_NATIVE_DOUBLE, &info.control_low);
  reader.List("control_high", H5T_NATIVE_DOUBLE, &info.control_high);
  reader.Texts("state_names", &info.state_names);
  reader.Texts("control_names", &info.control_names);
  reader.Text("reward", &info.reward);
  reader.Text("termination", &info.termination);
  if (!reader.status().ok()) return reader.status();
  return info;
}

absl::Status WriteInt64Attribute(hid_t object, const char* name, int64_t value) {
  AttributeWriter writer(object);
  writer.Scalar(name, H5T_NATIVE_INT64, &value);
  return writer.status();
}

absl::Status WriteUint64Attribute(hid_t object, const char* name, uint64_t value) {
  AttributeWriter writer(object);
  writer.Scalar(name, H5T_NATIVE_UINT64, &value);
  return writer.status();
}

absl::Status WriteTextAttribute(hid_t object, const char* name, const std::string& text) {
  if (text.empty()) return absl::OkStatus();
  // Of fixed length: a variable one costs a heap in each group.
  const Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), text.size());
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  AttributeWriter writer(object);
  writer.Scalar(name, type.get(), text.data());
  return writer.status();
}

absl::StatusOr<std::string> ReadTextAttribute(hid_t object, const char* name) {
  AttributeReader reader(object);
  std::string text;
  reader.Text(name, &text);
  if (!reader.status().ok()) return reader.status();
  return text;
}

absl::StatusOr<uint64_t> ReadUint64Attribute(hid_t object, const char* name, uint64_t fallback) {
  AttributeReader reader(object);
  reader.Scalar(name, H5T_NATIVE_UINT64, &fallback);
  if (!reader.status().ok()) return reader.status();
  return fallback;
}

}  // namespace rollout
