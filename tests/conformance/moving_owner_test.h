// Owner 1, which serves port 7000 and moves from one place to another.
#pragma once

#include "tests/conformance/card_test.h"

namespace farrier::conformance {

class MovingOwnerTest : public CardTest {
 protected:
  static constexpr Place kOld = {0, 3};
  static constexpr Place kNew = {1, 5};  // has no credits yet

  void SetUp() override {
    CardTest::SetUp();
    Serve(7000, 1, kOld);
  }
};

}  // namespace farrier::conformance
