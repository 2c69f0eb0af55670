# The commands of the project. `make demo` and `make test` do all of their own set-up.
PRESET ?= release
JOBS ?= $(shell nproc)
BUILD := build/$(PRESET)

.PHONY: help setup build test clean
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## make setup      install Debian packages and the pinned wheels (nothing the second time)
setup:
	@third_party/setup.sh

$(BUILD)/build.ninja: CMakePresets.json
	@cmake --preset $(PRESET) >/dev/null

## make build      build everything into build/release
build: setup
	@cmake --preset $(PRESET) > /dev/null
	@cmake --build $(BUILD) -j $(JOBS)

## make test       build, then run every fast test
test: build
	@ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

clean:
	rm -rf build
