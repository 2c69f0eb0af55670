# Compiler, linker and cache settings of every target, and the functions with which rooms declare theirs.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET default)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin/engines)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(ROLLOUT_CCACHE ccache)
if(ROLLOUT_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${ROLLOUT_CCACHE})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${ROLLOUT_CCACHE})
endif()
find_program(ROLLOUT_MOLD mold)
if(ROLLOUT_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wall> $<$<COMPILE_LANGUAGE:CXX>:-Wextra> $<$<COMPILE_LANGUAGE:CXX>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options(-Wthread-safety -Wno-unused-command-line-argument)
endif()
if(ROLLOUT_SANITIZE)
  add_compile_options(-fsanitize=${ROLLOUT_SANITIZE} -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${ROLLOUT_SANITIZE})
  # What it finds ends the program: g++ would print undefined behaviour and go on, and the test would pass.
  add_compile_options(-fno-sanitize-recover=all)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # Debian's protobuf does not export the type information that this check asks for.
    add_compile_options(-fno-sanitize=vptr)
  else()
    # What g++ 12 inserts for the sanitizers makes it take std::optional's empty strings for uninitialised ones.
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
endif()

# rollout_library(NAME SOURCES ... [LINK ...]): a static library of one room; headers are included from the root.
function(rollout_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
endfunction()

# Every program that a test runs: what the sanitizers build.
add_custom_target(rollout_tests)

# The tests with label `threads`: they know neither gRPC nor LibTorch and run under the thread sanitizer.
add_custom_target(rollout_thread_tests)

# rollout_test(NAME SOURCES ... [LINK ...] [LABELS ...] [TIMEOUT seconds]): a GoogleTest program run by ctest.
function(rollout_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gmock GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  add_dependencies(rollout_tests ${name})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 1200)  # for a machine that has other things to do
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT})
  if(ARG_LABELS)
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}")
    if("threads" IN_LIST ARG_LABELS)
      add_dependencies(rollout_thread_tests ${name})
    endif()
  endif()
endfunction()
