// Edits of a faceset: states, masks, their journal, statistics and small values.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>

#include "faces/faceset/face_loss.h"
#include "faces/faceset/faceset_impl.h"
#include "kernels/common/check.h"

namespace diptych {
namespace {

constexpr int64_t kEditsKept = 1000;

InputError no_such_face(const std::string& path, int64_t id) {
  return {path, str("there is no face with id ", id), "List the faces to see the ids that exist"};
}

// Number of a new edit; forgets the oldest ones.
int64_t next_edit(Database& db) {
  Statement newest(db, "SELECT coalesce(max(edit), 0) FROM edits");
  newest.step();
  const int64_t edit = newest.integer(0) + 1;
  newest.reset();
  Statement(db, "DELETE FROM edits WHERE edit <= ?").bind(edit - kEditsKept).run();
  return edit;
}

void store_mask(Database& db, int64_t id, std::span<const uint8_t> png) {
  if (png.empty()) {
    Statement(db, "DELETE FROM masks WHERE face_id = ?").bind(id).run();
  } else {
    Statement(db, "INSERT OR REPLACE INTO masks (face_id, png) VALUES (?,?)")
        .bind(id)
        .bind(png)
        .run();
  }
}

}  // namespace

void Faceset::set_state(const std::vector<int64_t>& ids, FaceState state) {
  const std::lock_guard lock(impl_->mutex);
  Database& db = impl_->db;
  Transaction transaction(db);
  const int64_t edit = next_edit(db);
  const int64_t wanted = state == FaceState::kTrash;
  Statement exists(db, "SELECT state FROM faces WHERE id = ?");
  Statement keep(db, "INSERT INTO edits (edit, face_id, old_state) VALUES (?,?,?)");
  Statement update(db, "UPDATE faces SET state = ? WHERE id = ?");
  for (const int64_t id : ids) {
    if (!exists.bind(id).step()) throw no_such_face(path(), id);
    const int64_t old = exists.integer(0);
    exists.reset();
    if (old == wanted) continue;
    keep.bind(edit).bind(id).bind(old).run();
    update.bind(wanted).bind(id).run();
  }
  transaction.commit();
}

void Faceset::set_mask(int64_t id, const std::vector<uint8_t>& png) {
  const std::lock_guard lock(impl_->mutex);
  Database& db = impl_->db;
  Transaction transaction(db);
  if (!Statement(db, "SELECT 1 FROM faces WHERE id = ?").bind(id).step()) {
    throw no_such_face(path(), id);
  }
  const int64_t edit = next_edit(db);
  Statement(db,
            "INSERT INTO edits (edit, face_id, old_mask) VALUES "
            "(?1, ?2, coalesce((SELECT png FROM masks WHERE face_id = ?2), x''))")
      .bind(edit)
      .bind(id)
      .run();
  store_mask(db, id, png);
  transaction.commit();
}

bool Faceset::undo() {
  const std::lock_guard lock(impl_->mutex);
  Database& db = impl_->db;
  Transaction transaction(db);
  int64_t edit = 0;
  {
    Statement newest(db, "SELECT coalesce(max(edit), 0) FROM edits");
    newest.step();
    edit = newest.integer(0);
  }
  if (edit == 0) return false;
  Statement(db,
            "UPDATE faces SET state = old_state FROM edits WHERE edits.edit = ? AND "
            "edits.face_id = faces.id AND old_state IS NOT NULL")
      .bind(edit)
      .run();
  {
    Statement masks(db,
                    "SELECT face_id, old_mask FROM edits WHERE edit = ? AND old_mask IS NOT NULL");
    masks.bind(edit);
    while (masks.step()) store_mask(db, masks.integer(0), masks.bytes(1));
  }
  Statement(db, "DELETE FROM edits WHERE edit = ?").bind(edit).run();
  transaction.commit();
  return true;
}

FaceLoss with_sightings(const FaceLoss& known, int64_t seen, double mean_loss) {
  const auto fresh = static_cast<double>(seen);
  const auto old =
      static_cast<double>(std::min(known.count, std::max<int64_t>(0, kLossMemory - seen)));
  return {known.id, known.count + seen, (old * known.mean + fresh * mean_loss) / (old + fresh)};
}

void Faceset::add_loss(int64_t id, int64_t count, double mean_loss) {
  if (count <= 0) return;
  {
    const std::lock_guard lock(impl_->mutex);
    if (!Statement(impl_->db, "SELECT 1 FROM faces WHERE id = ?").bind(id).step()) {
      throw no_such_face(path(), id);
    }
  }
  add_losses({{id, count, mean_loss}});
}

void Faceset::add_losses(const std::vector<FaceLoss>& losses) {
  const std::lock_guard lock(impl_->mutex);
  Transaction transaction(impl_->db);
  Statement select(impl_->db, "SELECT loss_count, loss_mean FROM faces WHERE id = ?");
  Statement update(impl_->db, "UPDATE faces SET loss_count = ?, loss_mean = ? WHERE id = ?");
  for (const FaceLoss& loss : losses) {
    if (loss.count <= 0 || !std::isfinite(loss.mean)) continue;  // a NaN would stay for ever
    if (!select.bind(loss.id).step()) {
      select.reset();
      continue;
    }
    const FaceLoss known{loss.id, select.integer(0), select.real(1)};
    select.reset();
    const FaceLoss now = with_sightings(known, loss.count, loss.mean);
    update.bind(now.count).bind(now.mean).bind(now.id).run();
  }
  transaction.commit();
}

std::vector<FaceLoss> Faceset::losses() const {
  const std::lock_guard lock(impl_->mutex);
  Statement select(impl_->db,
                   "SELECT id, loss_count, loss_mean FROM faces WHERE loss_count > 0 "
                   "ORDER BY loss_mean DESC, id");
  std::vector<FaceLoss> losses;
  while (select.step()) {
    losses.push_back({select.integer(0), select.integer(1), select.real(2)});
  }
  return losses;
}

void Faceset::set_meta(const std::string& key, const std::string& value) {
  const std::lock_guard lock(impl_->mutex);
  Statement(impl_->db, "INSERT OR REPLACE INTO meta (key, value) VALUES (?,?)")
      .bind(std::string_view(key))
      .bind(std::string_view(value))
      .run();
}

std::optional<std::string> Faceset::meta(const std::string& key) const {
  const std::lock_guard lock(impl_->mutex);
  Statement select(impl_->db, "SELECT value FROM meta WHERE key = ?");
  if (!select.bind(std::string_view(key)).step()) return std::nullopt;
  return select.text(0);
}

void Faceset::copy_to(const std::string& copy) const {
  const std::lock_guard lock(impl_->mutex);
  Statement(impl_->db, "VACUUM INTO ?").bind(std::string_view(copy)).run();
}

}  // namespace diptych
