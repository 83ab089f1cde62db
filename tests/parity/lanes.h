// A training step in double with sixteen lanes side by side: lane 0 computes exactly, the others
// carry roundings as large as f32 may make them, each with signs of its own. How far the lanes
// spread is how far roundings can take an f32 engine; docs/parity.md derives it.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "kernels/common/shape.h"

namespace diptych::parity {

constexpr int kLanes = 16;
constexpr int kNoisy = kLanes - 1;
constexpr double kUnit = 0x1p-24;     // unit roundoff of f32
constexpr double kBf16Unit = 0x1p-9;  // of bf16

// The lanes of one number.
using Lanes [[gnu::vector_size(kLanes * sizeof(double))]] = double;

// Clones of a loop for wider vectors expect wider alignment than the base instruction set gives.
template <class T>
struct LaneAllocator {
  using value_type = T;
  static constexpr std::align_val_t kAlign{128};

  T* allocate(size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), kAlign)); }

  void deallocate(T* p, size_t) { ::operator delete(p, kAlign); }

  friend bool operator==(const LaneAllocator&, const LaneAllocator&) { return true; }
};

using Map = std::vector<Lanes, LaneAllocator<Lanes>>;

// Root mean square distance of the noisy lanes from lane 0.
inline double spread(const Lanes& x) {
  double sum = 0;
  for (int j = 1; j < kLanes; ++j) sum += (x[j] - x[0]) * (x[j] - x[0]);
  return std::sqrt(sum / kNoisy);
}

// Bound of a deviation, as a multiple of its spread. A deviation of scale s, measured by the spread
// of kNoisy lanes, exceeds factor times that with a probability of 2 (1 + factor^2/kNoisy)^
// (-kNoisy/2): 7e-12 here, so that a million comparisons leave 1e-5.
constexpr double kFactor = 22;

// Signs from a counter: the same in every run.
class Noise {
 public:
  explicit Noise(uint64_t seed) : counter_(seed << 40) {}

  bool on = true;

  // Moves every lane but the first by `size`, up or down.
  void add(Lanes& x, double size) {
    if (!on) return;
    uint64_t z = ++counter_ * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    for (int j = 1; j < kLanes; ++j) x[j] += (z >> (20 + j)) & 1 ? size : -size;
  }

  // A constant that an engine has in f32: rounded once, for everything it meets.
  Lanes constant(double value) {
    Lanes x = Lanes{} + value;
    add(x, kUnit * std::abs(value));
    return x;
  }

  // A sum of `terms` products in any order, FMA or not, with absolute values adding up to
  // `magnitude`, and `more` roundings behind it. Every one of its roundings is at most kUnit *
  // magnitude: their scale is the root of their number.
  void sum(Lanes& x, double terms, double magnitude, double more = 2) {
    add(x, std::sqrt(terms + more) * kUnit * magnitude);
  }

 private:
  uint64_t counter_;
};

struct LaneTensor {
  explicit LaneTensor(const Shape& s)
      : shape(s), value(static_cast<size_t>(s.numel())), grad(static_cast<size_t>(s.numel())) {}

  Shape shape;
  Map value, grad;
};

using Value = std::shared_ptr<LaneTensor>;

inline Value make(const Shape& shape) {
  return std::make_shared<LaneTensor>(shape);
}

// An input of a leaky ReLU so near zero that rounding decides its sign.
struct Kink {
  int activation;  // which call of conv(), in order
  size_t element;

  friend bool operator==(const Kink&, const Kink&) = default;
};

struct LaneTape {
  explicit LaneTape(uint64_t seed) : noise(seed) {}

  Noise noise;
  bool bf16 = false;  // activations and their gradients are stored so
  std::vector<std::function<void()>> records;
  int activations = 0;
  std::vector<Kink> kinks;  // found on the way forward
  // In f32 all lanes go back by the slopes of lane 0, and kinks are looked at one by one; in bf16,
  // where they are many, every lane goes by its own. Without noise: lane j takes the other slope at
  // flips[j - 1] on the way back.
  std::vector<Kink> flips;

  // What storing an activation or its gradient rounds.
  void store(Lanes& x) {
    if (bf16) noise.add(x, kBf16Unit * std::abs(x[0]));
  }

  void record(std::function<void()> backward) { records.push_back(std::move(backward)); }

  void backward() {
    for (; !records.empty(); records.pop_back()) records.back()();
  }
};

}  // namespace diptych::parity
