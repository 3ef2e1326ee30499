#pragma once

#include <gtest/gtest.h>
#include <verilated.h>

#include <cstdint>
#include <memory>
#include <random>

#include "hw/rtl/coverage.h"

namespace farrier::rtl {

// A Verilated module with a clock and a reset. Inputs are set between two Ticks, outputs read after
// Settle (they are those before the clock edge) or after Tick.
template <typename Module>
class Bench {
 public:
  Bench() : module_(std::make_unique<Module>(&context_)) {
    module_->rst_ni = 0;
    Tick();
    module_->rst_ni = 1;
    Settle();
  }
  ~Bench() {
    module_->final();
    WriteCoverage(context_);
  }

  Module* operator->() { return module_.get(); }

  void Settle() {
    module_->clk_i = 0;
    module_->eval();
  }

  void Tick() {
    Settle();
    module_->clk_i = 1;
    module_->eval();
    Settle();
  }

 private:
  VerilatedContext context_;
  std::unique_ptr<Module> module_;
};

// Draws of a test; the seed is its parameter, so that a failure names it.
class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}

  uint64_t Below(uint64_t end) { return engine_() % end; }
  bool Chance(uint32_t percent) { return Below(100) < percent; }
  uint64_t Next() { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

// Suites run once per seed.
class SeededTest : public testing::TestWithParam<uint32_t> {};

}  // namespace farrier::rtl

#define FARRIER_SEEDS(suite)                                    \
  INSTANTIATE_TEST_SUITE_P(Seed, suite, testing::Range(1u, 9u), \
                           [](const auto& info) { return std::to_string(info.param); })
