// Names and ranges of the merge settings.
// SPDX-License-Identifier: MIT
#include "faces/merge/merge_options.h"

#include "faces/colour/colour_transfer.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

const std::vector<std::string_view> kModes = {
    "original", "overlay",    "hist-match", "seamless", "seamless-hist-match",
    "raw-rgb",  "raw-predict"};
const std::vector<std::string_view> kMasks = {"full",
                                              "dst",
                                              "learned-prd",
                                              "learned-dst",
                                              "learned-prd*learned-dst",
                                              "learned-prd+learned-dst"};
const std::vector<std::string_view> kSharpen = {"none", "box", "gaussian"};

int index_of(const std::vector<std::string_view>& names, std::string_view name, const char* what) {
  std::string known;
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<int>(i);
    known += (i == 0 ? "" : ", ") + std::string(names[i]);
  }
  throw Error(str("unknown ", what, " '", name, "'; known: ", known));
}

void check_range(const char* name, int value, int low, int high) {
  DIPTYCH_CHECK(value >= low && value <= high, "merge option ", name, " is ", value, ", want ", low,
                "..", high);
}

}  // namespace

std::string_view name_of(MergeMode mode) {
  return kModes.at(static_cast<size_t>(mode));
}

std::string_view name_of(MaskMode mode) {
  return kMasks.at(static_cast<size_t>(mode));
}

std::string_view name_of(SharpenMode mode) {
  return kSharpen.at(static_cast<size_t>(mode));
}

MergeMode merge_mode_from(std::string_view name) {
  return static_cast<MergeMode>(index_of(kModes, name, "merge mode"));
}

MaskMode mask_mode_from(std::string_view name) {
  return static_cast<MaskMode>(index_of(kMasks, name, "mask mode"));
}

SharpenMode sharpen_mode_from(std::string_view name) {
  return static_cast<SharpenMode>(index_of(kSharpen, name, "sharpen mode"));
}

const std::vector<std::string_view>& merge_mode_names() {
  return kModes;
}

const std::vector<std::string_view>& mask_mode_names() {
  return kMasks;
}

void check(const MergeOptions& options) {
  check_range("erode", options.erode, -400, 400);
  check_range("blur", options.blur, 0, 400);
  check_range("output_face_scale", options.output_face_scale, -50, 50);
  check_range("hist_match_threshold", options.hist_match_threshold, 1, 255);
  check_range("motion_blur_power", options.motion_blur_power, 0, 100);
  check_range("sharpen", options.sharpen, -100, 100);
  check_range("denoise", options.denoise, 0, 500);
  check_range("bicubic_degrade", options.bicubic_degrade, 0, 100);
  check_range("colour_degrade", options.colour_degrade, 0, 100);
  check_colour_transfer_mode(options.colour_transfer);
}

}  // namespace diptych
