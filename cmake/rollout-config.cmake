# find_package(rollout) gives rollout::client, the C++ client library; docs/clients.md has a whole program.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(OpenSSL)
find_dependency(absl)
find_dependency(Protobuf)
find_dependency(gRPC)
include(${CMAKE_CURRENT_LIST_DIR}/rollout-targets.cmake)
