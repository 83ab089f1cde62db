// Batches made ahead of time by threads and handed out in order.
// SPDX-License-Identifier: MIT
#include "faces/sample/batch_queue.h"

#include <utility>

namespace diptych {

BatchQueue::BatchQueue(int threads, std::function<SampleBatch(uint64_t)> make)
    : make_(std::move(make)), ahead_(static_cast<uint64_t>(threads) + 2) {
  for (int t = 0; t < threads; ++t) threads_.emplace_back([this] { work(); });
}

BatchQueue::~BatchQueue() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  room_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

BatchQueue::Result BatchQueue::make_result(uint64_t number) const {
  try {
    return {make_(number), nullptr};
  } catch (...) {
    return {{}, std::current_exception()};
  }
}

void BatchQueue::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    room_.wait(lock, [this] { return stop_ || started_ < given_ + ahead_; });
    if (stop_) return;
    const uint64_t number = started_++;
    lock.unlock();
    Result result = make_result(number);
    lock.lock();
    results_.emplace(number, std::move(result));
    ready_.notify_all();
  }
}

SampleBatch BatchQueue::next() {
  std::unique_lock lock(mutex_);
  if (threads_.empty() && !results_.contains(given_)) {
    results_.emplace(given_, make_result(given_));
  }
  ready_.wait(lock, [this] { return results_.contains(given_); });
  const auto found = results_.find(given_);
  if (found->second.error) std::rethrow_exception(found->second.error);
  SampleBatch batch = std::move(found->second.batch);
  results_.erase(found);
  ++given_;
  lock.unlock();
  room_.notify_one();
  return batch;
}

uint64_t BatchQueue::given() const {
  const std::lock_guard lock(mutex_);
  return given_;
}

}  // namespace diptych
