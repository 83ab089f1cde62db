// The samples of one iteration where the network computes: one flat buffer, filled in one transfer.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "tensor/tensor.h"

namespace diptych {

// Views of f32 NHWC data in host memory, batch_size samples each; eyes_mouth may be undefined when
// the term is off.
struct SaehdSide {
  View warped, target, mask, eyes_mouth;
};

class SaehdBatch {
 public:
  // n samples a side of resolution r. Memory is taken where current_stream() computes.
  SaehdBatch(int n, int r, bool eyes_mouth);

  // Copies the samples in. Throws Error that names the sides' shapes when they do not fit.
  void load(const SaehdSide& src, const SaehdSide& dst);

  size_t bytes() const;  // of the buffer, as the allocator counts it

  // src and dst after each other: (2n,r,r,3).
  const Tensor& warped() const { return warped_; }

  struct Side {
    Tensor target, mask, eyes_mouth;  // (n,r,r,3), (n,r,r,1), (n,r,r,1) or undefined
  };

  const Side& src() const { return src_; }

  const Side& dst() const { return dst_; }

 private:
  void check(const char* name, const SaehdSide& side) const;
  void put(const Tensor& to, const View& from);

  int n_, r_;
  bool eyes_mouth_;
  Tensor values_;                 // all of it, flat
  std::shared_ptr<void> mirror_;  // of values_ on the host, when the host cannot write to it
  Tensor warped_;
  Side src_, dst_;
};

}  // namespace diptych
