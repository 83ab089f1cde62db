// The part of a training session that shows the worst learnt faces more often.
// SPDX-License-Identifier: MIT
#include "apps/project/open_faceset.h"
#include "apps/training/train_session.h"

namespace diptych {

namespace {

static_assert(Oversampling::kEvery >= RunReceipt::kSteps,
              "a receipt's steps are repeated without the losses of the run");

std::vector<int64_t> ids_of(const std::vector<Face>& faces) {
  std::vector<int64_t> ids;
  for (const Face& face : faces) ids.push_back(face.id);
  return ids;
}

std::string key_of(Side side) {
  return "oversampling_" + std::string(name_of(side));
}

}  // namespace

// A network that was trained without oversampling takes what the facesets know. Pretraining has
// other faces, which are all alike to it.
void TrainSession::start_oversampling(const Metadata& metadata) {
  const int64_t most =
      settings_.on("train.pretrain") ? 1 : settings_.integer("train.oversample_worst");
  oversampling_ = std::make_unique<Oversampling>(most, request_.review_every, ids_of(src_faces_),
                                                 ids_of(dst_faces_));
  if (!oversampling_->on() || first_ == 0) return;
  bool as_it_was = true;
  for (const Side side : kSides) {
    const auto it = metadata.find(key_of(side));
    if (it == metadata.end()) {
      oversampling_->know(side, open_faceset_to_read(project_.faces(side)).losses());
      as_it_was = false;
    } else {
      as_it_was = oversampling_->restore(side, it->second) && as_it_was;
    }
  }
  if (!as_it_was) oversampling_->review();
  apply_repeats();
}

void TrainSession::apply_repeats() {
  if (oversampling_->on())
    steps_->set_repeats(oversampling_->repeats(Side::kSrc), oversampling_->repeats(Side::kDst));
}

void TrainSession::review_losses() {
  if (!oversampling_->due(trainer().iteration())) return;
  oversampling_->review();
  apply_repeats();
  metrics_->event("oversampling", trainer().iteration(),
                  {{"src", std::to_string(oversampling_->oversampled(Side::kSrc))},
                   {"dst", std::to_string(oversampling_->oversampled(Side::kDst))}});
}

void TrainSession::keep_oversampling(Metadata& metadata) const {
  if (!oversampling_->on()) return;
  for (const Side side : kSides) metadata[key_of(side)] = oversampling_->state(side);
}

}  // namespace diptych
