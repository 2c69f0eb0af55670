# nvcc, of preset `cuda` alone: the machine's own, or the one of the wheels that third_party/setup.sh --cuda unpacks.
# Machine code for A100 (8.0; runs on 8.6 and 8.9 too), H100 and H200 (9.0) and B200 (10.0), and PTX for what comes.
set(ROLLOUT_CUDA_ARCHITECTURES "80-real;90-real;100" CACHE STRING "CUDA architectures; one alone compiles faster")

find_program(ROLLOUT_NVCC nvcc HINTS ${PROJECT_SOURCE_DIR}/third_party/.unpacked/cuda/bin /usr/local/cuda/bin)
if(NOT ROLLOUT_NVCC)
  message(FATAL_ERROR "no nvcc: install CUDA 13.0, or run third_party/setup.sh --cuda")
endif()
set(CMAKE_CUDA_COMPILER ${ROLLOUT_NVCC})
set(CMAKE_CUDA_ARCHITECTURES ${ROLLOUT_CUDA_ARCHITECTURES})
enable_language(CUDA)
# CMake 3.25 does not know that nvcc 13 speaks C++20.
set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
set(CMAKE_CUDA_STANDARD 20)
set(CMAKE_CUDA_EXTENSIONS OFF)
find_library(ROLLOUT_CUDART_STATIC cudart_static REQUIRED
  HINTS ${CMAKE_CUDA_IMPLICIT_LINK_DIRECTORIES} ${PROJECT_SOURCE_DIR}/third_party/.unpacked/cuda/lib /usr/local/cuda/lib64)
# Registers, spills and shared memory of every kernel, for docs/gpu.md.
add_compile_options($<$<COMPILE_LANGUAGE:CUDA>:-Xptxas=-v> $<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings>)
