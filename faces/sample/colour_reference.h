// The other side's faces as references of colour transfer (spec samples.md 6).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <opencv2/core.hpp>

#include "faces/colour/colour_transfer.h"
#include "faces/sample/sample_order.h"

namespace diptych {

// Keeps what the mode needs of a picture: statistics for rct, lct and mkl, the picture for idt and
// sot. References come in their own shuffled order, independent of the faces'.
class ColourReference {
 public:
  // mode: one of colour_transfer_modes(), not none. count >= 1 pictures will be set.
  ColourReference(std::string mode, int count, uint64_t seed, int side, bool parity_dfl);

  // picture: (R,R) CV_8UC3 BGR. Different indices may be set from different threads.
  void set(int index, const cv::Mat& picture);

  // picture: CV_32FC3 BGR of sample number `sample`. take 0 or 1 gives the random modes other
  // numbers: the original transfers the input and the target apart.
  cv::Mat transfer(const cv::Mat& picture, uint64_t sample, uint32_t take = 0) const;

 private:
  std::string mode_;
  uint64_t seed_;
  int side_;
  bool parity_dfl_;
  ShuffledSequence order_;
  std::vector<ColourMoments> moments_;
  std::vector<cv::Mat> pictures_;
};

}  // namespace diptych
