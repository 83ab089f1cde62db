// The colours of a source pixel: bytes or Lab to BGR, colour transfer, jitter in HSV. f32.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

#include "kernels/image_warp/image_warp.h"

namespace diptych::warp {

// A colour and the face mask of its pixel, 0..255.
struct alignas(16) Texel {
  float b, g, r, mask;
};

DIPTYCH_HOST_DEVICE float least(float a, float b) {
  return b < a ? b : a;
}

DIPTYCH_HOST_DEVICE float largest(float a, float b) {
  return a < b ? b : a;
}

DIPTYCH_HOST_DEVICE float unit(float v) {
  return v > 0.0f ? (v < 1.0f ? v : 1.0f) : 0.0f;  // NaN becomes 0
}

DIPTYCH_HOST_DEVICE Texel of_bytes(const FaceTexel& t) {
  constexpr float k = 1.0f / 255;
  return {static_cast<float>(t.b) * k, static_cast<float>(t.g) * k, static_cast<float>(t.r) * k,
          static_cast<float>(t.mask)};
}

// matrix (3,3), then offset (3).
DIPTYCH_HOST_DEVICE Texel lct(const float* m, const Texel& t) {
  return {unit(m[0] * t.b + m[1] * t.g + m[2] * t.r + m[9]),
          unit(m[3] * t.b + m[4] * t.g + m[5] * t.r + m[10]),
          unit(m[6] * t.b + m[7] * t.g + m[8] * t.r + m[11]), t.mask};
}

// IEC 61966-2-1: linear light -> sRGB.
DIPTYCH_HOST_DEVICE float gamma_of(float linear) {
  const float v = unit(linear);
  return v <= 0.0031308f ? 12.92f * v : 1.055f * powf(v, 1.0f / 2.4f) - 0.055f;
}

DIPTYCH_HOST_DEVICE float lab_cube(float f) {
  constexpr float kStraight = 7.787f * 0.008856f + 16.0f / 116.0f;
  return f <= kStraight ? (f - 16.0f / 116.0f) / 7.787f : f * f * f;
}

// CIELAB (white D65) -> sRGB.
DIPTYCH_HOST_DEVICE Texel of_lab(float l, float a, float b, float mask) {
  float y, fy;
  if (l <= 903.3f * 0.008856f) {
    y = l / 903.3f;
    fy = 7.787f * y + 16.0f / 116.0f;
  } else {
    fy = (l + 16.0f) / 116.0f;
    y = fy * fy * fy;
  }
  const float x = 0.950456f * lab_cube(fy + a / 500.0f);
  const float z = 1.088754f * lab_cube(fy - b / 200.0f);
  return {gamma_of(0.055648f * x - 0.204043f * y + 1.057311f * z),
          gamma_of(-0.969256f * x + 1.875991f * y + 0.041556f * z),
          gamma_of(3.240479f * x - 1.53715f * y - 0.498535f * z), mask};
}

// gain (3), offset (3) in Lab.
DIPTYCH_HOST_DEVICE Texel rct(const float* m, const LabTexel& t) {
  const float l = static_cast<float>(t.l) * (100.0f / 16384), a = static_cast<float>(t.a) / 64,
              b = static_cast<float>(t.b) / 64;
  return of_lab(limit(l * m[0] + m[3], 0.0f, 100.0f), limit(a * m[1] + m[4], -127.0f, 127.0f),
                limit(b * m[2] + m[5], -127.0f, 127.0f), static_cast<float>(t.mask));
}

// One channel of a hue in sixths of a turn, plus n: v - v s * trapezium.
DIPTYCH_HOST_DEVICE float of_hue(float n, float sixths, float v, float vs) {
  float k = n + sixths;
  k = k >= 6.0f ? k - 6.0f : k;
  return unit(v - vs * unit(least(k, 4.0f - k)));
}

// Smith's hexcone (1978): to hue, saturation and value, shifted, and back.
DIPTYCH_HOST_DEVICE Texel jitter(const ColourShift& shift, const Texel& t) {
  constexpr float kTiny = 0x1p-23f;
  const float v = largest(t.r, largest(t.g, t.b));
  const float range = v - least(t.r, least(t.g, t.b));
  const float s = range / (fabsf(v) + kTiny), k = 60.0f / (range + kTiny);
  float hue = v == t.r   ? (t.g - t.b) * k
              : v == t.g ? (t.b - t.r) * k + 120.0f
                         : (t.r - t.g) * k + 240.0f;
  if (hue < 0) hue += 360.0f;
  hue += shift.hue;
  hue = hue < 0 ? hue + 360.0f : hue >= 360.0f ? hue - 360.0f : hue;
  const float new_s = unit(s + shift.saturation), new_v = unit(v + shift.value);
  const float sixths = hue * (1.0f / 60), vs = new_v * new_s;
  return {of_hue(1, sixths, new_v, vs), of_hue(3, sixths, new_v, vs), of_hue(5, sixths, new_v, vs),
          t.mask};
}

// Pixel `at` of a sample's face after colour transfer: T of image_warp.h.
DIPTYCH_HOST_DEVICE Texel target_texel(const ImageWarpFaces& faces,
                                       ColourTransfer transfer,
                                       const ImageWarpSample& sample,
                                       int64_t at) {
  if (transfer == ColourTransfer::kRct) return rct(sample.colour, faces.lab[at]);
  const Texel t = of_bytes(faces.pictures[at]);
  return transfer == ColourTransfer::kLct ? lct(sample.colour, t) : t;
}

}  // namespace diptych::warp
