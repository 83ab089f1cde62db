// Settings of the merge and their names (spec merge.md 2).
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace diptych {

enum class MergeMode {
  kOriginal,
  kOverlay,
  kHistMatch,
  kSeamless,
  kSeamlessHistMatch,
  kRawRgb,
  kRawPredict
};

enum class MaskMode {
  kFull,
  kDst,
  kLearnedPrd,
  kLearnedDst,
  kLearnedPrdTimesDst,
  kLearnedPrdPlusDst
};

enum class SharpenMode { kNone, kBox, kGaussian };

struct MergeOptions {
  MergeMode mode = MergeMode::kOverlay;
  MaskMode mask_mode = MaskMode::kLearnedPrdTimesDst;
  int erode = 0;                        // -400..400, quarter model pixels; negative dilates
  int blur = 0;                         // 0..400, quarter model pixels
  int output_face_scale = 0;            // -50..50 percent; positive makes the face larger
  std::string colour_transfer = "rct";  // none, rct, lct, mkl, idt, sot
  bool masked_hist_match = true;        // hist-match: statistics of the face only
  int hist_match_threshold = 238;       // 1..255, both hist-match modes; 255 is the full match

  // Post effects (spec merge.md 7). Not used by the original and raw modes.
  int motion_blur_power = 0;  // 0..100 percent of the face's motion
  SharpenMode sharpen_mode = SharpenMode::kNone;
  int sharpen = 0;          // -100..100; negative blurs, whatever the mode
  int denoise = 0;          // 0..500, softens the frame around the face
  int bicubic_degrade = 0;  // 0..100 percent, lowers the resolution of the frame around the face
  int colour_degrade = 0;   // 0..100 percent, reduces the whole picture to 256 colours

  // The original's arithmetic (spec merge.md 12): mask shifted by 0.375 model pixels, truncation
  // to 8 bits, cubic sampling without area averaging, black crop borders, composites resampled for
  // post effects, background-polluted colour statistics, positive face scale shrinks.
  bool parity_dfl = false;
};

// Names as users write them: original, overlay, hist-match, seamless, seamless-hist-match, raw-rgb,
// raw-predict; full, dst, learned-prd, learned-dst, learned-prd*learned-dst,
// learned-prd+learned-dst; none, box, gaussian. The *_from functions throw Error listing the names.
std::string_view name_of(MergeMode mode);
std::string_view name_of(MaskMode mode);
std::string_view name_of(SharpenMode mode);
MergeMode merge_mode_from(std::string_view name);
MaskMode mask_mode_from(std::string_view name);
SharpenMode sharpen_mode_from(std::string_view name);
const std::vector<std::string_view>& merge_mode_names();
const std::vector<std::string_view>& mask_mode_names();

// Throws Error naming the option, its value and its range.
void check(const MergeOptions& options);

}  // namespace diptych
