// Adding up partial results in a fixed order: the second pass of every split sum of conv2d.
// SPDX-License-Identifier: MIT
#include "kernels/common/simt/simt.h"
#include "kernels/conv2d/conv2d_rungs.cuh"

namespace diptych {

namespace {

constexpr int kColumns = 32, kFewGroups = 8, kMostGroups = 32;
constexpr int kManyRows = 64;  // more of them take kMostGroups: a warp waits for its loads
constexpr int kAtOnce = 4;     // loads of a thread under way

struct GroupSums {
  float of[kMostGroups][kColumns];
};

// A block takes 32 columns; each of its warps adds every so many-th row, then one adds their sums.
__global__ void __launch_bounds__(kColumns* kMostGroups) sum_partials_kernel(
    const float* partials, int rows, int64_t count, float* to, bool accumulate) {
  auto& sums = simt::shared<GroupSums>();
  const int column = static_cast<int>(threadIdx.x) % kColumns;
  const int group = static_cast<int>(threadIdx.x) / kColumns;
  const int groups = static_cast<int>(blockDim.x) / kColumns;
  const int64_t i = int64_t{blockIdx.x} * kColumns + column;
  float sum = 0;
  for (int row = group; row < rows; row += kAtOnce * groups) {
    float v[kAtOnce];
#pragma unroll
    for (int j = 0; j < kAtOnce; ++j) {
      const int at = row + j * groups;
      v[j] = at < rows && i < count ? partials[at * count + i] : 0.0f;
    }
#pragma unroll
    for (int j = 0; j < kAtOnce; ++j) sum += v[j];
  }
  sums.of[group][column] = sum;
  __syncthreads();  // every group's sum is there
  if (group || i >= count) return;
  for (int g = 1; g < groups; ++g) sum += sums.of[g][column];
  to[i] = accumulate ? to[i] + sum : sum;
}

int64_t count_of_dw(const Conv2dProblem& t) {
  return int64_t{t.k} * t.r * t.s * t.c;
}

int64_t partials_of_dw(const WeightParts& parts, const Conv2dProblem& t) {
  return parts.whole() ? 0 : parts.split.count * count_of_dw(t);
}

}  // namespace

size_t WeightParts::bytes(const Conv2dCudaBackwardWeight& a) const {
  const int64_t of_db = a.db ? int64_t{split.count} * across * a.problem.k : 0;
  return sizeof(float) * static_cast<size_t>(partials_of_dw(*this, a.problem) + of_db);
}

float* WeightParts::dw(const Conv2dCudaBackwardWeight& a, void* workspace) const {
  return whole() ? a.dw : static_cast<float*>(workspace);
}

float* WeightParts::db(const Conv2dCudaBackwardWeight& a, void* workspace) const {
  return a.db ? static_cast<float*>(workspace) + partials_of_dw(*this, a.problem) : nullptr;
}

void WeightParts::add_up(const Conv2dCudaBackwardWeight& a,
                         void* workspace,
                         CudaStream stream) const {
  if (!whole())
    sum_partials(dw(a, workspace), split.count, count_of_dw(a.problem), a.dw, a.accumulate, stream);
  if (a.db)
    sum_partials(db(a, workspace), split.count * across, a.problem.k, a.db, a.accumulate_db,
                 stream);
}

void sum_partials(
    const float* partials, int rows, int64_t count, float* to, bool accumulate, CudaStream stream) {
  const unsigned groups = rows > kManyRows ? kMostGroups : kFewGroups;
  simt::launch(sum_partials_kernel,
               {.grid = blocks_for(count, kColumns),
                .block = kColumns * groups,
                .smem = sizeof(GroupSums),
                .stream = stream},
               partials, rows, count, to, accumulate);
}

SplitSum split_steps(int tiles, int steps, int blocks) {
  constexpr int kLeastSteps = 8;  // fewer do not pay for a block
  int splits = blocks / tiles;
  if (splits > steps / kLeastSteps) splits = steps / kLeastSteps;
  if (splits < 1) splits = 1;
  const int each = (steps + splits - 1) / splits;
  return {(steps + each - 1) / each, each};
}

}  // namespace diptych
