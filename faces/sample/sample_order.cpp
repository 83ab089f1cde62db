// Which face is sample number k.
// SPDX-License-Identifier: MIT
#include "faces/sample/sample_order.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <mutex>
#include <numeric>

#include "kernels/common/check.h"
#include "kernels/common/rng.h"

namespace diptych {

namespace {

constexpr int kYawBins = 128;
constexpr double kYawRange = 1.2;    // radians, samples.md 7
constexpr size_t kCachedEpochs = 4;  // workers are at most a few batches apart

std::vector<int> shuffled(int count, uint64_t seed, uint32_t stream, uint32_t key, uint64_t epoch) {
  std::vector<int> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  Rng rng(seed, stream, (uint64_t{key} << 40) ^ epoch);
  for (int i = count - 1; i > 0; --i) {
    std::swap(order[static_cast<size_t>(i)], order[rng.below(static_cast<uint32_t>(i) + 1)]);
  }
  return order;
}

std::vector<std::vector<int>> bins_of(const std::vector<double>& yaw) {
  std::vector<std::vector<int>> bins(kYawBins);
  for (size_t i = 0; i < yaw.size(); ++i) {
    bins[static_cast<size_t>(yaw_bin(yaw[i]))].push_back(static_cast<int>(i));
  }
  std::erase_if(bins, [](const auto& bin) { return bin.empty(); });
  return bins;
}

}  // namespace

struct ShuffledSequence::Cache {
  std::mutex mutex;
  std::deque<std::pair<uint64_t, std::vector<int>>> epochs;
};

ShuffledSequence::ShuffledSequence(int count, uint64_t seed, uint32_t stream, uint32_t key)
    : count_(count), seed_(seed), stream_(stream), key_(key), cache_(std::make_unique<Cache>()) {
  DIPTYCH_CHECK(count >= 1, "ShuffledSequence: ", count, " entries; at least 1 is needed");
}

ShuffledSequence::~ShuffledSequence() = default;
ShuffledSequence::ShuffledSequence(ShuffledSequence&&) noexcept = default;

int ShuffledSequence::at(uint64_t k) const {
  const uint64_t epoch = k / static_cast<uint64_t>(count_);
  const size_t place = k % static_cast<uint64_t>(count_);
  const std::lock_guard lock(cache_->mutex);
  for (const auto& [number, order] : cache_->epochs) {
    if (number == epoch) return order[place];
  }
  cache_->epochs.emplace_back(epoch, shuffled(count_, seed_, stream_, key_, epoch));
  if (cache_->epochs.size() > kCachedEpochs) cache_->epochs.pop_front();
  return cache_->epochs.back().second[place];
}

int yaw_bin(double yaw) {
  const double s = -yaw;
  if (!(s > -kYawRange)) return 0;  // also for NaN
  if (s >= kYawRange) return kYawBins - 1;
  const double step = 2 * kYawRange / (kYawBins - 1);
  return std::clamp(static_cast<int>(std::floor((s + kYawRange) / step)), 0, kYawBins - 2);
}

SampleOrder::SampleOrder(int faces, uint64_t seed, int side)
    : outer_(faces, seed, sample_stream(side, SamplePurpose::kOrder)) {}

SampleOrder::SampleOrder(const std::vector<double>& yaw, uint64_t seed, int side)
    : outer_(static_cast<int>(bins_of(yaw).size()),
             seed,
             sample_stream(side, SamplePurpose::kBinOrder)),
      bins_(bins_of(yaw)) {
  for (size_t b = 0; b < bins_.size(); ++b) {
    in_bin_.emplace_back(static_cast<int>(bins_[b].size()), seed,
                         sample_stream(side, SamplePurpose::kOrder), static_cast<uint32_t>(b) + 1);
  }
}

// Every epoch over the bins visits each bin once, so the visits to a bin before sample k are the
// epochs before it.
int SampleOrder::at(uint64_t k) const {
  if (bins_.empty()) return outer_.at(k);
  const auto bin = static_cast<size_t>(outer_.at(k));
  const uint64_t visit = k / static_cast<uint64_t>(outer_.count());
  return bins_[bin][static_cast<size_t>(in_bin_[bin].at(visit))];
}

}  // namespace diptych
