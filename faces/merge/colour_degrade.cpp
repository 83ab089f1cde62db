// Reduction of a frame to an adaptive palette by median cut.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "faces/merge/post_effects.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

constexpr int kPalette = 256;
constexpr int kBits = 5;  // bits per channel of the histogram
constexpr int kCells = 1 << (3 * kBits);

// One occupied cell of the colour histogram.
struct Cell {
  int index = 0;
  int64_t count = 0;
  std::array<int64_t, 3> sum{};  // of the 8-bit values, B G R

  int channel(int c) const { return (index >> (kBits * c)) & ((1 << kBits) - 1); }
};

// A range of cells that becomes one palette colour.
struct Box {
  size_t begin = 0, end = 0;
  int64_t count = 0;
  int axis = 0, extent = 0;  // longest side, in cells
};

int cell_index(const cv::Vec3b& p) {
  constexpr int kDrop = 8 - kBits;
  return (p[0] >> kDrop) | (p[1] >> kDrop) << kBits | (p[2] >> kDrop) << (2 * kBits);
}

std::vector<Cell> occupied_cells(const cv::Mat& frame) {
  std::vector<Cell> all(kCells);
  for (int y = 0; y < frame.rows; ++y) {
    const auto* row = frame.ptr<cv::Vec3b>(y);
    for (int x = 0; x < frame.cols; ++x) {
      Cell& cell = all[static_cast<size_t>(cell_index(row[x]))];
      ++cell.count;
      for (int c = 0; c < 3; ++c) cell.sum[static_cast<size_t>(c)] += row[x][c];
    }
  }
  std::vector<Cell> used;
  for (int i = 0; i < kCells; ++i) {
    all[static_cast<size_t>(i)].index = i;
    if (all[static_cast<size_t>(i)].count > 0) used.push_back(all[static_cast<size_t>(i)]);
  }
  return used;
}

Box measured(const std::vector<Cell>& cells, size_t begin, size_t end) {
  Box box{begin, end, 0, 0, 0};
  for (size_t i = begin; i < end; ++i) box.count += cells[i].count;
  for (int c = 0; c < 3; ++c) {
    int low = 1 << kBits, high = -1;
    for (size_t i = begin; i < end; ++i) {
      low = std::min(low, cells[i].channel(c)), high = std::max(high, cells[i].channel(c));
    }
    if (high - low > box.extent) box.axis = c, box.extent = high - low;
  }
  return box;
}

// Splits the box with most pixels at the median of its longest side until the palette is full.
std::vector<Box> median_cut(std::vector<Cell>& cells) {
  std::vector<Box> boxes = {measured(cells, 0, cells.size())};
  while (boxes.size() < kPalette) {
    Box* widest = nullptr;
    for (Box& box : boxes) {
      if (box.extent > 0 && (widest == nullptr || box.count > widest->count)) widest = &box;
    }
    if (widest == nullptr) break;
    const Box box = *widest;
    const auto at = [&](size_t i) { return cells.begin() + static_cast<std::ptrdiff_t>(i); };
    std::sort(at(box.begin), at(box.end), [&](const Cell& a, const Cell& b) {
      const int u = a.channel(box.axis), v = b.channel(box.axis);
      return u != v ? u < v : a.index < b.index;
    });
    size_t middle = box.begin + 1;
    for (int64_t seen = cells[box.begin].count;
         middle + 1 < box.end && seen + cells[middle].count <= box.count / 2; ++middle) {
      seen += cells[middle].count;
    }
    *widest = measured(cells, box.begin, middle);
    boxes.push_back(measured(cells, middle, box.end));
  }
  return boxes;
}

}  // namespace

cv::Mat colour_degrade(const cv::Mat& frame, int power) {
  DIPTYCH_CHECK(frame.type() == CV_8UC3, "colour_degrade: frame has OpenCV type ", frame.type(),
                ", want CV_8UC3");
  std::vector<Cell> cells = occupied_cells(frame);
  std::vector<cv::Vec3f> palette(kCells);
  for (const Box& box : median_cut(cells)) {
    std::array<double, 3> sum{};
    for (size_t i = box.begin; i < box.end; ++i) {
      for (size_t c = 0; c < 3; ++c) sum[c] += static_cast<double>(cells[i].sum[c]);
    }
    const auto n = static_cast<double>(box.count);
    const cv::Vec3f colour(static_cast<float>(std::round(sum[0] / n)),
                           static_cast<float>(std::round(sum[1] / n)),
                           static_cast<float>(std::round(sum[2] / n)));
    for (size_t i = box.begin; i < box.end; ++i)
      palette[static_cast<size_t>(cells[i].index)] = colour;
  }
  cv::Mat out(frame.size(), CV_8UC3);
  const float weight = static_cast<float>(power) / 100.0f;
  for (int y = 0; y < frame.rows; ++y) {
    const auto* row = frame.ptr<cv::Vec3b>(y);
    auto* to = out.ptr<cv::Vec3b>(y);
    for (int x = 0; x < frame.cols; ++x) {
      const cv::Vec3f& reduced = palette[static_cast<size_t>(cell_index(row[x]))];
      for (int c = 0; c < 3; ++c) {
        to[x][c] = cv::saturate_cast<uchar>(static_cast<float>(row[x][c]) * (1 - weight) +
                                            reduced[c] * weight);
      }
    }
  }
  return out;
}

}  // namespace diptych
