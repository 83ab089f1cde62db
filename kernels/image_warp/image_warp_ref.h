// image_warp in double, pixel by pixel: places, interpolation and colours written out apart from
// the code under test. Positions are not rounded to steps here.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "kernels/image_warp/image_warp.h"

namespace diptych {

using RefColour = std::array<double, 3>;  // B, G, R

struct RefPosition {
  double x, y;
};

// Where pixel (x, y) comes from: the mirror, then the inverse affine map of the geometry, then the
// grid when nodes (n,n) are given.
inline RefPosition image_warp_position_ref(
    const warp::Geometry& g, int w, const float* dx, const float* dy, int n, int x, int y) {
  const double centre = (w - 1) / 2.0, angle = g.rotation_degrees * std::acos(-1.0) / 180;
  // result = scale * R(angle) * (place - centre) + centre + shift * w, y pointing down
  const double u = (g.flip ? w - 1 - x : x) - centre - g.shift_x * w;
  const double v = y - centre - g.shift_y * w;
  RefPosition p{(std::cos(angle) * u - std::sin(angle) * v) / g.scale + centre,
                (std::sin(angle) * u + std::cos(angle) * v) / g.scale + centre};
  if (n == 0) return p;
  const double s = std::clamp((p.x + 0.5) * (n - 1) / w, 0.0, n - 1.0);
  const double t = std::clamp((p.y + 0.5) * (n - 1) / w, 0.0, n - 1.0);
  double moved_x = 0, moved_y = 0;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      const double hat = std::max(0.0, 1 - std::abs(s - j)) * std::max(0.0, 1 - std::abs(t - i));
      moved_x += hat * dx[i * n + j];
      moved_y += hat * dy[i * n + j];
    }
  return {p.x + moved_x, p.y + moved_y};
}

// Cubic convolution with a = -0.75 at a distance d.
inline double cubic_ref(double d) {
  constexpr double a = -0.75;
  d = std::abs(d);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

// picture: (w,w) of one channel. Borders replicated; places beyond them count as on them.
inline double sample_cubic_ref(const std::vector<double>& picture, int w, RefPosition p) {
  const double x = std::clamp(p.x, -1.0, double(w)), y = std::clamp(p.y, -1.0, double(w));
  double sum = 0;
  for (int i = static_cast<int>(std::floor(y)) - 1; i <= std::floor(y) + 2; ++i)
    for (int j = static_cast<int>(std::floor(x)) - 1; j <= std::floor(x) + 2; ++j)
      sum += cubic_ref(y - i) * cubic_ref(x - j) *
             picture[static_cast<size_t>(std::clamp(i, 0, w - 1) * w + std::clamp(j, 0, w - 1))];
  return std::clamp(sum, 0.0, 1.0);
}

inline double sample_linear_ref(const std::vector<double>& mask, int w, RefPosition p) {
  double sum = 0;
  for (int i = 0; i < w; ++i) {
    if (std::abs(p.y - i) >= 1) continue;
    for (int j = 0; j < w; ++j)
      sum += std::max(0.0, 1 - std::abs(p.x - j)) * (1 - std::abs(p.y - i)) *
             mask[static_cast<size_t>(i * w + j)];
  }
  return sum;
}

inline RefColour lct_ref(const float* m, const RefColour& c) {
  RefColour y;
  for (size_t i = 0; i < 3; ++i)
    y[i] = std::clamp(m[3 * i] * c[0] + m[3 * i + 1] * c[1] + m[3 * i + 2] * c[2] + m[9 + i], 0.0,
                      1.0);
  return y;
}

inline RefColour rct_ref(const float* m, const LabTexel& t) {
  const double l = std::clamp(t.l * (100.0 / 16384) * m[0] + m[3], 0.0, 100.0);
  const double a = std::clamp(t.a / 64.0 * m[1] + m[4], -127.0, 127.0);
  const double b = std::clamp(t.b / 64.0 * m[2] + m[5], -127.0, 127.0);
  const auto inverse = [](double f) {
    return f <= 7.787 * 0.008856 + 16.0 / 116 ? (f - 16.0 / 116) / 7.787 : f * f * f;
  };
  const bool dark = l <= 903.3 * 0.008856;
  const double fy = dark ? 7.787 * (l / 903.3) + 16.0 / 116 : (l + 16) / 116;
  const double y = dark ? l / 903.3 : fy * fy * fy;
  const double x = 0.950456 * inverse(fy + a / 500), z = 1.088754 * inverse(fy - b / 200);
  const auto gamma = [](double v) {
    v = std::clamp(v, 0.0, 1.0);
    return v <= 0.0031308 ? 12.92 * v : 1.055 * std::pow(v, 1 / 2.4) - 0.055;
  };
  return {gamma(0.055648 * x - 0.204043 * y + 1.057311 * z),
          gamma(-0.969256 * x + 1.875991 * y + 0.041556 * z),
          gamma(3.240479 * x - 1.53715 * y - 0.498535 * z)};
}

inline RefColour jitter_ref(const warp::ColourShift& shift, const RefColour& c) {
  const double v = std::max({c[0], c[1], c[2]}), range = v - std::min({c[0], c[1], c[2]});
  double hue = 0;  // sixths of a turn
  if (range > 0)
    hue = v == c[2]   ? (c[1] - c[0]) / range
          : v == c[1] ? 2 + (c[0] - c[2]) / range
                      : 4 + (c[2] - c[1]) / range;
  hue = std::fmod(hue + shift.hue / 60.0 + 12, 6.0);
  const double s = std::clamp((v > 0 ? range / v : 0) + shift.saturation, 0.0, 1.0);
  const double value = std::clamp(v + shift.value, 0.0, 1.0);
  const auto channel = [&](double n) {
    const double k = std::fmod(n + hue, 6.0);
    return value * (1 - s * std::clamp(std::min(k, 4 - k), 0.0, 1.0));
  };
  return {channel(1), channel(3), channel(5)};
}

}  // namespace diptych
