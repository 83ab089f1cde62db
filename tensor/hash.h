// XXH64 (Yann Collet, xxHash specification 0.1.1): the checksum of files. Not cryptographic.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace diptych {

// Fed in pieces of any length; digest() may be asked at any time.
class Xxh64 {
 public:
  explicit Xxh64(uint64_t seed = 0)
      : seed_(seed), lanes_{seed + kP1 + kP2, seed + kP2, seed, seed - kP1} {}

  void update(const void* data, size_t size) {
    const auto* p = static_cast<const unsigned char*>(data);
    total_ += size;
    if (held_ + size < kStripe) {
      if (size) std::memcpy(buffer_ + held_, p, size);
      held_ += size;
      return;
    }
    if (held_ > 0) {
      const size_t fill = kStripe - held_;
      std::memcpy(buffer_ + held_, p, fill);
      stripe(buffer_);
      p += fill;
      size -= fill;
      held_ = 0;
    }
    for (; size >= kStripe; p += kStripe, size -= kStripe) stripe(p);
    if (size) std::memcpy(buffer_, p, size);
    held_ = size;
  }

  uint64_t digest() const {
    uint64_t h = seed_ + kP5;
    if (total_ >= kStripe) {
      h = rotl(lanes_[0], 1) + rotl(lanes_[1], 7) + rotl(lanes_[2], 12) + rotl(lanes_[3], 18);
      for (uint64_t lane : lanes_) h = (h ^ round(0, lane)) * kP1 + kP4;
    }
    h += total_;
    size_t i = 0;
    for (; i + 8 <= held_; i += 8)
      h = rotl(h ^ round(0, load<uint64_t>(buffer_ + i)), 27) * kP1 + kP4;
    if (i + 4 <= held_) {
      h = rotl(h ^ (load<uint32_t>(buffer_ + i) * kP1), 23) * kP2 + kP3;
      i += 4;
    }
    for (; i < held_; ++i) h = rotl(h ^ (buffer_[i] * kP5), 11) * kP1;
    h = (h ^ (h >> 33)) * kP2;
    h = (h ^ (h >> 29)) * kP3;
    return h ^ (h >> 32);
  }

 private:
  static constexpr uint64_t kP1 = 0x9E3779B185EBCA87u, kP2 = 0xC2B2AE3D27D4EB4Fu,
                            kP3 = 0x165667B19E3779F9u, kP4 = 0x85EBCA77C2B2AE63u,
                            kP5 = 0x27D4EB2F165667C5u;
  static constexpr size_t kStripe = 32;

  static uint64_t rotl(uint64_t x, int bits) { return (x << bits) | (x >> (64 - bits)); }

  static uint64_t round(uint64_t acc, uint64_t input) { return rotl(acc + input * kP2, 31) * kP1; }

  template <class T>
  static uint64_t load(const unsigned char* p) {
    T value;
    std::memcpy(&value, p, sizeof(T));
    return value;
  }

  void stripe(const unsigned char* p) {
    for (int i = 0; i < 4; ++i) lanes_[i] = round(lanes_[i], load<uint64_t>(p + 8 * i));
  }

  uint64_t seed_;
  uint64_t lanes_[4];
  unsigned char buffer_[kStripe] = {};
  size_t held_ = 0;
  uint64_t total_ = 0;
};

}  // namespace diptych
