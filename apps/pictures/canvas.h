// Text on pictures for people: one font in a few sizes, ASCII only.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include <opencv2/core.hpp>

namespace diptych {

// Pixels from the baseline to the top of a capital letter.
enum class TextSize : int { kSmall = 9, kNormal = 11, kTitle = 15 };

// Width in pixels.
int text_width(const std::string& text, TextSize size);

// `at` is the left end (align 0), the middle (0.5) or the right end (1) of the baseline. What does
// not fit the canvas is cut; characters beyond ASCII show as '?'.
void draw_text(cv::Mat canvas,
               const std::string& text,
               cv::Point at,
               const cv::Scalar& colour,
               TextSize size = TextSize::kNormal,
               double align = 0);

// Cuts the text to a width in pixels, ".." at the end when something was cut.
std::string fit_text(const std::string& text, int width, TextSize size);

// Breaks the text between words into lines of at most `width` pixels.
std::vector<std::string> wrap_text(const std::string& text, int width, TextSize size);

}  // namespace diptych
