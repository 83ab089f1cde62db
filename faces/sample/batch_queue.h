// Batches made ahead of time by threads and handed out in order.
// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "faces/sample/sampler.h"

namespace diptych {

// make(b) gives batch number b = 0, 1, ... and is called from several threads at once. At most
// threads + 2 batches lie ready or under way. threads 0: make() runs in the caller's thread.
class BatchQueue {
 public:
  BatchQueue(int threads, std::function<SampleBatch(uint64_t)> make);
  ~BatchQueue();
  BatchQueue(const BatchQueue&) = delete;
  BatchQueue& operator=(const BatchQueue&) = delete;

  // Next batch in order. Rethrows what make() threw for it, and again on every further call.
  SampleBatch next();

  uint64_t given() const;  // batches handed out

 private:
  struct Result {
    SampleBatch batch;
    std::exception_ptr error;
  };

  void work();
  Result make_result(uint64_t number) const;

  const std::function<SampleBatch(uint64_t)> make_;
  const uint64_t ahead_;
  mutable std::mutex mutex_;
  std::condition_variable room_, ready_;
  std::map<uint64_t, Result> results_;
  uint64_t started_ = 0, given_ = 0;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace diptych
