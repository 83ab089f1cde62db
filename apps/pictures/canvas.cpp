// Text on pictures.
// SPDX-License-Identifier: MIT
#include "apps/pictures/canvas.h"

#include <cmath>
#include <sstream>

#include <opencv2/imgproc.hpp>

namespace diptych {

namespace {

constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;
constexpr double kCapital = 21;  // pixels of a capital letter at scale 1

double scale_of(TextSize size) {
  return static_cast<int>(size) / kCapital;
}

}  // namespace

int text_width(const std::string& text, TextSize size) {
  int base = 0;
  return cv::getTextSize(text, kFont, scale_of(size), 1, &base).width;
}

void draw_text(cv::Mat canvas,
               const std::string& text,
               cv::Point at,
               const cv::Scalar& colour,
               TextSize size,
               double align) {
  if (align > 0) at.x -= static_cast<int>(std::lround(align * text_width(text, size)));
  cv::putText(canvas, text, at, kFont, scale_of(size), colour, 1, cv::LINE_AA);
}

std::string fit_text(const std::string& text, int width, TextSize size) {
  if (text_width(text, size) <= width) return text;
  std::string cut = text;
  while (!cut.empty() && text_width(cut + "..", size) > width) cut.pop_back();
  return cut + "..";
}

std::vector<std::string> wrap_text(const std::string& text, int width, TextSize size) {
  std::istringstream words(text);
  std::vector<std::string> lines;
  for (std::string word; words >> word;) {
    const std::string longer = lines.empty() ? word : lines.back() + " " + word;
    if (lines.empty() || text_width(longer, size) > width) {
      lines.push_back(word);
    } else {
      lines.back() = longer;
    }
  }
  return lines;
}

}  // namespace diptych
