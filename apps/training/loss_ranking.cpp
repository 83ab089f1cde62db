// Ranking faces by their loss.
// SPDX-License-Identifier: MIT
#include "apps/training/loss_ranking.h"

#include <algorithm>
#include <set>

#include "apps/terminal/progress.h"
#include "kernels/common/check.h"

namespace diptych {

LossRanking rank_losses(const Faceset& faces, int64_t min_seen) {
  const std::vector<int64_t> ids = faces.ids();
  const std::set<int64_t> active(ids.begin(), ids.end());
  LossRanking ranking;
  ranking.active = ranking.never_seen = static_cast<int64_t>(ids.size());
  if (ids.empty()) {
    throw InputError(faces.path(), "holds no active face",
                     "Run diptych extract, or diptych faces restore");
  }
  for (const FaceLoss& loss : faces.losses()) {
    if (active.count(loss.id) == 0) continue;
    --ranking.never_seen;
    if (loss.count < min_seen) {
      ++ranking.too_few;
    } else {
      ranking.faces.push_back(loss);
    }
  }
  if (ranking.never_seen == ranking.active) {
    throw InputError(faces.path(), "training has not seen any of these faces yet",
                     "Run diptych train first: it notes the loss of each face with every save");
  }
  if (ranking.faces.empty()) {
    throw InputError(faces.path(), str("no face was seen ", min_seen, " times yet"),
                     "Train on, or ask for less with --min-seen: a mean over few sightings tells "
                     "more of the random warps than of the face");
  }
  ranking.median = ranking.faces[ranking.faces.size() / 2].mean;
  return ranking;
}

std::string explain(const LossRanking& r, int64_t min_seen) {
  std::string text = str(format_count(static_cast<int64_t>(r.faces.size())), " of ",
                         format_count(r.active), " faces are ranked");
  if (r.never_seen > 0)
    text += str("; ", format_count(r.never_seen), " were never seen in training (held out or new)");
  if (r.too_few > 0)
    text += str("; ", format_count(r.too_few), " were seen fewer than ", min_seen,
                " times, too few to judge");
  return text;
}

std::vector<FaceLoss> worst_of(const LossRanking& ranking,
                               int64_t most,
                               std::optional<double> above) {
  std::vector<FaceLoss> chosen;
  for (const FaceLoss& face : ranking.faces) {
    if (static_cast<int64_t>(chosen.size()) == most) break;
    if (above && !(face.mean > *above)) break;  // worst first: none follows
    chosen.push_back(face);
  }
  return chosen;
}

}  // namespace diptych
