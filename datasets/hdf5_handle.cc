#include "datasets/hdf5_handle.h"

#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

Mutex& LibraryMutex() {
  static Mutex mutex;
  return mutex;
}

herr_t KeepDescription(unsigned /*level*/, const H5E_error2_t* error, void* text) {
  *static_cast<std::string*>(text) = error->desc != nullptr ? error->desc : "";
  return 0;
}

}  // namespace

Hdf5Session::Hdf5Session() {
  LibraryMutex().Lock();
  H5Eget_auto2(H5E_DEFAULT, &print_, &print_data_);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Hdf5Session::~Hdf5Session() {
  H5Eset_auto2(H5E_DEFAULT, print_, print_data_);
  LibraryMutex().Unlock();
}

absl::Status Hdf5Error(absl::string_view what) {
  std::string reason;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, KeepDescription, &reason);
  return absl::UnavailableError(absl::StrCat(what, reason.empty() ? "" : ": ", reason));
}

}  // namespace rollout
