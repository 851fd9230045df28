// What comparisons of our functions with LLVM's need: where they differ, and what they ask at random.

#pragma once

#include "guard.h"

#include "llvm/ADT/Twine.h"

#include <random>

namespace thinfarm {

class Differences {
public:
  explicit Differences(uint64_t &Compared) : Compared(Compared) {}

  template <typename T> void compare(const T &Ours, const T &Original, const llvm::Twine &What) {
    ++Compared;
    if (!(Ours == Original))
      tell(What);
  }
  void tell(const llvm::Twine &What) {
    if (Texts.size() < Enough)
      Texts.push_back(text(What.str()));
  }
  rust::Vec<rust::String> take() { return std::move(Texts); }

private:
  static constexpr size_t Enough = 10;

  uint64_t &Compared;
  rust::Vec<rust::String> Texts;
};

class Random {
public:
  explicit Random(uint64_t Seed) : Engine(Seed) {}
  uint64_t next() { return Engine(); }
  size_t below(size_t End) { return End ? Engine() % End : 0; }
  bool oneIn(size_t Number) { return below(Number) == 0; }

private:
  std::mt19937_64 Engine;
};

} // namespace thinfarm
