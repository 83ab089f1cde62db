// dssim of one channel of one picture in double: 2-D windows, pixel by pixel.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <vector>

namespace diptych {

struct DssimRef {
  double loss = 0, loss_magnitude = 0;
  std::vector<double> gradient, gradient_magnitude;  // d(loss)/d(y), h x w
};

// Window of f x f weights, by its definition.
inline std::vector<double> dssim_ref_window(int f) {
  std::vector<double> g;
  double sum = 0;
  for (int i = 0; i < f; ++i)
    for (int j = 0; j < f; ++j) {
      const double u = i - (f - 1) / 2.0, v = j - (f - 1) / 2.0;
      g.push_back(std::exp(-(u * u + v * v) / (2 * 1.5 * 1.5)));
      sum += g.back();
    }
  for (double& w : g) w /= sum;
  return g;
}

// x, y: h x w, not negative. Magnitudes: first-order size of the error when each filtered moment is
// off by its own size, so an evaluation with c roundings is off by about c * 2^-24 * magnitude.
inline DssimRef dssim_ref(
    const std::vector<double>& x, const std::vector<double>& y, int h, int w, int f) {
  const std::vector<double> g = dssim_ref_window(f);
  const double c1 = 0.01 * 0.01, c2 = 0.03 * 0.03;
  const int rows = h - f + 1, columns = w - f + 1;
  const double share = 1.0 / (static_cast<double>(rows) * columns);
  DssimRef r;
  r.gradient.assign(x.size(), 0.0);
  r.gradient_magnitude.assign(x.size(), 0.0);
  double mean = 0;
  for (int p = 0; p < rows; ++p) {
    for (int q = 0; q < columns; ++q) {
      double a = 0, b = 0, xy = 0, squares = 0;
      for (int i = 0; i < f; ++i)
        for (int j = 0; j < f; ++j) {
          const double weight = g[static_cast<size_t>(i * f + j)];
          const size_t at = static_cast<size_t>((p + i) * w + q + j);
          a += weight * x[at];
          b += weight * y[at];
          xy += weight * x[at] * y[at];
          squares += weight * (x[at] * x[at] + y[at] * y[at]);
        }
      const double l_above = 2 * a * b + c1, l_below = a * a + b * b + c1;
      const double cs_above = 2 * xy - 2 * a * b + c2, cs_below = squares - a * a - b * b + c2;
      const double l = l_above / l_below, cs = cs_above / cs_below;
      mean += l * cs * share;
      // Sizes of what was subtracted, over what was left.
      const double above_size = 2 * xy + 4 * a * b + c2;
      const double below_ratio = (squares + 2 * a * a + 2 * b * b + c2) / cs_below;
      const double cs_size = above_size / cs_below + std::abs(cs) * below_ratio;
      r.loss_magnitude += share * l * (cs_size + 4 * std::abs(cs)) / 2;

      const double d_b = cs * (2 * a / l_below - 2 * b * l_above / (l_below * l_below)) +
                         l * (-2 * a / cs_below + 2 * b * cs_above / (cs_below * cs_below));
      const double d_xy = l * 2 / cs_below;
      const double d_squares = -l * cs_above / (cs_below * cs_below);
      const double d_b_size =
          (cs_size + 4 * std::abs(cs)) * (2 * a + 2 * b * l) / l_below +
          l * (2 * a * below_ratio + 2 * b * (cs_size + std::abs(cs) * below_ratio)) / cs_below +
          4 * l * (2 * a + 2 * b * std::abs(cs)) / cs_below;
      const double d_xy_size = d_xy * (below_ratio + 4);
      const double d_squares_size = l * (cs_size + std::abs(cs) * (below_ratio + 4)) / cs_below;
      for (int i = 0; i < f; ++i)
        for (int j = 0; j < f; ++j) {
          const double weight = -0.5 * share * g[static_cast<size_t>(i * f + j)];
          const size_t at = static_cast<size_t>((p + i) * w + q + j);
          r.gradient[at] += weight * (d_b + x[at] * d_xy + 2 * y[at] * d_squares);
          r.gradient_magnitude[at] -=
              weight * (d_b_size + x[at] * d_xy_size + 2 * y[at] * d_squares_size);
        }
    }
  }
  r.loss = (1 - mean) / 2;
  return r;
}

}  // namespace diptych
