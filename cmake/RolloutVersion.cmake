# The version of the tree from its git tags (v<major>.<minor>.<patch>), and the same for Debian.

# rollout_version_of(OUT FOLDER FALLBACK): "0.2.0" on the tag v0.2.0, "0.2.0+12.gabc1234" 12 commits after it,
# "<FALLBACK>-dev+gabc1234" before the first tag, "<FALLBACK>-dev" where git cannot tell (an archive of the sources).
function(rollout_version_of out folder fallback)
  find_program(ROLLOUT_GIT git)
  set(${out} "${fallback}-dev" PARENT_SCOPE)
  if(NOT ROLLOUT_GIT OR NOT EXISTS ${folder}/.git)
    return()
  endif()
  execute_process(
    COMMAND ${ROLLOUT_GIT} -C ${folder} describe --tags --long --always --abbrev=7 --match "v[0-9]*"
    OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(failed)
    return()
  endif()
  if(described MATCHES "^v([0-9]+\\.[0-9]+\\.[0-9]+)-0-g[0-9a-f]+$")
    set(${out} "${CMAKE_MATCH_1}" PARENT_SCOPE)
  elseif(described MATCHES "^v([0-9]+\\.[0-9]+\\.[0-9]+)-([0-9]+)-(g[0-9a-f]+)$")
    set(${out} "${CMAKE_MATCH_1}+${CMAKE_MATCH_2}.${CMAKE_MATCH_3}" PARENT_SCOPE)
  elseif(described MATCHES "^[0-9a-f]+$")
    set(${out} "${fallback}-dev+g${described}" PARENT_SCOPE)
  else()
    message(FATAL_ERROR "git describes this tree as \"${described}\"; a release tag is v<major>.<minor>.<patch>")
  endif()
endfunction()

# rollout_debian_version(OUT VERSION): with ~ for what must sort before the release.
function(rollout_debian_version out version)
  string(REPLACE "-dev" "~dev" version "${version}")
  set(${out} "${version}" PARENT_SCOPE)
endfunction()
