# Every target sets up what is missing by itself. `make help` lists them.
BUILD := build
VENV := .venv
PYTHON := $(abspath $(VENV))/bin/python
JOBS := $(shell tools/compile_jobs)
CMAKE_FLAGS := -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo
PYTEST := $(PYTHON) -m pytest -q -p no:cacheprovider -n 2 --dist worksteal

# Property-based tests look at new cases at each run; what decides on a change looks at the same ones.
# It has no use for benchmarks, nor for debug information.
ifdef CI
CMAKE_FLAGS += -DFVHOOKS_BENCH=OFF -DCMAKE_CXX_FLAGS_RELWITHDEBINFO='-O2 -DNDEBUG'
export RC_PARAMS := seed=20250101
PYTEST += --hypothesis-seed=20250101
endif

.DEFAULT_GOAL := help
.PHONY: help setup build demo zoo test test-cpp test-python test-sanitized fuzz bench docs lint format clean

help: ## what there is to do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Debian packages and the Python environment in .venv
	@tools/setup $(VENV)

build: setup ## build/bin/fvtrace, build/bin/wan, and .venv with fvhooks importable
	@tools/say "configuring $(BUILD)"
	@cmake -S . -B $(BUILD) $(CMAKE_FLAGS) -DPython_EXECUTABLE=$(PYTHON) --log-level=WARNING
	@tools/say "compiling, $(JOBS) at a time (minutes the first time)"
	@cmake --build $(BUILD) -j $(JOBS)
	@$(PYTHON) tools/link_into_venv.py $(BUILD)/python

demo: build ## trace the Wan port and its reference, name the first divergent layer (FULL=1: all 30 blocks)
	@PATH="$(abspath $(VENV))/bin:$$PATH" examples/wan/demo.sh $(if $(FULL),full,)

zoo: build ## plant each known bug in the Wan port, and score whether it is found, alone and with others (minutes; DOCS=1: docs too)
	@$(PYTHON) -m zoo --build $(BUILD) $(if $(DOCS),--write-docs)
	@$(PYTHON) -m zoo.inject --build $(BUILD) $(if $(DOCS),--write-docs)

test: build test-cpp test-python test-sanitized ## all tests
	@tools/say "all tests passed"

test-cpp: build
	@tools/say "C++ tests"
	@ctest --test-dir $(BUILD) --output-on-failure -j 2

test-python: build
	@tools/say "Python tests"
	@$(PYTEST) python/tests

# Everything free of torch, under the sanitizers. Thread sanitizer cannot be combined with the others, and has nothing to
# see where one thread runs (regex, safetensors, diff, report).
THREADED_TESTS := core_test stats_test offload_test capture_test trace_test
test-sanitized: setup
	@tools/say "tests under the address and undefined-behaviour sanitizers"
	@tools/sanitized_tests address,undefined $(BUILD)-asan $(JOBS)
	@tools/say "tests under the thread sanitizer"
	@tools/sanitized_tests thread $(BUILD)-tsan $(JOBS) $(THREADED_TESTS)

fuzz: setup ## fuzz each parser (SECONDS_EACH=60)
	@tools/fuzz $(BUILD)-fuzz $(or $(SECONDS_EACH),60) $(JOBS)

bench: build ## question, ours, baseline, ratio; writes build/bench.json
	@$(PYTHON) bench/run.py $(BUILD)

docs: build ## the documentation as a site, build/site/index.html
	@tools/docs $(BUILD) $(PYTHON)
	@tools/say "$(BUILD)/site/index.html"

lint: build ## clang-tidy, clang-format and ruff, findings are errors
	@tools/lint $(BUILD) $(PYTHON)

format: setup ## format all sources
	@git ls-files '*.cc' '*.h' | xargs clang-format-19 -i
	@$(PYTHON) -m ruff format -q .

clean: ## remove what was built (not .venv)
	@rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-fuzz
