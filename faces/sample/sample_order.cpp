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
ShuffledSequence& ShuffledSequence::operator=(ShuffledSequence&&) noexcept = default;

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
    : seed_(seed), side_(side), faces_(static_cast<size_t>(faces)) {
  std::vector<int> all(faces_);
  std::iota(all.begin(), all.end(), 0);
  lists_.push_back(std::move(all));
  draw_from(lists_);
}

SampleOrder::SampleOrder(const std::vector<double>& yaw, uint64_t seed, int side)
    : seed_(seed), side_(side), faces_(yaw.size()), lists_(bins_of(yaw)) {
  bin_order_.emplace(static_cast<int>(lists_.size()), seed,
                     sample_stream(side, SamplePurpose::kBinOrder));
  draw_from(lists_);
}

void SampleOrder::draw_from(std::vector<std::vector<int>> lists) {
  drawn_ = std::move(lists);
  in_list_.clear();
  for (size_t i = 0; i < drawn_.size(); ++i) {
    const uint32_t key = bin_order_ ? static_cast<uint32_t>(i) + 1 : 0;
    in_list_.emplace_back(static_cast<int>(drawn_[i].size()), seed_,
                          sample_stream(side_, SamplePurpose::kOrder), key);
  }
}

void SampleOrder::set_repeats(const std::vector<int>& repeats) {
  DIPTYCH_CHECK(repeats.size() == faces_, "SampleOrder::set_repeats: ", repeats.size(),
                " values for ", faces_, " faces");
  std::vector<std::vector<int>> lists;
  for (const std::vector<int>& faces : lists_) {
    std::vector<int>& list = lists.emplace_back();
    for (const int face : faces) {
      const int times = repeats[static_cast<size_t>(face)];
      DIPTYCH_CHECK(times >= 1, "SampleOrder::set_repeats: ", times, " for face ", face);
      list.insert(list.end(), static_cast<size_t>(times), face);
    }
  }
  draw_from(std::move(lists));
}

// Every epoch over the bins visits each bin once, so the visits to a bin before sample k are the
// epochs before it.
int SampleOrder::at(uint64_t k) const {
  const auto list = bin_order_ ? static_cast<size_t>(bin_order_->at(k)) : 0;
  const uint64_t visit = bin_order_ ? k / static_cast<uint64_t>(bin_order_->count()) : k;
  return drawn_[list][static_cast<size_t>(in_list_[list].at(visit))];
}

}  // namespace diptych
