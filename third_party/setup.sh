#!/usr/bin/env bash
# Installs what a build needs: Debian packages, then pinned and hash-checked wheels of which only the parts
# that are used are unpacked. Does nothing the second time; an interrupted run goes on where it stopped.
set -euo pipefail
cd "$(dirname "$0")"
readonly unpacked=.unpacked wheels=.wheels

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }
last_line() { grep -E '^(ERROR|E:|Err)' "$1" | tail -n 1; }

install_debian_packages() {  # LIST
  local missing=() package
  while read -r package; do
    case "$package" in '' | \#*) continue ;; esac
    dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done < "$1"
  [ "${#missing[@]}" -eq 0 ] && return
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "these Debian packages are missing and neither root nor sudo is at hand: ${missing[*]}"
    as_root=(sudo)
  fi
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  local log
  log=$(mktemp)
  "${as_root[@]}" apt-get update -qq > "$log" 2>&1 || fail "could not fetch Debian's package lists: $(last_line "$log")"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" >> "$log" 2>&1 || fail "could not install Debian packages: $(last_line "$log")"
  rm -f "$log"
}

# Debian's own Python, so that the pinned cp311 wheels fit whatever else is on the PATH.
python() { /usr/bin/python3 "$@"; }

# One wheel after the other, each with its own stamp: an interrupted run repeats the wheel it was at, and no other.
unpack_wheels() {
  mkdir -p $wheels $unpacked
  local requirement
  while read -r requirement; do
    case "$requirement" in '' | \#*) continue ;; esac
    [ -n "$without" ] && grep -qE "$without" <<< "$requirement" && continue
    unpack_wheel "$requirement"
  done < wheels.lock
}

unpack_wheel() {  # REQUIREMENT
  local requirement=$1 name=${1%%=*} pinned=${1%% *}
  local stamp=$unpacked/.$name.stamp wanted
  wanted=$({ printf '%s\n' "$requirement"; cat unpack_wheels.py; } | sha256sum)
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && return
  say "fetching $pinned"
  rm -rf "${wheels:?}/$name"
  printf '%s\n' "$requirement" > "$wheels/$name.txt"
  python -m pip download --progress-bar on --disable-pip-version-check --retries 2 --no-deps --require-hashes \
    --only-binary :all: --python-version 3.11 --implementation cp \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_25_x86_64 \
    --platform manylinux2014_x86_64 --dest "$wheels/$name" --requirement "$wheels/$name.txt" 2> $wheels/pip.log ||
    fail "could not fetch $pinned (is the network reachable?): $(last_line $wheels/pip.log)"
  say "unpacking $pinned"
  # Beside what is there, then in its place: a program that runs keeps the library that it has mapped.
  rm -rf "${unpacked:?}/.$name.new"
  python unpack_wheels.py "$name" "$wheels/$name"/*.whl "$unpacked/.$name.new"
  cp -rl --remove-destination "$unpacked/.$name.new/." $unpacked
  rm -rf "${wheels:?}/$name" "$wheels/$name.txt" $wheels/pip.log "${unpacked:?}/.$name.new"
  printf '%s\n' "$wanted" > "$stamp"
}

# CUDA's compiler as its wheels bring it, whole, in .unpacked/cuda. (105 MB to fetch, 271 MB unpacked.)
unpack_cuda() {
  local tree=$wheels/cuda stamp=$unpacked/.cuda.stamp wanted wheel
  wanted="$(sha256sum < cuda-wheels.lock) lib64"
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && return
  say "fetching CUDA's compiler"
  rm -rf "${tree:?}" "${unpacked:?}/cuda"
  mkdir -p "$tree" $unpacked
  python -m pip download --progress-bar on --disable-pip-version-check --retries 2 --no-deps --require-hashes \
    --only-binary :all: --python-version 3.11 --implementation cp \
    --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 --platform manylinux2010_x86_64 \
    --dest "$tree" --requirement cuda-wheels.lock 2> $wheels/pip.log ||
    fail "could not fetch CUDA's compiler (is the network reachable?): $(last_line $wheels/pip.log)"
  for wheel in "$tree"/*.whl; do python -m zipfile -e "$wheel" "$tree"; done
  mv "$tree/nvidia/cu13" $unpacked/cuda
  # Where nvcc looks for its libraries; the wheels have them in lib.
  ln -s lib $unpacked/cuda/lib64
  chmod -R a+x $unpacked/cuda/bin $unpacked/cuda/nvvm/bin
  rm -rf "${tree:?}" $wheels/pip.log
  printf '%s\n' "$wanted" > "$stamp"
}

# LibTorch's CUDA half and the libraries that it loads, all in LibTorch's folder, where it looks for them too. Without what
# nothing of it loads and what would want a driver's or a network card's libraries to link: caffe2_nvrtc, and the plugins of
# nvshmem and cufile for RDMA.
unpack_torch_cuda() {
  local tree=$wheels/torch-cuda stamp=$unpacked/.torch-cuda.stamp wanted wheel half platforms=()
  wanted="$(sha256sum < torch-cuda-wheels.lock) without RDMA"
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && return
  say "fetching LibTorch's CUDA half (2.6 GB)"
  rm -rf "${tree:?}"
  mkdir -p "$tree/unpacked" $unpacked/torch/lib
  for wheel in 2_28 2_27 2_25 2_18 2_17 2014 2010 1; do
    platforms+=(--platform "manylinux${wheel/2_/_2_}_x86_64")
  done
  python -m pip download --progress-bar on --disable-pip-version-check --retries 2 --no-deps --require-hashes \
    --only-binary :all: --python-version 3.11 --implementation cp "${platforms[@]}" \
    --dest "$tree" --requirement torch-cuda-wheels.lock 2> $wheels/pip.log ||
    fail "could not fetch LibTorch's CUDA half (is the network reachable?): $(last_line $wheels/pip.log)"
  for wheel in "$tree"/*.whl; do
    python -m zipfile -e "$wheel" "$tree/unpacked"
    rm "$wheel"
  done
  for half in torch_cuda c10_cuda torch_cuda_linalg torch_nvshmem; do
    mv "$tree/unpacked/torch/lib/lib$half.so" $unpacked/torch/lib/
  done
  find "$tree/unpacked/nvidia" -name '*.so*' -type f ! -name 'nvshmem_*' ! -name 'libcufile_rdma*' -exec mv -t $unpacked/torch/lib {} +
  rm -rf "${tree:?}" $wheels/pip.log
  printf '%s\n' "$wanted" > "$stamp"
}

# install_python_packages VENV LOCK WHAT: an environment with exactly what the lock file lists.
install_python_packages() {
  local venv=$1 lock=$2 what=$3 stamp=$1/.stamp wanted
  wanted=$(sha256sum < "$lock")
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && return
  say "installing $what"
  [ -x "$venv/bin/python" ] || python -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
    --only-binary :all: --retries 2 --requirement "$lock" 2> "$venv/pip.log" ||
    fail "could not fetch $what (is the network reachable?): $(last_line "$venv/pip.log")"
  printf '%s\n' "$wanted" > "$stamp"
}

# What tests, peers and the documentation's scripts import; never needed by a binary.
install_test_packages() {
  install_python_packages .venv python-test-packages.lock "Python packages for the tests"
}

# Programs that check the files of deploy/, in an environment of their own.
install_deploy_packages() {
  install_python_packages .deploy-venv python-deploy-packages.lock "Python programs that check deploy/"
}

# What a build needs is installed always; each of these adds to it or leaves something out.
lint=false deploy=false image=false packaging=false cuda=false torch_cuda=false tests=true without=''
while [ $# -gt 0 ]; do
  case "$1" in
    --lint) lint=true ;;
    --deploy) deploy=true ;;
    --image) image=true ;;
    --packaging) packaging=true ;;
    --cuda) cuda=true ;;
    --torch-cuda) torch_cuda=true ;;
    --without-tests) tests=false ;;
    --without-torch) without='^(torch|nvidia-.*)==' ;;
    *) fail "unknown option $1; there are --lint, --deploy, --image, --packaging, --cuda, --torch-cuda, --without-tests and --without-torch" ;;
  esac
  shift
done

# What makes containers is all that an image needs: the compilers are inside it.
if $image || $deploy; then install_debian_packages debian-packages-image.txt; fi
if $image; then exit; fi

install_debian_packages debian-packages.txt
if $lint; then install_debian_packages debian-packages-lint.txt; fi
if $deploy || $packaging; then install_debian_packages debian-packages-packaging.txt; fi
if $deploy; then install_debian_packages debian-packages-deploy.txt; fi
unpack_wheels
if $torch_cuda; then unpack_torch_cuda; fi
if $cuda; then unpack_cuda; fi
if $tests; then install_test_packages; fi
if $deploy; then install_deploy_packages; fi
say "everything is in place"
