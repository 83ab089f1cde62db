// Oversampling: the faces that training has learnt worst are shown more often. It looks at the
// losses every so many iterations, keeps what it knows in the checkpoint, and so is a function of
// the run alone: a run that was stopped goes on with the same samples.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "apps/project/project.h"
#include "faces/faceset/faceset.h"

namespace diptych {

class Oversampling {
 public:
  static constexpr int64_t kEvery = 1000;  // iterations between two reviews
  static constexpr int64_t kMinSeen = 16;  // fewer sightings say more of the warps than the face

  // most: how often the worst faces come for once of the others; 1: off. ids: of the faces that are
  // trained on, in the sampler's order.
  Oversampling(int64_t most,
               int64_t every,
               std::vector<int64_t> src_ids,
               std::vector<int64_t> dst_ids);

  bool on() const { return most_ > 1; }

  void add(Side side, const std::vector<int64_t>& ids, const std::vector<float>& losses);
  // What is known from elsewhere: the faceset's statistics, when training did not note its own.
  void know(Side side, const std::vector<FaceLoss>& losses);

  // The first iteration above `iteration` after which review() is due; 0 when off. No step beyond
  // it may be under way then.
  int64_t next_review(int64_t iteration) const;

  bool due(int64_t iteration) const { return on() && iteration > 0 && iteration % every_ == 0; }

  // Sets the repeats by the losses so far.
  void review();

  const std::vector<int>& repeats(Side side) const { return at(side).repeats; }

  // Faces that come more than once.
  int64_t oversampled(Side side) const;

  // Losses and repeats as text, for the checkpoint. restore() passes over faces that are gone and
  // gives back whether the text was made with the same `most`.
  std::string state(Side side) const;
  bool restore(Side side, const std::string& text);

 private:
  struct Faces {
    std::vector<FaceLoss> losses;  // in the sampler's order, count 0: not seen
    std::vector<int> repeats;
    std::vector<std::pair<int64_t, size_t>> places;  // id -> index, ascending
  };

  const Faces& at(Side side) const { return sides_[static_cast<size_t>(side)]; }

  Faces& at(Side side) { return sides_[static_cast<size_t>(side)]; }

  FaceLoss* find(Side side, int64_t id);

  int64_t most_, every_;
  std::array<Faces, 2> sides_;
};

// 1 for faces up to the median loss and those seen too seldom; `most` for the worst twentieth;
// between them in proportion. Faces that lie less than a fifth above the median do not reach
// `most`: a set that is learnt evenly stays even.
std::vector<int> repeats_of(const std::vector<FaceLoss>& losses, int64_t most, int64_t min_seen);

}  // namespace diptych
