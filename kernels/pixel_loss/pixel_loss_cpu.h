// The CPU engine of pixel_loss, and the sum over samples its files share.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/cast/cast_rows.h"
#include "kernels/pixel_loss/pixel_loss.h"
#include "kernels/reduce/reduce.h"

namespace diptych {

enum class PixelError { kSquared, kAbsolute };

void pixel_error_cpu(
    Stream& stream, PixelError kind, View target, View prediction, View mask, MutView loss);
void pixel_error_backward_cpu(
    PixelError kind, View target, View prediction, View mask, View dloss, GradView dprediction);
void mul_mask_cpu(View x, View mask, GradView y);
// labels may be {}: then every label is `label`.
void bce_cpu(Stream& stream, View logits, View labels, float label, MutView loss);
void bce_backward_cpu(View logits, View labels, float label, View dloss, GradView dlogits);
void total_variation_cpu(Stream& stream, TotalVariation form, View x, MutView loss);
void total_variation_backward_cpu(
    Stream& stream, TotalVariation form, View x, View dloss, GradView dx);

// values[n] = (sum over pieces p of piece(n, p)) * factor, pieces added in order: the same bits for
// any thread count. piece() may run on any thread.
template <class Piece>
void sum_pieces(Stream& stream,
                int64_t samples,
                int64_t pieces,
                double factor,
                float* values,
                const Piece& piece) {
  auto* const sums = static_cast<double*>(
      stream.workspace(static_cast<size_t>(samples * pieces) * sizeof(double)));
  parallel_for(samples * pieces, 2, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) sums[i] = piece(i / pieces, i % pieces);
  });
  for (int64_t n = 0; n < samples; ++n) {
    double sum = 0;
    for (int64_t p = 0; p < pieces; ++p) sum += sums[n * pieces + p];
    values[n] = static_cast<float>(sum * factor);
  }
}

inline int64_t blocks_of(int64_t length) {
  return (length + kReduceBlock - 1) / kReduceBlock;
}

}  // namespace diptych
