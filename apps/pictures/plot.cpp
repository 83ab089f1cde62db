// Drawing of loss curves.
// SPDX-License-Identifier: MIT
#include "apps/pictures/plot.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <opencv2/imgproc.hpp>

#include "apps/terminal/progress.h"

namespace diptych {

namespace {

const cv::Scalar kInk(60, 60, 60), kGrid(228, 228, 228), kPaper(255, 255, 255);
// Blue and vermillion of the Okabe-Ito palette: distinct for colour-blind readers (BGR).
const cv::Scalar kSrc(178, 114, 0), kDst(0, 94, 213);
constexpr int kLeft = 80, kRight = 20, kTop = 46, kBottom = 56;

struct Axes {
  cv::Rect area;
  double x0, x1, y0, y1;

  cv::Point2d at(double x, double y) const {
    return {area.x + (x - x0) / (x1 - x0) * area.width,
            area.y + area.height - (y - y0) / (y1 - y0) * area.height};
  }
};

void write(
    cv::Mat& canvas, const std::string& text, cv::Point2d at, double align, cv::Scalar colour) {
  int base = 0;
  const cv::Size size = cv::getTextSize(text, cv::FONT_HERSHEY_SIMPLEX, 0.45, 1, &base);
  const cv::Point corner(static_cast<int>(std::lround(at.x - align * size.width)),
                         static_cast<int>(std::lround(at.y + size.height / 2.0)));
  cv::putText(canvas, text, corner, cv::FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv::LINE_AA);
}

cv::Scalar faint(const cv::Scalar& colour) {
  return colour * 0.3 + kPaper * 0.7;
}

// 4 more bits of position than whole pixels: the curve does not step.
cv::Point fixed_point(cv::Point2d p) {
  return {static_cast<int>(std::lround(p.x * 16)), static_cast<int>(std::lround(p.y * 16))};
}

void draw_curve(cv::Mat& canvas,
                const Axes& axes,
                std::span<const LossPoint> history,
                std::span<const float> values,
                const cv::Scalar& colour,
                int thickness) {
  cv::Mat inside = canvas(axes.area);
  const cv::Point2d corner(axes.area.x, axes.area.y);
  bool joined = false;
  cv::Point last;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      joined = false;
      continue;
    }
    const cv::Point2d place =
        axes.at(static_cast<double>(history[i].iteration), values[i]) - corner;
    const cv::Point p = fixed_point({place.x, std::clamp(place.y, -10.0, axes.area.height + 10.0)});
    cv::line(inside, joined ? last : p, p, colour, thickness, cv::LINE_AA, 4);
    last = p;
    joined = true;
  }
}

// From 0 (losses are positive) to just above the bulk of the values: a few wild first iterations
// must not flatten the rest.
double top_of(std::span<const float> src, std::span<const float> dst) {
  std::vector<float> all;
  for (const auto& values : {src, dst}) {
    std::copy_if(values.begin(), values.end(), std::back_inserter(all),
                 [](float v) { return std::isfinite(v); });
  }
  if (all.empty()) return 1;
  const auto rank = static_cast<std::ptrdiff_t>(static_cast<double>(all.size() - 1) * 0.995);
  std::nth_element(all.begin(), all.begin() + rank, all.end());
  const double top = all[static_cast<size_t>(rank)] * 1.08;
  return top > 0 ? top : 1;
}

Axes axes_of(std::span<const LossPoint> history, double top, cv::Size size) {
  Axes axes{};
  axes.area = {kLeft, kTop, size.width - kLeft - kRight, size.height - kTop - kBottom};
  axes.x0 = history.empty() ? 0 : static_cast<double>(history.front().iteration) - 1;
  axes.x1 =
      std::max(axes.x0 + 10, history.empty() ? 0.0 : static_cast<double>(history.back().iteration));
  axes.y1 = top;
  return axes;
}

void draw_axes(cv::Mat& canvas,
               const Axes& axes,
               const std::string& title,
               const std::string& y_name) {
  const cv::Rect& a = axes.area;
  for (const double x : axis_ticks(axes.x0, axes.x1, 9)) {
    const int px = static_cast<int>(std::lround(axes.at(x, 0).x));
    cv::line(canvas, {px, a.y}, {px, a.y + a.height}, kGrid);
    write(canvas, format_count(std::llround(x)), {double(px), a.y + a.height + 14.0}, 0.5, kInk);
  }
  for (const double y : axis_ticks(axes.y0, axes.y1, 7)) {
    const int py = static_cast<int>(std::lround(axes.at(axes.x0, y).y));
    cv::line(canvas, {a.x, py}, {a.x + a.width, py}, kGrid);
    write(canvas, format_number(y), {a.x - 8.0, double(py)}, 1, kInk);
  }
  cv::line(canvas, {a.x, a.y}, {a.x, a.y + a.height}, kInk);
  cv::line(canvas, {a.x, a.y + a.height}, {a.x + a.width, a.y + a.height}, kInk);
  write(canvas, "iteration", {a.x + a.width / 2.0, a.y + a.height + 38.0}, 0.5, kInk);
  write(canvas, y_name, {a.x - 8.0, a.y - 16.0}, 1, kInk);
  write(canvas, title, {double(a.x), a.y - 26.0}, 0, kInk);
}

void draw_legend(cv::Mat& canvas,
                 const Axes& axes,
                 const std::string& src,
                 const std::string& dst) {
  const double right = axes.area.x + axes.area.width;
  const double y = axes.area.y - 18.0;
  const std::pair<const std::string&, const cv::Scalar&> entries[] = {{dst, kDst}, {src, kSrc}};
  double x = right;
  for (const auto& [text, colour] : entries) {
    write(canvas, text, {x, y}, 1, kInk);
    int base = 0;
    x -= cv::getTextSize(text, cv::FONT_HERSHEY_SIMPLEX, 0.45, 1, &base).width + 8;
    cv::line(canvas, cv::Point2d(x - 24, y), cv::Point2d(x, y), colour, 2, cv::LINE_AA);
    x -= 44;
  }
}

std::string legend_text(const char* name, std::span<const float> smoothed) {
  for (size_t i = smoothed.size(); i > 0; --i) {
    if (std::isfinite(smoothed[i - 1]))
      return std::string(name) + " " + format_number(smoothed[i - 1]);
  }
  return name;
}

}  // namespace

std::vector<double> axis_ticks(double low, double high, int most) {
  if (!(high > low) || most < 2) return {low};
  const double raw = (high - low) / most;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> ticks;
  for (double k = std::ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; ++k)
    ticks.push_back(k * step);
  return ticks;
}

std::vector<float> smooth(std::span<const float> values) {
  const auto n = static_cast<std::ptrdiff_t>(values.size());
  const std::ptrdiff_t half = std::max(n / 100, std::min<std::ptrdiff_t>(n / 10, 10));
  std::vector<double> sum(values.size() + 1, 0), count(values.size() + 1, 0);
  for (size_t i = 0; i < values.size(); ++i) {
    const bool finite = std::isfinite(values[i]);
    sum[i + 1] = sum[i] + (finite ? values[i] : 0.0);
    count[i + 1] = count[i] + (finite ? 1 : 0);
  }
  std::vector<float> out(values.size());
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    const auto a = static_cast<size_t>(std::max<std::ptrdiff_t>(0, i - half));
    const auto b = static_cast<size_t>(std::min(n, i + half + 1));
    const double finite = count[b] - count[a];
    out[static_cast<size_t>(i)] = finite > 0 ? static_cast<float>((sum[b] - sum[a]) / finite)
                                             : std::numeric_limits<float>::quiet_NaN();
  }
  return out;
}

cv::Mat plot_losses(std::span<const LossPoint> history, const std::string& title, cv::Size size) {
  cv::Mat canvas(size, CV_8UC3, kPaper);
  std::vector<float> src, dst;
  for (const LossPoint& p : history) {
    src.push_back(p.src);
    dst.push_back(p.dst);
  }
  const std::vector<float> smooth_src = smooth(src), smooth_dst = smooth(dst);
  const Axes axes = axes_of(history, top_of(src, dst), size);
  draw_axes(canvas, axes, title, "loss");
  draw_curve(canvas, axes, history, dst, faint(kDst), 1);
  draw_curve(canvas, axes, history, src, faint(kSrc), 1);
  draw_curve(canvas, axes, history, smooth_dst, kDst, 2);
  draw_curve(canvas, axes, history, smooth_src, kSrc, 2);
  draw_legend(canvas, axes, legend_text("src", smooth_src), legend_text("dst", smooth_dst));
  return canvas;
}

cv::Mat plot_holdout(std::span<const HoldoutPoint> history,
                     const std::string& title,
                     cv::Size size) {
  cv::Mat canvas(size, CV_8UC3, kPaper);
  std::vector<LossPoint> points;
  std::vector<float> src, dst;
  for (const HoldoutPoint& p : history) {
    src.push_back(static_cast<float>(p.scores.src.dssim));
    dst.push_back(static_cast<float>(p.scores.dst.dssim));
    points.push_back({p.iteration, src.back(), dst.back()});
  }
  const Axes axes = axes_of(points, top_of(src, dst), size);
  draw_axes(canvas, axes, title, "DSSIM");
  draw_curve(canvas, axes, points, dst, kDst, 2);
  draw_curve(canvas, axes, points, src, kSrc, 2);
  draw_legend(canvas, axes, legend_text("src", src), legend_text("dst", dst));
  return canvas;
}

}  // namespace diptych
