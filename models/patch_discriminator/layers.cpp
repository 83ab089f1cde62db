// The search over stride lists.
// SPDX-License-Identifier: MIT
#include "models/patch_discriminator/layers.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace diptych {

namespace {

constexpr int kMaxLayers = 9;

int field_of(const std::vector<int>& strides) {
  int field = 3, step = 1;
  for (size_t i = 1; i < strides.size(); ++i) {
    step *= strides[i - 1];
    field += 2 * step;
  }
  return field;
}

// Fewer layers, larger sum, later stride-2 layers: true when a goes before b.
bool better(const std::vector<int>& a, const std::vector<int>& b) {
  if (a.size() != b.size()) return a.size() < b.size();
  const int sum_a = std::accumulate(a.begin(), a.end(), 0);
  const int sum_b = std::accumulate(b.begin(), b.end(), 0);
  if (sum_a != sum_b) return sum_a > sum_b;
  return std::lexicographical_compare(b.rbegin(), b.rend(), a.rbegin(), a.rend());
}

// The best list of every reachable field, by field.
std::map<int, std::vector<int>> best_lists() {
  std::map<int, std::vector<int>> best;
  for (int layers = 1; layers <= kMaxLayers; ++layers) {
    for (unsigned bits = 0; bits < 1u << (layers - 1); ++bits) {
      std::vector<int> strides(static_cast<size_t>(layers), 2);
      for (int i = 1; i < layers; ++i)
        strides[static_cast<size_t>(i)] = (bits >> (i - 1)) & 1u ? 2 : 1;
      const auto [it, first] = best.try_emplace(field_of(strides), strides);
      if (!first && better(strides, it->second)) it->second = strides;
    }
  }
  return best;
}

}  // namespace

int PatchLayers::multiple() const {
  int product = 1;
  for (const int stride : strides) product *= stride;
  return product;
}

const PatchLayers& patch_layers(int patch_size) {
  static const std::vector<PatchLayers> all = [] {
    std::vector<PatchLayers> list;
    for (const auto& [field, strides] : best_lists()) list.push_back({strides, field});
    return list;
  }();
  // Ascending fields and "less": the smaller field wins a tie.
  return *std::min_element(all.begin(), all.end(), [&](const PatchLayers& a, const PatchLayers& b) {
    return std::abs(a.field - patch_size) < std::abs(b.field - patch_size);
  });
}

int nearest_patch_size(int patch_size, int resolution) {
  const auto fits = [&](int size) {
    return size >= kSmallestPatch && size <= kLargestPatch &&
           resolution % patch_layers(size).multiple() == 0;
  };
  for (int distance = 0; distance <= kLargestPatch; ++distance) {
    if (fits(patch_size - distance)) return patch_size - distance;
    if (fits(patch_size + distance)) return patch_size + distance;
  }
  return 0;
}

}  // namespace diptych
