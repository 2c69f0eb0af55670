# The commands of the project. `make demo` and `make test` do all of their own set-up.
PRESET ?= release
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 600
BUILD := build/$(PRESET)

# What the packages and images hold; everything else is for tests and measurements.
PROGRAMS := rolloutd rolloutctl rollout-trainer rollout_engine_torch

.PHONY: help setup build programs demo test bench peers bench-peers lint test-asan test-tsan fuzz package deploy-test image image-test stack clean
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## make setup      install Debian packages and the pinned wheels (nothing the second time)
setup:
	@third_party/setup.sh

## make build      build everything into build/release
build: setup
	@cmake --preset $(PRESET) > /dev/null
	@cmake --build $(BUILD) -j $(JOBS)

## make programs   the server, the client, the trainer and the torch engine alone, in half the time
programs: setup
	@cmake --preset $(PRESET) > /dev/null
	@cmake --build $(BUILD) -j $(JOBS) --target $(PROGRAMS)

## make demo       serve the shipped models, retrain one while it serves, and show what got better (5 minutes)
demo: programs
	@demo/run

## make test       build, then run every fast test
test: build
	@ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

## make bench      measure the engines beside this machine's peak, as a table and as JSON
bench: build
	@$(BUILD)/bin/rollout-bench

## make peers      optional: JAX and PyTorch in an environment of their own, for `make bench-peers` (5 GB)
peers:
	@python3 -m venv build/peers
	@build/peers/bin/pip install --quiet -r bench/peers/requirements.txt

## make bench-peers  the engines and these peers, interleaved in one run
bench-peers: build
	@$(BUILD)/bin/rollout-bench --peers jax-scan,jax-unrolled,torch-eager,torch-compile

## make bench-serving  rolloutd beside a bare gRPC echo, its own engine, and batching without lane replacement
.PHONY: bench-serving serving-peers bench-serving-peers
bench-serving: build
	@$(BUILD)/bin/serving-bench

## make serving-peers  optional: Triton, KServe and MLServer below build/serving-peers, for `make bench-serving-peers` (2.3 GB)
serving-peers:
	@bench/peers/serving/install build/serving-peers

## make bench-serving-peers  rolloutd and these servers in turn: C++ client, tritonclient, perf_analyzer
bench-serving-peers: build
	@third_party/.venv/bin/python bench/peers/serving/serving_peers.py

## make gpu        optional: the CUDA engine, its tests and its benchmark, in build/cuda (needs nvcc, or fetches it)
.PHONY: gpu test-gpu gpu-bench gpu-bundle
GPU_TARGETS := rolloutd rollout_engine_cuda gpu-bench gpu_engine_test gpu_parity_test cuda_module_test
gpu: setup
	@command -v nvcc /usr/local/cuda/bin/nvcc > /dev/null || third_party/setup.sh --cuda
	@cmake --preset cuda > /dev/null
	@cmake --build build/cuda -j $(JOBS) --target $(GPU_TARGETS)

## make test-gpu   the kernels' tests on this machine's GPU, then once more under compute-sanitizer where that is found
test-gpu: gpu
	@ctest --test-dir build/cuda --output-on-failure -L gpu
	@if command -v compute-sanitizer > /dev/null; then for tool in memcheck racecheck; do \
	  compute-sanitizer --tool $$tool --error-exitcode 1 build/cuda/tests/gpu_engine_test || exit 1; done; \
	else echo "test-gpu: no compute-sanitizer on this machine: memory and races of the kernels were not checked"; fi

## make gpu-bench  rollouts on this machine's GPU beside its own peak
gpu-bench: gpu
	@build/cuda/bin/gpu-bench

## make gpu-bundle tests and benchmark with all their libraries, for a machine with a CUDA driver and nothing of ours
gpu-bundle: gpu
	@bench/gpu/bundle build/gpu-bundle

## make lint       formatting, clang-tidy, thread-safety analysis, ruff
lint: setup
	@third_party/setup.sh --lint
	@.ci/lint

## make test-asan  every test under the address and undefined-behaviour sanitizers
test-asan: setup
	@third_party/setup.sh --lint
	@cmake --preset asan > /dev/null
	@cmake --build build/asan -j $(JOBS) --target rollout_tests
	@ASAN_OPTIONS=detect_container_overflow=0 \
	  ctest --test-dir build/asan --output-on-failure -j $(JOBS) -LE no-sanitizer

## make test-tsan  what has threads under the thread sanitizer; the whole server as far as gRPC lets one tell
TSAN_SERVER_TESTS := server_services_test server_streams_test server_security_test server_stress_test
test-tsan: setup
	@cmake --preset tsan > /dev/null
	@cmake --build build/tsan -j $(JOBS) --target rollout_thread_tests callback_races $(TSAN_SERVER_TESTS)
	@ctest --test-dir build/tsan --output-on-failure -j $(JOBS) -L threads
	@tests/tsan/server_tests.py build/tsan $(TSAN_SERVER_TESTS)

## make trials     overload, a thousand swaps and faults on the real programs (10 minutes, as root for all of it)
.PHONY: trials soak
TRIALS := $(BUILD)/tests/rollout-trials
TRIAL_RESULTS := $(BUILD)/trials
trials: build
	@mkdir -p $(TRIAL_RESULTS); failed=0; for trial in overload swaps faults; do \
	  $(TRIALS) $$trial --json $(TRIAL_RESULTS)/$$trial.json || failed=1; done; exit $$failed

## make soak       half an hour of swaps, reports, cancellations and crashing clients, with its graph in build/release/trials
SOAK_SECONDS ?= 1800
soak: build
	@mkdir -p $(TRIAL_RESULTS)
	@$(TRIALS) soak --seconds $(SOAK_SECONDS) --json $(TRIAL_RESULTS)/soak.json --figure $(TRIAL_RESULTS)/soak.svg

## make package    Debian packages of everything, in build/release/packages
package: programs
	@third_party/setup.sh --packaging
	@rm -rf $(BUILD)/packages
	@cd $(BUILD) && cpack -G DEB > packages.log || { cat packages.log; exit 1; }
	@rm -rf $(BUILD)/packages/_CPack_Packages; ls -1 $(BUILD)/packages/*.deb

## make deploy-test  packages, manifests, rules, dashboards and pages, each by the program that reads it (as root)
deploy-test: package
	@third_party/setup.sh --deploy
	@ROLLOUT_PACKAGES=$(CURDIR)/$(BUILD)/packages tests/deploy/run \
	  test_files test_rules test_manifests test_packages test_dashboards

## make image      a container image by docker or buildah: TARGET=server (default), server-torch, trainer, client, test
TARGET ?= server
image:
	@command -v docker buildah > /dev/null || third_party/setup.sh --image
	@deploy/image/build $(TARGET)

## make image-test  build the server's image from a local base, start it, ask it, publish to it, stop it (as root);
##                  IMAGES="server server-torch trainer client test" tries the others too
IMAGES ?= server
image-test: programs
	@third_party/setup.sh --deploy
	@IMAGES="$(IMAGES)" tests/deploy/run test_image

## make stack      server, trainer and Prometheus with dashboards and alerts on loopback, until Ctrl-C
stack: programs
	@command -v prometheus > /dev/null || third_party/setup.sh --deploy
	@deploy/stack

## make fuzz       fuzz every parser of outside bytes, FUZZ_SECONDS (600) of CPU time each
fuzz: setup
	@third_party/setup.sh --lint
	@tests/fuzz/run.py --cpu-seconds $(FUZZ_SECONDS) --jobs $(JOBS)

## make verify     the long checks, some hours: sanitizers over every test, fuzzing, trials, soak
.PHONY: verify
verify: test-asan test-tsan fuzz trials soak

clean:
	rm -rf build
