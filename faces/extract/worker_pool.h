// Threads that turn frames into faces and hand the results back in the order of the frames.
// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "faces/faceset/faceset.h"
#include "faces/video/frame_source.h"

namespace diptych {

class WorkerPool {
 public:
  using Work = std::function<FrameFaces(const Frame&)>;

  // One thread for each element of `work`.
  explicit WorkerPool(std::vector<Work> work);
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  // Frames that nobody has begun are dropped.
  ~WorkerPool();

  void submit(Frame frame);

  // Frames submitted and not taken yet.
  size_t under_way() const { return under_way_.size(); }

  // Waits for the oldest frame, then takes all results that are ready without a gap. An error ends
  // the list: it is thrown when it is the oldest. Needs under_way() > 0.
  std::vector<FrameFaces> take();

 private:
  struct Task {
    Frame frame;
    FrameFaces result;
    std::exception_ptr error;
    bool done = false;  // guarded by mutex_
  };

  void serve(const Work& work);

  std::deque<std::shared_ptr<Task>> under_way_;  // the caller's: oldest first
  std::deque<std::shared_ptr<Task>> waiting_;    // guarded by mutex_
  bool closing_ = false;                         // guarded by mutex_
  std::mutex mutex_;
  std::condition_variable has_work_, has_result_;
  std::vector<std::thread> threads_;
};

}  // namespace diptych
