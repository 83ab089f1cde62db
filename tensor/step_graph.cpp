// Recording and replaying.
// SPDX-License-Identifier: MIT
#include "tensor/step_graph.h"

#include "tensor/tensor.h"

namespace diptych {

StepGraph::StepGraph(const std::function<void()>& work) {
  Stream& stream = current_stream();
  DIPTYCH_CHECK(stream.on_device(), "StepGraph: engine ", name_of(stream.engine()),
                " records no graphs");
  release_cached_memory(Place::kDevice);  // or it would lie idle beside the graph's own memory
  const PrivatePool::Scope scope(pool_);
  graph_.begin(stream.cuda());
  try {
    work();
  } catch (...) {
    graph_.abandon(stream.cuda());
    throw;
  }
  graph_.end(stream.cuda());
}

void StepGraph::run() {
  graph_.launch(current_stream().cuda());
}

}  // namespace diptych
