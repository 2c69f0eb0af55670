#!/usr/bin/env bash
# Installs what a build needs: Debian packages, then pinned and hash-checked wheels of which only the parts
# that are used are unpacked. Does nothing the second time; an interrupted run goes on where it stopped.
set -euo pipefail
cd "$(dirname "$0")"
readonly unpacked=.unpacked wheels=.wheels venv=.venv

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

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
  "${as_root[@]}" apt-get update -qq || fail "could not fetch the Debian package lists: is there a network?"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    fail "could not install the Debian packages: ${missing[*]}"
}

# Debian's own Python, so that the pinned cp311 wheels fit whatever else is on the PATH.
python() { /usr/bin/python3 "$@"; }

unpack_wheels() {
  local stamp=$unpacked/.stamp wanted
  wanted=$(cat wheels.lock unpack_wheels.py | sha256sum)
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && return
  local requirement name
  mkdir -p $wheels $unpacked
  grep -v '^#' wheels.lock | while read -r requirement; do
    name=${requirement%%[ =]*}
    say "fetching ${requirement%% *}"
    printf '%s\n' "$requirement" > "$wheels/$name.txt"
    python -m pip download --progress-bar on --disable-pip-version-check --no-deps --require-hashes \
      --only-binary :all: --python-version 3.11 --implementation cp \
      --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_25_x86_64 \
      --platform manylinux2014_x86_64 --dest "$wheels/$name" --requirement "$wheels/$name.txt" ||
      fail "could not fetch ${requirement%% *} (or its hash differs from wheels.lock): is there a network?"
    say "unpacking ${requirement%% *}"
    python unpack_wheels.py "$name" "$wheels/$name"/*.whl $unpacked
    rm -rf "${wheels:?}/$name" "$wheels/$name.txt"
  done
  printf '%s\n' "$wanted" > "$stamp"
}

# Python packages that tests, peers and the documentation's scripts import; never needed by a binary.
install_test_packages() {
  local stamp=$venv/.stamp wanted
  wanted=$(sha256sum < python-test-packages.lock)
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && return
  say "installing Python packages for the tests"
  [ -x $venv/bin/python ] || python -m venv $venv
  $venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
    --requirement python-test-packages.lock || fail "could not fetch the Python test packages: is there a network?"
  printf '%s\n' "$wanted" > "$stamp"
}

install_debian_packages debian-packages.txt
[ "${1:-}" = --lint ] && install_debian_packages debian-packages-lint.txt
unpack_wheels
install_test_packages
say "everything is in place"
