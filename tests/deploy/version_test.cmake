# Holds cmake/RolloutVersion.cmake against a repository made here: before the first tag, on a tag, after it, without git.
include(${MODULES}/RolloutVersion.cmake)

function(expect what found pattern)
  if(NOT found MATCHES "^${pattern}$")
    message(FATAL_ERROR "${what}: found \"${found}\", expected ${pattern}")
  endif()
endfunction()

string(RANDOM LENGTH 12 random)
set(folder $ENV{TMPDIR})
if(NOT folder)
  set(folder /tmp)
endif()
set(folder ${folder}/rollout-version-${random})
file(MAKE_DIRECTORY ${folder})

function(git)
  execute_process(COMMAND git -C ${folder} -c user.name=Test -c user.email=test@localhost -c init.defaultBranch=main
    -c commit.gpgSign=false -c tag.gpgSign=false ${ARGN} OUTPUT_QUIET ERROR_VARIABLE error RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "git ${ARGN}: ${error}")
  endif()
endfunction()

rollout_version_of(version ${folder} 0.1.0)
expect("without git" "${version}" "0\\.1\\.0-dev")

git(init)
git(commit --allow-empty -m first)
rollout_version_of(version ${folder} 0.1.0)
expect("before the first tag" "${version}" "0\\.1\\.0-dev\\+g[0-9a-f]+")
rollout_debian_version(debian "${version}")
expect("for Debian, before the first tag" "${debian}" "0\\.1\\.0~dev\\+g[0-9a-f]+")

git(tag v0.2.0)
rollout_version_of(version ${folder} 0.1.0)
expect("on a tag" "${version}" "0\\.2\\.0")

git(commit --allow-empty -m second)
rollout_version_of(version ${folder} 0.1.0)
expect("after a tag" "${version}" "0\\.2\\.0\\+1\\.g[0-9a-f]+")
rollout_debian_version(debian "${version}")
execute_process(COMMAND dpkg --compare-versions "${debian}" gt 0.2.0 RESULT_VARIABLE earlier)
expect("a build after the tag is newer for dpkg" "${earlier}" "0")

file(REMOVE_RECURSE ${folder})
