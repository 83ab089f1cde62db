// The other side's faces as references of colour transfer.
// SPDX-License-Identifier: MIT
#include "faces/sample/colour_reference.h"

#include <utility>

#include "kernels/common/check.h"
#include "kernels/common/rng.h"

namespace diptych {

ColourReference::ColourReference(
    std::string mode, int count, uint64_t seed, int side, bool parity_dfl)
    : mode_(std::move(mode)),
      seed_(seed),
      side_(side),
      parity_dfl_(parity_dfl),
      order_(count, seed, sample_stream(side, SamplePurpose::kReferenceOrder)) {
  check_colour_transfer_mode(mode_);
  DIPTYCH_CHECK(mode_ != "none", "ColourReference: mode none needs no reference");
  const auto size = static_cast<size_t>(count);
  if (mode_ == "idt" || mode_ == "sot") {
    pictures_.resize(size);
  } else {
    moments_.resize(size);
  }
}

void ColourReference::set(int index, const cv::Mat& picture) {
  const auto i = static_cast<size_t>(index);
  if (!pictures_.empty()) {
    pictures_.at(i) = picture;
    return;
  }
  cv::Mat real;
  picture.convertTo(real, CV_32FC3, 1.0 / 255);
  moments_.at(i) = mode_ == "rct" ? lab_moments(real) : colour_moments(real);
}

cv::Mat ColourReference::transfer(const cv::Mat& picture, uint64_t sample, uint32_t take) const {
  const auto i = static_cast<size_t>(order_.at(sample));
  if (mode_ == "rct") return colour_rct(picture, moments_[i]);
  if (mode_ == "lct") return colour_lct(picture, moments_[i]);
  if (mode_ == "mkl") return colour_mkl(picture, moments_[i]);
  cv::Mat reference;
  pictures_[i].convertTo(reference, CV_32FC3, 1.0 / 255);
  Rng rng(seed_, sample_stream(side_, SamplePurpose::kColourTransfer) + (take << 16), sample);
  const uint64_t high = rng.next_u32();
  const uint64_t seed = high << 32 | rng.next_u32();
  if (mode_ == "idt") {
    return colour_idt(picture, reference, seed, {.parity_dfl = parity_dfl_});
  }
  return colour_sot(picture, reference, seed, {.work_side = 32, .parity_dfl = parity_dfl_});
}

}  // namespace diptych
