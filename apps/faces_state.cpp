// diptych faces trash, restore, undo: which faces take part. Nothing is deleted.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdio>
#include <limits>

#include "apps/exchange/face_ids.h"
#include "apps/faces_command.h"
#include "apps/terminal/progress.h"
#include "apps/training/loss_ranking.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

int undo(const FacesArguments& a) {
  Faceset faceset = Faceset::open(faceset_path(a).string());
  const std::vector<int64_t> before = sorted_ids(faceset, FaceState::kActive);
  if (!faceset.undo()) {
    std::printf("nothing to undo\n");
    return kExitOk;
  }
  const std::vector<int64_t> after = sorted_ids(faceset, FaceState::kActive);
  std::vector<int64_t> back, gone;
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(),
                      std::back_inserter(back));
  std::set_difference(before.begin(), before.end(), after.begin(), after.end(),
                      std::back_inserter(gone));
  std::printf("undid the last edit");
  if (!back.empty()) std::printf("; restored %s", format_face_ids(back).c_str());
  if (!gone.empty()) std::printf("; back in the trash %s", format_face_ids(gone).c_str());
  std::printf("\n");
  return kExitOk;
}

void print_way_back(const FacesArguments& a) {
  const std::string side = a.side.empty() ? "" : " --side " + a.side;
  std::printf("take back: diptych faces undo %s%s\n", a.target.c_str(), side.c_str());
}

int change_state(const FacesArguments& a, FaceState state) {
  Faceset faceset = Faceset::open(faceset_path(a).string());
  const std::vector<int64_t> known = sorted_ids(faceset, std::nullopt);
  std::vector<int64_t> ids = parse_face_ids(a.ids, known, faceset.path());
  const FaceState other = state == FaceState::kTrash ? FaceState::kActive : FaceState::kTrash;
  const std::vector<int64_t> movable = sorted_ids(faceset, other);
  std::erase_if(
      ids, [&](int64_t id) { return !std::binary_search(movable.begin(), movable.end(), id); });
  faceset.set_state(ids, state);
  const bool trash = state == FaceState::kTrash;
  if (ids.empty()) {
    std::printf("nothing to do: these faces are %s already\n", trash ? "in the trash" : "active");
    return kExitOk;
  }
  std::printf("%s %zu faces: %s\n", trash ? "put into the trash" : "restored", ids.size(),
              format_face_ids(ids).c_str());
  if (trash) print_way_back(a);
  return kExitOk;
}

int trash_by_loss(const FacesArguments& a) {
  Faceset faceset = Faceset::open(faceset_path(a).string());
  const LossRanking ranking = rank_losses(faceset, a.min_seen);
  const int64_t most = a.worst > 0 ? a.worst : std::numeric_limits<int64_t>::max();
  const std::vector<FaceLoss> worst = worst_of(ranking, most, a.loss_above);
  std::printf("%s\n", explain(ranking, a.min_seen).c_str());
  if (worst.empty()) {
    std::printf("nothing to do: the largest loss is %s\n",
                format_number(ranking.faces.front().mean).c_str());
    return kExitOk;
  }
  std::vector<int64_t> ids;
  for (const FaceLoss& face : worst) ids.push_back(face.id);
  faceset.set_state(ids, FaceState::kTrash);
  for (const FaceLoss& face : worst) {
    std::printf("  face %lld: loss %s, seen %s times\n", static_cast<long long>(face.id),
                format_number(face.mean).c_str(), format_count(face.count).c_str());
  }
  std::printf("put into the trash %zu faces: %s\n", ids.size(), format_face_ids(ids).c_str());
  print_way_back(a);
  return kExitOk;
}

int trash(const FacesArguments& a) {
  const bool by_loss = a.worst > 0 || a.loss_above.has_value();
  if (by_loss && !a.ids.empty()) {
    throw InputError("faces trash", "got ids and a limit of the loss",
                     "Give ids, or --worst and --loss-above");
  }
  if (by_loss) return trash_by_loss(a);
  if (a.ids.empty()) {
    throw InputError("faces trash", "does not know which faces",
                     "Give ids (12 15-20), --worst N or --loss-above X");
  }
  return change_state(a, FaceState::kTrash);
}

}  // namespace

void add_state_actions(CLI::App& faces,
                       CommandChoice& choice,
                       const std::shared_ptr<FacesArguments>& a) {
  CLI::App* away = add_faces_action(faces, choice, a, "trash",
                                    "put faces into the trash; nothing is deleted", trash);
  add_id_arguments(*away, *a, false);
  away->add_option("--worst", a->worst, "the N active faces that training has learnt worst")
      ->check(CLI::Range(int64_t{1}, int64_t{1000000000}))
      ->type_name("N");
  away->add_option("--loss-above", a->loss_above, "active faces with a mean loss above this")
      ->type_name("LOSS");
  away->add_option("--min-seen", a->min_seen, "leave out faces seen fewer times [16]")
      ->check(CLI::Range(int64_t{1}, int64_t{1000000000}))
      ->type_name("N");
  add_id_arguments(*add_faces_action(
                       faces, choice, a, "restore", "take faces out of the trash",
                       [](const FacesArguments& b) { return change_state(b, FaceState::kActive); }),
                   *a, true);
  add_faces_action(faces, choice, a, "undo", "take back the last trash, restore or mask edit",
                   undo);
}

}  // namespace diptych
