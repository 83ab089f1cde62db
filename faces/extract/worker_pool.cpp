// Threads that turn frames into faces.
// SPDX-License-Identifier: MIT
#include "faces/extract/worker_pool.h"

#include "kernels/common/check.h"

namespace diptych {

WorkerPool::WorkerPool(std::vector<Work> work) {
  for (Work& one : work) {
    threads_.emplace_back([this, job = std::move(one)] { serve(job); });
  }
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    waiting_.clear();
  }
  has_work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::submit(Frame frame) {
  auto task = std::make_shared<Task>();
  task->frame = std::move(frame);
  under_way_.push_back(task);
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(task));
  }
  has_work_.notify_one();
}

std::vector<FrameFaces> WorkerPool::take() {
  DIPTYCH_CHECK(!under_way_.empty(), "WorkerPool::take: no frame is under way");
  std::unique_lock lock(mutex_);
  has_result_.wait(lock, [&] { return under_way_.front()->done; });
  std::vector<FrameFaces> results;
  while (!under_way_.empty() && under_way_.front()->done) {
    Task& task = *under_way_.front();
    if (task.error && !results.empty()) break;
    if (task.error) std::rethrow_exception(task.error);
    results.push_back(std::move(task.result));
    under_way_.pop_front();
  }
  return results;
}

void WorkerPool::serve(const Work& work) {
  for (;;) {
    std::shared_ptr<Task> task;
    {
      std::unique_lock lock(mutex_);
      has_work_.wait(lock, [&] { return closing_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      task = std::move(waiting_.front());
      waiting_.pop_front();
    }
    try {
      task->result = work(task->frame);
    } catch (...) {
      task->error = std::current_exception();
    }
    task->frame.bgr.release();  // results may wait for an older frame; pictures need not
    {
      const std::lock_guard lock(mutex_);
      task->done = true;
    }
    has_result_.notify_one();
  }
}

}  // namespace diptych
