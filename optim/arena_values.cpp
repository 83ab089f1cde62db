// Values in and out of flat buffers.
// SPDX-License-Identifier: MIT
#include "optim/arena_values.h"

namespace diptych {

ArenaValues::ArenaValues(const ParamArena& arena, const Tensor& flat)
    : arena_(arena), flat_(flat), host_(flat.to(Place::kHost)) {
  const ParameterList& list = arena.list();
  for (size_t i = 0; i < list.size(); ++i) {
    const Parameter& p = *list[i].parameter;
    values_.push_back(p.strip(host_.part(arena.range(i).begin, p.master.shape())));
  }
}

void ArenaValues::store() const {
  for (size_t i = 0; i < values_.size(); ++i) {
    const Parameter& p = *arena_.list()[i].parameter;
    if (!p.padded()) continue;  // written in place
    host_.part(arena_.range(i).begin, p.master.shape()).copy_from(p.pad(values_[i]));
  }
  if (host_.data() != flat_.data()) flat_.copy_from(host_);
}

}  // namespace diptych
