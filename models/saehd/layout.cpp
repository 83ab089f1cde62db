// Index maps between the two layouts.
// SPDX-License-Identifier: MIT
#include "models/saehd/layout.h"

namespace diptych {

namespace {

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// Index in C,H,W order of our element i of a (side,side,channels) picture.
int64_t chw_index(int64_t i, int64_t side, int64_t channels) {
  const int64_t c = i % channels, pixel = i / channels;
  return c * side * side + pixel;
}

// Calls map(ours, file) for every element.
template <class Map>
void for_each_pair(const SaehdConfig& config,
                   const std::string& path,
                   const Shape& shape,
                   const Map& map) {
  const int64_t low = config.lowest(), wide = config.inter_channels();
  if (shape.rank() == 4) {  // (K,R,S,C) -> (R,S,C,K)
    const int64_t k_count = shape[0], rest = shape.numel() / k_count;
    for (int64_t k = 0; k < k_count; ++k) {
      for (int64_t i = 0; i < rest; ++i) map(k * rest + i, i * k_count + k);
    }
  } else if (shape.rank() == 2) {  // (out,in) -> (in,out)
    const bool first = ends_with(path, "dense1/weight"), second = ends_with(path, "dense2/weight");
    const int64_t outs = shape[0], ins = shape[1];
    for (int64_t o = 0; o < outs; ++o) {
      const int64_t file_o = second ? chw_index(o, low, wide) : o;
      for (int64_t i = 0; i < ins; ++i) {
        const int64_t file_i =
            first ? chw_index(i, config.encoder_out(), int64_t{8} * config.e_dims) : i;
        map(o * ins + i, file_i * outs + file_o);
      }
    }
  } else {
    const bool second = ends_with(path, "dense2/bias");
    for (int64_t i = 0; i < shape.numel(); ++i) map(i, second ? chw_index(i, low, wide) : i);
  }
}

void check_count(const char* op, const std::string& path, const Shape& shape, size_t count) {
  DIPTYCH_CHECK(static_cast<int64_t>(count) == shape.numel(), op, ": ", path, " has shape ", shape,
                ", got ", count, " values");
}

}  // namespace

Shape file_shape(const std::string& path, const Shape& shape) {
  DIPTYCH_CHECK(shape.rank() != 3 && shape.rank() > 0, "file_shape: ", path, " has shape ", shape);
  if (shape.rank() == 4) return {shape[1], shape[2], shape[3], shape[0]};
  if (shape.rank() == 2) return {shape[1], shape[0]};
  return shape;
}

std::vector<float> from_file_order(const SaehdConfig& config,
                                   const std::string& path,
                                   const Shape& shape,
                                   std::span<const float> values) {
  check_count("from_file_order", path, shape, values.size());
  std::vector<float> ours(values.size());
  for_each_pair(config, path, shape, [&](int64_t mine, int64_t file) {
    ours[static_cast<size_t>(mine)] = values[static_cast<size_t>(file)];
  });
  return ours;
}

std::vector<float> to_file_order(const SaehdConfig& config,
                                 const std::string& path,
                                 const Shape& shape,
                                 std::span<const float> values) {
  check_count("to_file_order", path, shape, values.size());
  std::vector<float> file_values(values.size());
  for_each_pair(config, path, shape, [&](int64_t mine, int64_t file) {
    file_values[static_cast<size_t>(file)] = values[static_cast<size_t>(mine)];
  });
  return file_values;
}

}  // namespace diptych
