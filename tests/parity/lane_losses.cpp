// DSSIM, squared errors and the soft mask in lanes.
// SPDX-License-Identifier: MIT
#include "tests/parity/lane_losses.h"

#include <algorithm>

#include "kernels/blur/blur_ref.h"
#include "models/saehd/losses.h"

namespace diptych::parity {

namespace {

Map taps_of(Noise& noise, int window) {
  std::vector<double> bell;
  double sum = 0;
  for (int i = 0; i < window; ++i) {
    const double d = i - (window - 1) / 2.0;
    bell.push_back(std::exp(-d * d / (2 * 1.5 * 1.5)));
    sum += bell.back();
  }
  Map taps;
  for (const double t : bell) taps.push_back(noise.constant(t / sum));
  return taps;
}

// 2 clip(G(m) / I, 0, 1/2), I = 1 where masks fade: two passes of taps each, a quotient.
Map soft_mask_of(Noise& noise, const LaneTarget& target) {
  const Shape shape{target.shape[0], target.shape[1], target.shape[2], 1};
  const double sigma = mask_blur_sigma(shape[1]);
  const RefTensor blurred = blur_ref(target.mask, shape, sigma);
  const std::vector<double> inside = target.border == BlurBorder::kRenormalised
                                         ? blur_ref_inside(shape, sigma)
                                         : std::vector<double>(blurred.value.size(), 1.0);
  const double terms = 2 * (4 * sigma + 1);
  Map soft(blurred.value.size());
  for (size_t i = 0; i < soft.size(); ++i) {
    Lanes share = Lanes{} + blurred.value[i] / inside[i];
    noise.sum(share, 2 * terms, blurred.magnitude[i] / inside[i]);
    for (int j = 0; j < kLanes; ++j) soft[i][j] = 2 * std::clamp(share[j], 0.0, 0.5);
  }
  return soft;
}

// A picture of one sample, c innermost, and the window that runs over it.
struct Window {
  int64_t h, w, c;
  Map taps;
  Lanes c1, c2;  // of DSSIM

  int64_t p() const { return h - static_cast<int64_t>(taps.size()) + 1; }

  int64_t q() const { return w - static_cast<int64_t>(taps.size()) + 1; }

  // (h,w,c) -> (p,q,c), rows then columns.
  Map filter(const Map& x) const {
    const auto f = static_cast<int64_t>(taps.size());
    Map rows(static_cast<size_t>(p() * w * c)), y(static_cast<size_t>(p() * q() * c));
    for (int64_t i = 0; i < p() * w * c; ++i)
      for (int64_t t = 0; t < f; ++t)
        rows[static_cast<size_t>(i)] +=
            taps[static_cast<size_t>(t)] * x[static_cast<size_t>(i + t * w * c)];
    for (int64_t row = 0; row < p(); ++row)
      for (int64_t i = 0; i < q() * c; ++i)
        for (int64_t t = 0; t < f; ++t)
          y[static_cast<size_t>(row * q() * c + i)] +=
              taps[static_cast<size_t>(t)] * rows[static_cast<size_t>((row * w + t) * c + i)];
    return y;
  }

  // (p,q,c) -> (h,w,c), transposed.
  Map spread_back(const Map& y) const {
    const auto f = static_cast<int64_t>(taps.size());
    Map rows(static_cast<size_t>(p() * w * c)), x(static_cast<size_t>(h * w * c));
    for (int64_t row = 0; row < p(); ++row)
      for (int64_t i = 0; i < q() * c; ++i)
        for (int64_t t = 0; t < f; ++t)
          rows[static_cast<size_t>((row * w + t) * c + i)] +=
              taps[static_cast<size_t>(t)] * y[static_cast<size_t>(row * q() * c + i)];
    for (int64_t i = 0; i < p() * w * c; ++i)
      for (int64_t t = 0; t < f; ++t)
        x[static_cast<size_t>(i + t * w * c)] +=
            taps[static_cast<size_t>(t)] * rows[static_cast<size_t>(i)];
    return x;
  }
};

Map product(const Map& x, const Map& y) {
  Map result(x.size());
  for (size_t i = 0; i < x.size(); ++i) result[i] = x[i] * y[i];
  return result;
}

struct Structure {
  Lanes similarity{};  // mean of l * cs
  Map gradient;        // of that mean with respect to v
};

// One position: adds its similarity, leaves the partial derivatives in the moments' places. The
// subtractions in cs cancel: their roundings count at the size of what is subtracted.
Lanes similarity(
    Noise& noise, const Window& window, const Lanes& a, Lanes& db, Lanes& dxy, Lanes& dsquares) {
  const Lanes &c1 = window.c1, &c2 = window.c2;
  const Lanes b = db, xy = dxy, squares = dsquares, ab = 2 * a * b, both = a * a + b * b;
  Lanes above = 2 * xy - ab + c2, below = squares - both + c2;
  noise.sum(above, 0, 2 * xy[0] + ab[0], 4);
  noise.sum(below, 0, squares[0] + both[0], 5);
  Lanes l = (ab + c1) / (both + c1), cs = above / below;
  noise.sum(l, 0, l[0], 6);
  noise.sum(cs, 0, std::abs(cs[0]), 2);
  const Lanes l_part = cs * (a - b * l) / (both + c1), cs_part = l * (b * cs - a) / below;
  db = 2 * (l_part + cs_part);
  const double l_size = std::abs(cs[0]) * (a[0] + b[0] * l[0]) / (both[0] + c1[0]);
  const double cs_size = l[0] * (b[0] * std::abs(cs[0]) + a[0]) / below[0];
  noise.sum(db, 0, 2 * (l_size + cs_size), 8);
  dxy = 2 * l / below;
  noise.sum(dxy, 0, dxy[0], 3);
  dsquares = -l * cs / below;
  noise.sum(dsquares, 0, std::abs(dsquares[0]), 3);
  return l * cs;
}

// u, v >= 0.
Structure structure_of(Noise& noise, const Window& window, const Map& u, const Map& v) {
  const auto terms = static_cast<double>(2 * window.taps.size());
  Map uu_vv = product(u, u);
  for (size_t i = 0; i < v.size(); ++i) uu_vv[i] += v[i] * v[i];
  Map a = window.filter(u), db = window.filter(v), dxy = window.filter(product(u, v)),
      dsquares = window.filter(uu_vv);
  Structure result;
  for (size_t i = 0; i < a.size(); ++i) {
    for (Map* m : {&a, &db, &dxy, &dsquares}) noise.sum((*m)[i], 2 * terms, (*m)[i][0]);
    result.similarity += similarity(noise, window, a[i], db[i], dxy[i], dsquares[i]);
  }
  const double share = 1 / static_cast<double>(a.size());
  result.similarity *= share;
  const Map back[] = {window.spread_back(db), window.spread_back(dxy),
                      window.spread_back(dsquares)};
  Map sizes[3];
  for (size_t k = 0; k < 3; ++k) {
    sizes[k] = k == 0 ? db : k == 1 ? dxy : dsquares;
    for (Lanes& x : sizes[k]) x = Lanes{} + std::abs(x[0]);
    sizes[k] = window.spread_back(sizes[k]);
  }
  result.gradient.resize(v.size());
  for (size_t i = 0; i < v.size(); ++i) {
    result.gradient[i] = share * (back[0][i] + u[i] * back[1][i] + 2 * v[i] * back[2][i]);
    const double size = sizes[0][i][0] + u[i][0] * sizes[1][i][0] + 2 * v[i][0] * sizes[2][i][0];
    noise.sum(result.gradient[i], 2 * terms, share * size, 6);
  }
  return result;
}

// 10 DSSIM(u, v) + 10 mean (u - v)^2 under the soft mask m, of one sample; adds the gradient.
Lanes picture_loss(Noise& noise,
                   const Window& window,
                   const double* target,
                   const Lanes* prediction,
                   const Lanes* soft,
                   Lanes* gradient) {
  const auto count = static_cast<size_t>(window.h * window.w * window.c);
  const auto channels = static_cast<size_t>(window.c);
  Map u(count), v(count);
  for (size_t i = 0; i < count; ++i) {
    u[i] = soft[i / channels] * target[i];
    v[i] = soft[i / channels] * prediction[i];
    noise.add(u[i], kUnit * u[i][0]);
    noise.add(v[i], kUnit * v[i][0]);
  }
  const Structure s = structure_of(noise, window, u, v);
  const Lanes structure = noise.constant(5), square = noise.constant(20);
  Lanes squares{};
  for (size_t i = 0; i < count; ++i) {
    Lanes difference = v[i] - u[i];
    noise.add(difference, kUnit * std::abs(difference[0]));
    squares += difference * difference;
    Lanes slope = square * difference / static_cast<double>(count) - structure * s.gradient[i];
    noise.sum(
        slope, 0,
        20 * std::abs(difference[0]) / static_cast<double>(count) + 5 * std::abs(s.gradient[i][0]),
        4);
    gradient[i] += soft[i / channels] * slope;
  }
  Lanes loss = 5 * (1 - s.similarity) + 10 * squares / static_cast<double>(count);
  noise.sum(loss, 0, loss[0], 6);
  return loss;
}

// 10 mean (t - p)^2 of one sample; adds the gradient.
Lanes mask_loss(
    Noise& noise, size_t count, const double* target, const Lanes* prediction, Lanes* gradient) {
  const Lanes factor = noise.constant(20 / static_cast<double>(count));
  Lanes squares{};
  for (size_t i = 0; i < count; ++i) {
    Lanes difference = prediction[i] - target[i];
    noise.add(difference, kUnit * std::abs(difference[0]));
    squares += difference * difference;
    Lanes slope = factor * difference;
    noise.sum(slope, 0, std::abs(slope[0]), 4);
    gradient[i] += slope;
  }
  Lanes loss = 10 * squares / static_cast<double>(count);
  noise.sum(loss, 0, loss[0], 4);
  return loss;
}

}  // namespace

Map reconstruction_loss(LaneTape& tape,
                        const LaneTarget& target,
                        const Value& picture,
                        const Value& mask) {
  const int64_t samples = target.shape[0], r = target.shape[1];
  Noise& noise = tape.noise;
  const Window window{.h = r,
                      .w = r,
                      .c = 3,
                      .taps = taps_of(noise, dssim_windows(static_cast<int>(r)).first),
                      .c1 = noise.constant(1e-4),
                      .c2 = noise.constant(9e-4)};
  const auto pixels = static_cast<size_t>(r * r);
  const Map soft = soft_mask_of(noise, target);
  Map loss;
  for (size_t n = 0; n < static_cast<size_t>(samples); ++n) {
    const size_t at = n * pixels;
    Lanes both =
        picture_loss(noise, window, target.picture.data() + 3 * at, picture->value.data() + 3 * at,
                     soft.data() + at, picture->grad.data() + 3 * at);
    both += mask_loss(noise, pixels, target.mask.data() + at, mask->value.data() + at,
                      mask->grad.data() + at);
    noise.add(both, 2 * kUnit * both[0]);
    loss.push_back(both);
  }
  return loss;
}

}  // namespace diptych::parity
