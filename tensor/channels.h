// Channels: how many channels a layer reads or writes, and how many of them are stored.
//
// Tensor cores are fed eight channels at a time, so a width inside a network is stored rounded up
// to a multiple of eight. Pictures and masks, of up to three channels, have kernels of their own
// and stay as they are. The channels added are zeros and stay zeros, in every tensor and exactly:
//   weights and biases  start as zeros
//   activations         act(0) = 0, for leaky ReLU and x cos x
//   gradients           those of a weight are sums of products with an activation, or with a
//                       gradient that came back through weights, and one of the two is 0
//   updates             every optimizer moves a weight by 0 / (0 + epsilon)
// They are a matter of memory alone: initial values, files, counts and reports know none of them.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace diptych {

constexpr int64_t kChannelsAtOnce = 8, kWidestPicture = 3;

// Channels in memory of `width` of them.
constexpr int64_t stored_width(int64_t width) {
  if (width <= kWidestPicture) return width;
  return (width + kChannelsAtOnce - 1) / kChannelsAtOnce * kChannelsAtOnce;
}

struct Channels {
  int64_t count = 0;
  // Runs of equal width that lie side by side and are rounded up one by one: what is joined by
  // concat_channels, the four pixels that depth_to_space moves apart, the places of a picture that
  // a dense layer reads or writes.
  int64_t parts = 1;

  // From a plain count: one part.
  constexpr Channels(int64_t all, int64_t in_parts = 1)  // NOLINT(google-explicit-constructor)
      : count(all), parts(in_parts) {}

  constexpr int64_t width() const { return count / parts; }

  constexpr int64_t stored() const { return parts * stored_width(width()); }
};

}  // namespace diptych
