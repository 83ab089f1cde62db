// Drawing of histograms and pose grids.
// SPDX-License-Identifier: MIT
#include "apps/pictures/report_panels.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <opencv2/imgproc.hpp>

#include "apps/pictures/canvas.h"
#include "apps/pictures/plot.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

using namespace report_colours;

constexpr int kBins = 32;

std::vector<double> shares_of(const std::vector<double>& values, double low, double high) {
  std::vector<double> bins(kBins, 0);
  for (const double v : values) {
    const double place = (v - low) / (high - low) * kBins;
    bins[static_cast<size_t>(std::clamp(place, 0.0, kBins - 1.0))] +=
        100.0 / static_cast<double>(values.size());
  }
  return bins;
}

cv::Scalar tint(const cv::Scalar& colour, double strength) {
  return colour * strength + kPaper * (1 - strength);
}

// Steps over the area, filled faintly, outlined in full colour.
void draw_steps(cv::Mat& panel,
                const cv::Rect& area,
                const std::vector<double>& bins,
                double top,
                const cv::Scalar& colour) {
  std::vector<cv::Point> outline = {{area.x, area.br().y}};
  for (int i = 0; i < kBins; ++i) {
    const double share = bins[static_cast<size_t>(i)] / top;
    const int y = area.br().y - static_cast<int>(std::lround(share * area.height));
    outline.emplace_back(area.x + i * area.width / kBins, y);
    outline.emplace_back(area.x + (i + 1) * area.width / kBins, y);
  }
  outline.emplace_back(area.br().x, area.br().y);
  cv::Mat filled = panel.clone();
  cv::fillPoly(filled, std::vector<std::vector<cv::Point>>{outline}, colour);
  cv::addWeighted(filled, 0.22, panel, 0.78, 0, panel);
  cv::polylines(panel, outline, false, colour, 2);
}

std::string tick_text(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.4g", std::abs(value) < 1e-12 ? 0.0 : value);
  return buffer;
}

void draw_axes(cv::Mat& panel, const cv::Rect& area, const Histogram& h, double top) {
  for (const double y : axis_ticks(0, top, 4)) {
    const int py = area.br().y - static_cast<int>(std::lround(y / top * area.height));
    cv::line(panel, {area.x, py}, {area.br().x, py}, kGrid);
    draw_text(panel, tick_text(y) + "%", {area.x - 5, py + 4}, kInk, TextSize::kSmall, 1);
  }
  for (const double x : axis_ticks(h.low, h.high, 7)) {
    const double share = (x - h.low) / (h.high - h.low);
    const int px = area.x + static_cast<int>(std::lround(share * area.width));
    cv::line(panel, {px, area.br().y}, {px, area.br().y + 4}, kInk);
    draw_text(panel, tick_text(x), {px, area.br().y + 17}, kInk, TextSize::kSmall, 0.5);
  }
  cv::line(panel, {area.x, area.br().y}, {area.br().x, area.br().y}, kInk);
}

std::string short_count(int64_t count) {
  return count < 1000 ? str(count) : str(count / 1000, "k");
}

struct GridLayout {
  int cell, left = 50, top = 30;

  explicit GridLayout(int width) : cell((width - 60) / PoseGrid::kYaws) {}

  // Column 0 of the grid has the most negative yaw, which looks right.
  cv::Rect rect(int yaw, int pitch) const {
    return {left + (PoseGrid::kYaws - 1 - yaw) * cell, top + pitch * cell, cell, cell};
  }

  int bottom() const { return top + PoseGrid::kPitches * cell; }
};

cv::Mat grid_panel(const GridLayout& l, const std::string& title, int width) {
  cv::Mat panel(l.bottom() + 46, width, CV_8UC3, kPaper);
  draw_text(panel, title, {l.left, 18}, kInk);
  for (int yaw = 0; yaw <= PoseGrid::kYaws; yaw += 2) {
    const int x = l.left + (PoseGrid::kYaws - yaw) * l.cell;
    draw_text(panel, str(static_cast<int>((yaw - PoseGrid::kYaws / 2) * PoseGrid::kStep)),
              {x, l.bottom() + 15}, kInk, TextSize::kSmall, 0.5);
  }
  for (int pitch = 0; pitch <= PoseGrid::kPitches; pitch += 2) {
    draw_text(panel, str(static_cast<int>((PoseGrid::kPitches / 2 - pitch) * PoseGrid::kStep)),
              {l.left - 6, l.top + pitch * l.cell + 4}, kInk, TextSize::kSmall, 1);
  }
  draw_text(panel, "<- looks left", {l.left, l.bottom() + 34}, kFaint, TextSize::kSmall);
  draw_text(panel, "yaw, degrees", {l.left + PoseGrid::kYaws * l.cell / 2, l.bottom() + 34}, kInk,
            TextSize::kSmall, 0.5);
  draw_text(panel, "looks right ->", {l.left + PoseGrid::kYaws * l.cell, l.bottom() + 34}, kFaint,
            TextSize::kSmall, 1);
  draw_text(panel, "up", {l.left - 6, l.top + l.cell}, kFaint, TextSize::kSmall, 1);
  draw_text(panel, "down", {l.left - 6, l.bottom() - l.cell / 2 - 2}, kFaint, TextSize::kSmall, 1);
  return panel;
}

void draw_cell(cv::Mat& panel,
               const cv::Rect& r,
               const cv::Scalar& fill,
               const std::string& text,
               bool light) {
  cv::rectangle(panel, r, fill, cv::FILLED);
  cv::rectangle(panel, {r.x, r.y, r.width + 1, r.height + 1}, kGrid);
  if (!text.empty())
    draw_text(panel, text, {r.x + r.width / 2, r.y + r.height / 2 + 4}, light ? kPaper : kInk,
              TextSize::kSmall, 0.5);
}

}  // namespace

cv::Mat draw_histogram(const Histogram& h, cv::Size size) {
  cv::Mat panel(size, CV_8UC3, kPaper);
  const cv::Rect area(52, 34, size.width - 70, size.height - 62);
  draw_text(panel, h.title, {area.x, 16}, kInk);
  const std::vector<double> src = shares_of(h.src, h.low, h.high),
                            dst = shares_of(h.dst, h.low, h.high);
  const double top = std::max({5.0, *std::max_element(src.begin(), src.end()) * 1.08,
                               *std::max_element(dst.begin(), dst.end()) * 1.08});
  draw_axes(panel, area, h, top);
  if (!h.dst.empty()) draw_steps(panel, area, dst, top, kDst);
  if (!h.src.empty()) draw_steps(panel, area, src, top, kSrc);
  if (h.mark && h.mark->first >= h.low && h.mark->first <= h.high) {
    const double share = (h.mark->first - h.low) / (h.high - h.low);
    const int x = area.x + static_cast<int>(std::lround(share * area.width));
    for (int y = area.y; y < area.br().y; y += 7) cv::line(panel, {x, y}, {x, y + 3}, kInk);
    const bool right = x + 8 + text_width(h.mark->second, TextSize::kSmall) < area.br().x;
    draw_text(panel, h.mark->second, {right ? x + 4 : x - 4, area.y + 9}, kInk, TextSize::kSmall,
              right ? 0 : 1);
  }
  return panel;
}

cv::Mat draw_pose_grid(const PoseGrid& grid,
                       const std::string& title,
                       const cv::Scalar& colour,
                       int width) {
  const GridLayout l(width);
  cv::Mat panel = grid_panel(l, title, width);
  const auto most = static_cast<double>(
      std::max<int64_t>(1, *std::max_element(grid.counts.begin(), grid.counts.end())));
  for (int pitch = 0; pitch < PoseGrid::kPitches; ++pitch) {
    for (int yaw = 0; yaw < PoseGrid::kYaws; ++yaw) {
      const int64_t count = grid.at(yaw, pitch);
      // By the logarithm: a few faces must show beside a thousand.
      const double strength = count > 0 ? 0.15 + 0.85 * std::log1p(count) / std::log1p(most) : 0;
      draw_cell(panel, l.rect(yaw, pitch), tint(colour, strength),
                count > 0 ? short_count(count) : "", strength > 0.6);
    }
  }
  return panel;
}

cv::Mat draw_pose_coverage(const PoseCoverage& poses, int width) {
  const GridLayout l(width);
  cv::Mat panel = grid_panel(l, "What dst needs: green in src, red lacking (faces)", width);
  for (int pitch = 0; pitch < PoseGrid::kPitches; ++pitch) {
    for (int yaw = 0; yaw < PoseGrid::kYaws; ++yaw) {
      const int64_t dst = poses.dst.at(yaw, pitch), lack = poses.uncovered.at(yaw, pitch);
      cv::Scalar fill = kPaper;
      if (dst > 0) fill = lack == 0 ? tint(kFine, 0.55) : tint(kLack, 0.3 + 0.6 * lack / dst);
      draw_cell(panel, l.rect(yaw, pitch), fill, lack > 0 ? short_count(lack) : "",
                dst > 0 && 2 * lack > dst);
    }
  }
  return panel;
}

}  // namespace diptych
