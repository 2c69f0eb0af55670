# What the rooms link: Debian's packages, and what third_party/setup.sh unpacked from wheels.
find_package(Threads REQUIRED)
find_package(absl REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_package(GTest REQUIRED)
find_package(hwy REQUIRED)
find_package(benchmark REQUIRED)
find_package(spdlog REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(HDF5 REQUIRED IMPORTED_TARGET hdf5)

set(ROLLOUT_UNPACKED ${PROJECT_SOURCE_DIR}/third_party/.unpacked)
set(ROLLOUT_TEST_PYTHON ${PROJECT_SOURCE_DIR}/third_party/.venv/bin/python)
if(NOT EXISTS ${ROLLOUT_UNPACKED}/mujoco)
  message(FATAL_ERROR "MuJoCo is not unpacked: run `make setup` first")
endif()

# MuJoCo and the MJCF files of Gymnasium.
add_library(rollout_mujoco_library SHARED IMPORTED)
set_target_properties(rollout_mujoco_library PROPERTIES
  IMPORTED_LOCATION ${ROLLOUT_UNPACKED}/mujoco/lib/libmujoco.so.3.17.0)
target_include_directories(rollout_mujoco_library SYSTEM INTERFACE ${ROLLOUT_UNPACKED}/mujoco/include)
set(ROLLOUT_MJCF_DIR ${ROLLOUT_UNPACKED}/gymnasium/mujoco)

# LibTorch: torch_cpu and c10 alone (libtorch.so and TorchConfig.cmake want all of CUDA).
if(ROLLOUT_WITH_TORCH)
  set(ROLLOUT_TORCH_LIB ${ROLLOUT_UNPACKED}/torch/lib)
  add_library(rollout_torch INTERFACE)
  target_include_directories(rollout_torch SYSTEM INTERFACE
    ${ROLLOUT_UNPACKED}/torch/include ${ROLLOUT_UNPACKED}/torch/include/torch/csrc/api/include)
  target_compile_options(rollout_torch INTERFACE -Wno-sign-compare)
  target_link_libraries(rollout_torch INTERFACE ${ROLLOUT_TORCH_LIB}/libtorch_cpu.so ${ROLLOUT_TORCH_LIB}/libc10.so)
  target_link_options(rollout_torch INTERFACE
    -Wl,--allow-shlib-undefined -Wl,-rpath-link,${ROLLOUT_TORCH_LIB})
endif()
