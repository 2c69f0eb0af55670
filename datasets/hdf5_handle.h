// HDF5's C library as owned handles and Status. Only the .cc files of this room include this.
#ifndef ROLLOUT_DATASETS_HDF5_HANDLE_H_
#define ROLLOUT_DATASETS_HDF5_HANDLE_H_

#include <hdf5.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/mutex.h"

namespace rollout {

// Held while the library is called: HDF5 serves one thread at a time (Debian's build does not
// promise more), and it prints every error on stderr unless told not to.
class Hdf5Session {
 public:
  Hdf5Session() ABSL_NO_THREAD_SAFETY_ANALYSIS;
  ~Hdf5Session() ABSL_NO_THREAD_SAFETY_ANALYSIS;
  Hdf5Session(const Hdf5Session&) = delete;
  Hdf5Session& operator=(const Hdf5Session&) = delete;

 private:
  H5E_auto2_t print_ = nullptr;
  void* print_data_ = nullptr;
};

// Owns one HDF5 id, closed by the function that fits its kind. Lives within sessions.
class Hdf5Handle {
 public:
  using CloseFunction = herr_t (*)(hid_t);

  Hdf5Handle() = default;
  Hdf5Handle(hid_t id, CloseFunction close) : id_(id), close_(close) {}
  ~Hdf5Handle() { Close(); }
  Hdf5Handle(Hdf5Handle&& other) noexcept
      : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Hdf5Handle& operator=(Hdf5Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }

  bool ok() const { return id_ >= 0; }
  hid_t get() const { return id_; }
  // False where the library could not close (for a file: write) what is behind the id.
  bool Close() {
    const hid_t id = std::exchange(id_, H5I_INVALID_HID);
    return id < 0 || close_(id) >= 0;
  }

 private:
  hid_t id_ = H5I_INVALID_HID;
  CloseFunction close_ = nullptr;
};

// UNAVAILABLE: "<what>: <HDF5's innermost reason>".
absl::Status Hdf5Error(absl::string_view what);

}  // namespace rollout

#endif  // ROLLOUT_DATASETS_HDF5_HANDLE_H_
