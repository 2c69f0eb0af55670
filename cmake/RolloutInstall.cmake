# What `cmake --install` puts where, in components, and the Debian packages that CPack makes of them.
# Below the prefix: bin/, lib/rollout/engines (engine modules), lib/rollout/torch (LibTorch as the wheels bring it),
# share/rollout (models, policies, MJCF files). Programs find all of it relative to themselves.
set(engines lib/rollout/engines)
set(torch lib/rollout/torch)

install(TARGETS rolloutctl RUNTIME DESTINATION bin COMPONENT client)

# The C++ client library, for find_package(rollout) and rollout::client. Headers keep the paths that they are included by.
set(headers include/rollout)
set(package_files lib/cmake/rollout)
set_target_properties(rollout_client PROPERTIES EXPORT_NAME client)
target_include_directories(rollout_client INTERFACE $<INSTALL_INTERFACE:${headers}>)
target_compile_features(rollout_client INTERFACE cxx_std_20)
install(TARGETS rollout_client rollout_base rollout_grpc_proto rollout_proto EXPORT rollout-targets
  ARCHIVE DESTINATION lib/rollout COMPONENT dev)
install(EXPORT rollout-targets NAMESPACE rollout:: DESTINATION ${package_files} COMPONENT dev)
install(DIRECTORY client base DESTINATION ${headers} COMPONENT dev
  FILES_MATCHING PATTERN "*.h" PATTERN rolloutctl EXCLUDE)
install(DIRECTORY ${PROJECT_BINARY_DIR}/proto/ DESTINATION ${headers} COMPONENT dev
  FILES_MATCHING PATTERN "*.pb.h" PATTERN CMakeFiles EXCLUDE)
include(CMakePackageConfigHelpers)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/rollout-config-version.cmake COMPATIBILITY ExactVersion)
install(FILES cmake/rollout-config.cmake ${PROJECT_BINARY_DIR}/rollout-config-version.cmake
  DESTINATION ${package_files} COMPONENT dev)

install(TARGETS rolloutd RUNTIME DESTINATION bin COMPONENT server)
install(FILES deploy/config/rolloutd.textproto DESTINATION share/rollout COMPONENT server)
install(FILES docs/operations.md CHANGELOG.md DESTINATION share/doc/rollout-server COMPONENT server)
# What only a package may put outside the prefix.
install(FILES deploy/config/rolloutd.textproto DESTINATION /etc/rollout COMPONENT system EXCLUDE_FROM_ALL)
install(FILES deploy/systemd/rolloutd.service DESTINATION /lib/systemd/system COMPONENT system EXCLUDE_FROM_ALL)

install(DIRECTORY models/pretrained/ DESTINATION share/rollout/models COMPONENT models)

set(packages client dev server system models)
if(ROLLOUT_WITH_TORCH)
  list(APPEND packages torch trainer)
  install(TARGETS rollout_engine_torch LIBRARY DESTINATION ${engines} COMPONENT torch)
  set_target_properties(rollout_engine_torch PROPERTIES INSTALL_RPATH "$ORIGIN/../torch")
  install(DIRECTORY ${ROLLOUT_TORCH_LIB}/ DESTINATION ${torch} COMPONENT torch USE_SOURCE_PERMISSIONS)

  install(TARGETS rollout-trainer RUNTIME DESTINATION bin COMPONENT trainer)
  set_target_properties(rollout-trainer PROPERTIES INSTALL_RPATH "$ORIGIN/../${torch};$ORIGIN/../lib/rollout/mujoco")
  install(DIRECTORY ${ROLLOUT_UNPACKED}/mujoco/lib/ DESTINATION lib/rollout/mujoco
    COMPONENT trainer USE_SOURCE_PERMISSIONS)
  install(DIRECTORY ${ROLLOUT_MJCF_DIR}/ DESTINATION share/rollout/mjcf COMPONENT trainer)
  install(DIRECTORY trainer/policies/ DESTINATION share/rollout/policies COMPONENT trainer)
endif()
if(TARGET rollout_engine_cuda)
  list(APPEND packages cuda)
  install(TARGETS rollout_engine_cuda LIBRARY DESTINATION ${engines} COMPONENT cuda)
endif()
foreach(package IN LISTS packages)
  if(NOT package STREQUAL "system")
    install(FILES LICENSE DESTINATION share/doc/rollout-${package} COMPONENT ${package} RENAME copyright)
    install(FILES THIRD_PARTY_NOTICES.md DESTINATION share/doc/rollout-${package} COMPONENT ${package})
  endif()
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME rollout)
set(CPACK_PACKAGE_VENDOR "The Rollout authors")
set(CPACK_PACKAGE_CONTACT "The Rollout authors <rollout@localhost>")
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
rollout_debian_version(CPACK_PACKAGE_VERSION "${ROLLOUT_VERSION_TEXT}")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE zstd)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${ROLLOUT_UNPACKED}/torch/lib ${ROLLOUT_UNPACKED}/mujoco/lib)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_COMPONENTS_ALL ${packages})
set(CPACK_COMPONENT_SERVER_GROUP server)
set(CPACK_COMPONENT_SYSTEM_GROUP server)

# rollout_package(COMPONENT DESCRIPTION [DEPENDS ...]): one Debian package, rollout-<component>.
function(rollout_package component description)
  cmake_parse_arguments(ARG "" "DEPENDS;RECOMMENDS" "" ${ARGN})
  string(TOUPPER ${component} name)
  set(CPACK_DEBIAN_${name}_PACKAGE_NAME rollout-${component} PARENT_SCOPE)
  set(CPACK_COMPONENT_${name}_DESCRIPTION "${description}" PARENT_SCOPE)
  set(CPACK_DEBIAN_${name}_PACKAGE_DEPENDS "${ARG_DEPENDS}" PARENT_SCOPE)
  set(CPACK_DEBIAN_${name}_PACKAGE_RECOMMENDS "${ARG_RECOMMENDS}" PARENT_SCOPE)
endfunction()

set(same "(= ${CPACK_PACKAGE_VERSION})")
rollout_package(client "command line of the transition-model server Rollout")
rollout_package(dev "C++ client library of the transition-model server Rollout"
  DEPENDS "libgrpc++-dev, libprotobuf-dev, libabsl-dev, libssl-dev, pkg-config")
rollout_package(server "transition-model server for model-based reinforcement learning"
  DEPENDS adduser RECOMMENDS "rollout-client, rollout-models")
rollout_package(models "learned transition models that Rollout ships")
rollout_package(torch "LibTorch engine of Rollout" )
rollout_package(trainer "collects, fits and publishes transition models for Rollout"
  DEPENDS "rollout-torch ${same}")
rollout_package(cuda "CUDA engine of Rollout" DEPENDS "rollout-server ${same}")
set(CPACK_DEBIAN_MODELS_PACKAGE_ARCHITECTURE all)
set(scripts ${PROJECT_SOURCE_DIR}/deploy/debian/server)
set(CPACK_DEBIAN_SERVER_PACKAGE_CONTROL_EXTRA
  ${scripts}/postinst ${scripts}/prerm ${scripts}/postrm ${scripts}/conffiles)
include(CPack)
