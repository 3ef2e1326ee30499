# The friendly face of the build: `make help`.
PRESET ?= release
CARD ?= rtl
WIRE ?= memif
JOBS ?= $(shell nproc)
BUILD := build/$(PRESET)
PYTHON := /usr/bin/python3

.DEFAULT_GOAL := help
.PHONY: help setup build run test bench bench-engines sim coverage trace formal mutants synth bitstream flash lint format clean

help: ## Show this
	@echo "Farrier: a host networking service whose software is replaced under live traffic."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  PRESET=release|debug|asan|tsan   JOBS=$(JOBS)"

setup: ## Install the Debian packages that are missing (as root)
	@tools/setup.sh

build: setup ## Build everything
	@test -f $(BUILD)/build.ninja || cmake --preset $(PRESET) >/dev/null
	@cmake --build --preset $(PRESET) -j $(JOBS)

run: build ## Two hosts, two cards, live upgrades: CARD=rtl|model WIRE=memif|veth
	@$(BUILD)/bin/farrier-run --programs $(BUILD)/bin --card $(CARD) --wire $(WIRE) \
	  --report build/reports/run.json

test: build trace ## Run every test
	@ctest --test-dir $(BUILD) -j $(JOBS) --output-on-failure

sim: build ## The RTL: its benches, the conformance suite on it, its pace in cycles
	@ctest --test-dir $(BUILD) -j $(JOBS) --output-on-failure -R '^rtl_|conformance_test.*rtl'
	@$(BUILD)/bin/farrier-sim --report build/reports/sim.json

coverage: setup ## What the benches and the conformance suite reach of the RTL
	@$(PYTHON) tools/coverage.py --jobs $(JOBS)

trace: setup ## Build the RTL with waveforms: farrier-card --backend rtl --trace out.fst
	@test -f $(BUILD)/build.ninja || cmake --preset $(PRESET) >/dev/null
	@cmake --build --preset $(PRESET) -j $(JOBS) --target farrier-card-trace

bench: build ## Measure: medians of several runs
	@$(BUILD)/bin/farrier-bench --report build/reports/bench.json

bench-engines: build ## Measure the engine runtime: medians of several runs; draws docs/engines.svg
	@$(BUILD)/bin/farrier-bench-engines --report build/reports/engines.json
	@$(PYTHON) tools/draw_engines.py

bitstream: ## The FPGA's bitstream: BOARD=au250 SHELL_DIR=checkout of OpenNIC's shell [MAC= DRY_RUN=1]
	@hw/shell/bitstream.py --board "$(BOARD)" --shell-dir "$(SHELL_DIR)" $(if $(MAC),--mac "$(MAC)") \
	  $(if $(DRY_RUN),--dry-run)

flash: ## Onto the card: BOARD= BDF= SHELL_DIR= (or BITSTREAM=) [PERSISTENT=1 TARGET= DRY_RUN=1]
	@hw/shell/flash.py --board "$(BOARD)" --bdf "$(BDF)" --shell-dir "$(SHELL_DIR)" --bitstream "$(BITSTREAM)" \
	  --target "$(TARGET)" $(if $(PERSISTENT),--persistent) $(if $(DRY_RUN),--dry-run)

formal: build ## Prove properties of the RTL (yosys-smtbmc, z3)
	@$(PYTHON) tools/formal.py --build $(BUILD) --jobs $(JOBS)

mutants: build ## Plant bugs in the RTL: each must be caught by a bench or a proof
	@$(PYTHON) tools/mutants.py --build $(BUILD) --jobs $(JOBS)

synth: build ## Map the RTL to UltraScale+: LUTs, RAMs, logic levels per module
	@$(PYTHON) tools/synth.py --build $(BUILD) --jobs $(JOBS) --update docs/resources.md

lint: build ## Check formatting, clang-tidy and verilator -Wall
	@git ls-files '*.cc' '*.h' | xargs clang-format --dry-run -Werror
	@cmake --build --preset $(PRESET) --target lint_rtl
	@git ls-files '*.cc' | xargs -P $(JOBS) -n 4 clang-tidy --quiet -p $(BUILD)

format: ## Format the C++ in place
	@git ls-files '*.cc' '*.h' | xargs clang-format -i

clean: ## Remove everything that was built
	@rm -rf build
