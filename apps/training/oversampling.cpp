// How often faces are shown, by their losses.
// SPDX-License-Identifier: MIT
#include "apps/training/oversampling.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>
#include <utility>

#include "faces/faceset/face_loss.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

constexpr size_t kFewFaces = 8;  // fewer tell nothing of a spread

// The shortest text that reads back as the same number.
std::string exact(double value) {
  char buffer[40];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

bool read_double(const std::string& word, double& value) {
  const char* end = word.data() + word.size();
  return std::from_chars(word.data(), end, value).ptr == end;
}

}  // namespace

std::vector<int> repeats_of(const std::vector<FaceLoss>& losses, int64_t most, int64_t min_seen) {
  std::vector<int> repeats(losses.size(), 1);
  std::vector<double> means;
  for (const FaceLoss& face : losses)
    if (face.count >= min_seen) means.push_back(face.mean);
  if (means.size() < kFewFaces) return repeats;
  std::sort(means.begin(), means.end());
  const double median = means[means.size() / 2], high = means[means.size() * 19 / 20];
  const double range = std::max(high - median, 0.2 * median);
  if (!(range > 0)) return repeats;
  for (size_t i = 0; i < losses.size(); ++i) {
    if (losses[i].count < min_seen) continue;
    const double place = std::clamp((losses[i].mean - median) / range, 0.0, 1.0);
    repeats[i] += static_cast<int>(std::lround(static_cast<double>(most - 1) * place));
  }
  return repeats;
}

Oversampling::Oversampling(int64_t most,
                           int64_t every,
                           std::vector<int64_t> src_ids,
                           std::vector<int64_t> dst_ids)
    : most_(most), every_(every) {
  DIPTYCH_CHECK(most >= 1 && every >= 1, "Oversampling: most ", most, ", every ", every);
  const std::array<std::vector<int64_t>*, 2> ids = {&src_ids, &dst_ids};
  for (size_t side = 0; side < 2; ++side) {
    Faces& faces = sides_[side];
    for (const int64_t id : *ids[side]) {
      faces.places.emplace_back(id, faces.losses.size());
      faces.losses.push_back({id, 0, 0});
    }
    std::sort(faces.places.begin(), faces.places.end());
    faces.repeats.assign(faces.losses.size(), 1);
  }
}

FaceLoss* Oversampling::find(Side side, int64_t id) {
  Faces& faces = at(side);
  const auto it =
      std::lower_bound(faces.places.begin(), faces.places.end(), std::pair(id, size_t{0}));
  if (it == faces.places.end() || it->first != id) return nullptr;
  return &faces.losses[it->second];
}

void Oversampling::add(Side side,
                       const std::vector<int64_t>& ids,
                       const std::vector<float>& losses) {
  if (!on()) return;
  for (size_t i = 0; i < ids.size(); ++i) {
    FaceLoss* face = find(side, ids[i]);
    if (face != nullptr && std::isfinite(losses[i])) *face = with_sightings(*face, 1, losses[i]);
  }
}

void Oversampling::know(Side side, const std::vector<FaceLoss>& losses) {
  for (const FaceLoss& loss : losses)
    if (FaceLoss* face = find(side, loss.id)) *face = loss;
}

int64_t Oversampling::next_review(int64_t iteration) const {
  return on() ? (iteration / every_ + 1) * every_ : 0;
}

void Oversampling::review() {
  for (Faces& faces : sides_) faces.repeats = repeats_of(faces.losses, most_, kMinSeen);
}

int64_t Oversampling::oversampled(Side side) const {
  const std::vector<int>& repeats = at(side).repeats;
  return std::count_if(repeats.begin(), repeats.end(), [](int times) { return times > 1; });
}

std::string Oversampling::state(Side side) const {
  const Faces& faces = at(side);
  std::string text = std::to_string(most_);
  for (size_t i = 0; i < faces.losses.size(); ++i) {
    const FaceLoss& face = faces.losses[i];
    if (face.count > 0)
      text += str(' ', face.id, ' ', face.count, ' ', exact(face.mean), ' ', faces.repeats[i]);
  }
  return text;
}

bool Oversampling::restore(Side side, const std::string& text) {
  std::istringstream in(text);
  int64_t most = 0, id = 0, count = 0;
  int repeats = 0;
  double mean = 0;
  in >> most;
  for (std::string word; in >> id >> count >> word >> repeats;) {
    FaceLoss* face = find(side, id);
    if (face == nullptr || count < 1 || repeats < 1 || !read_double(word, mean)) continue;
    *face = {id, count, mean};
    at(side).repeats[static_cast<size_t>(face - at(side).losses.data())] = repeats;
  }
  return most == most_;
}

}  // namespace diptych
