// The discriminators against facts: layer choice, parameter counts, forward vectors, and gradients
// by finite differences.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "kernels/conv2d/conv2d_ref.h"
#include "kernels/conv_transpose2d/conv_transpose2d_ref.h"
#include "models/code_discriminator/code_discriminator.h"
#include "models/patch_discriminator/patch_discriminator.h"
#include "models/saehd/layout.h"
#include "tensor/tape.h"
#include "tests/support/spec_fill.h"

namespace diptych {
namespace {

int64_t count(const ParameterList& list) {
  int64_t sum = 0;
  for (const NamedParameter& p : list) sum += p.parameter->shape.numel();
  return sum;
}

std::string text(const std::vector<int>& strides) {
  std::string out;
  for (const int s : strides) out += std::to_string(s);
  return out;
}

// Spec networks.md 10.
TEST(PatchLayers, FollowTheTableOfTheSpec) {
  const std::map<int, std::tuple<int, std::string, int>> table = {
      {3, {3, "2", 2}},
      {5, {3, "2", 2}},
      {7, {7, "22", 4}},
      {8, {7, "22", 4}},
      {10, {11, "212", 4}},
      {12, {11, "212", 4}},
      {14, {15, "222", 8}},
      {16, {15, "222", 8}},
      {20, {19, "2122", 8}},
      {24, {23, "2212", 8}},
      {28, {27, "21212", 8}},
      {32, {31, "2222", 16}},
      {36, {35, "21222", 16}},
      {40, {39, "22122", 16}},
      {48, {47, "22212", 16}},
      {56, {55, "221212", 16}},
      {64, {63, "22222", 32}},
      {80, {79, "222122", 32}},
      {96, {95, "222212", 32}},
      {128, {127, "222222", 64}},
      {160, {159, "2222122", 64}},
      {256, {255, "2222222", 128}},
      {320, {319, "22222122", 128}},
      {640, {639, "222222122", 256}},
  };
  for (const auto& [asked, row] : table) {
    const PatchLayers& layers = patch_layers(asked);
    EXPECT_EQ(std::make_tuple(layers.field, text(layers.strides), layers.multiple()), row) << asked;
  }
}

TEST(PatchLayers, NearestSizeThatFitsTheResolution) {
  EXPECT_EQ(nearest_patch_size(16, 128), 16);
  EXPECT_EQ(nearest_patch_size(64, 208), 61);  // 208 = 16 * 13: five halvings are one too many
  EXPECT_EQ(208 % patch_layers(61).multiple(), 0);
  EXPECT_EQ(nearest_patch_size(5, 99), 0);
}

TEST(PatchDiscriminator, RefusesWhatDoesNotFitAndNamesTheNearest) {
  const auto message = [](const PatchDiscriminatorConfig& config) -> std::string {
    try {
      config.validate();
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(message({.resolution = 224, .patch_size = 28}), "");
  EXPECT_EQ(message({.resolution = 208, .patch_size = 64}),
            "gan_patch_size = 64 does not fit resolution = 208: its layers halve the picture 5 "
            "times, so the resolution must be a multiple of 32; the nearest that fits is "
            "gan_patch_size = 61");
  EXPECT_NE(message({.patch_size = 2}).find("gan_patch_size = 2"), std::string::npos);
  EXPECT_NE(message({.patch_size = 2}).find("nearest 3"), std::string::npos);
  EXPECT_NE(message({.patch_size = 641}).find("nearest 640"), std::string::npos);
  EXPECT_NE(message({.base_width = 3}).find("gan_dims = 3"), std::string::npos);
  EXPECT_THROW(PatchDiscriminator({.resolution = 208, .patch_size = 64}), Error);
}

// Spec networks.md 10, made by count.py.
TEST(PatchDiscriminator, ParameterCounts) {
  const auto size = [](int resolution, int patch, int base) {
    PatchDiscriminator net({.resolution = resolution, .patch_size = patch, .base_width = base});
    return count(net.parameters("GAN"));
  };
  EXPECT_EQ(size(128, 16, 16), 233650);
  EXPECT_EQ(size(224, 28, 16), 3799090);
  EXPECT_EQ(size(256, 32, 16), 946994);
  EXPECT_EQ(size(320, 40, 16), 3799090);
  EXPECT_EQ(size(320, 40, 64), 16708290);
}

TEST(CodeDiscriminator, ParameterCounts) {
  const auto size = [](int channels, int side) {
    CodeDiscriminator net({.channels = channels, .side = side});
    return count(net.parameters("code_discriminator"));
  };
  EXPECT_EQ(size(256, 8), 2229505);
  EXPECT_EQ(size(256, 16), 6949633);
  EXPECT_EQ(size(256, 7), 1049089);
}

float at(const Tensor& map, int64_t y, int64_t x) {
  return map.as<float>()[y * map.shape()[2] + x];
}

double mean(const Tensor& map) {
  double sum = 0;
  for (const float v : map.to_host()) sum += v;
  return sum / static_cast<double>(map.numel());
}

// Spec networks.md 11: float64 results, f32 agrees to about 1e-5.
TEST(PatchDiscriminator, ForwardEqualsTheTestVectors) {
  struct Vector {
    int patch;
    double center_00, center_mean, full_00, full_31, full_mean;
  };

  for (const Vector& v : {Vector{16, 0.145811, 0.170201, 0.465834, -0.036498, 0.211812},
                          Vector{28, 0.097098, 0.093964, 0.147128, 0.052216, 0.069374}}) {
    SCOPED_TRACE(v.patch);
    PatchDiscriminator net({.resolution = 32, .patch_size = v.patch, .base_width = 4});
    spec_fill(net.parameters("GAN"), "GAN");
    const NoGrad no_grad;
    const PatchDiscriminator::Logits logits = net.forward(spec_picture(1, 3, 32));
    EXPECT_EQ(logits.center.shape(), (Shape{1, 4, 4, 1}));
    EXPECT_EQ(logits.full.shape(), (Shape{1, 32, 32, 1}));
    EXPECT_NEAR(at(logits.center, 0, 0), v.center_00, 1e-5);
    EXPECT_NEAR(mean(logits.center), v.center_mean, 1e-5);
    EXPECT_NEAR(at(logits.full, 0, 0), v.full_00, 1e-5);
    EXPECT_NEAR(at(logits.full, 31, 31), v.full_31, 1e-5);
    EXPECT_NEAR(mean(logits.full), v.full_mean, 1e-5);
  }
}

TEST(CodeDiscriminator, ForwardEqualsTheTestVectors) {
  struct Vector {
    int side;
    double first, mean;
  };

  for (const Vector& v : {Vector{8, 0.012696, 0.090190}, Vector{16, -0.046212, 0.068852}}) {
    SCOPED_TRACE(v.side);
    CodeDiscriminator net({.channels = 8, .side = v.side});
    spec_fill(net.parameters("code_discriminator"), "code_discriminator");
    const NoGrad no_grad;
    const Tensor logits = net.forward(spec_picture(1, 8, v.side));
    EXPECT_EQ(logits.shape(), (Shape{1, 3, 3, 1}));
    EXPECT_NEAR(at(logits, 0, 0), v.first, 1e-5);
    EXPECT_NEAR(mean(logits), v.mean, 1e-5);
  }
}

// Both networks again in double, from the references of their ops: an oracle for gradients.
class DoubleNet {
 public:
  struct Map {
    Shape shape;
    ref::Values values;
  };

  explicit DoubleNet(const ParameterList& list) {
    for (const NamedParameter& p : list) {
      const std::vector<float> values = p.parameter->values().to_host();
      weights[p.name] = {p.parameter->shape, {values.begin(), values.end()}};
    }
  }

  Map conv(const std::string& name, const Map& x, int stride, double slope) const {
    const Map &w = weights.at(name + "/weight"), &b = weights.at(name + "/bias");
    const int pad = static_cast<int>(w.shape[1]) / 2;
    const Conv2dProblem problem = make_conv2d_problem(
        x.shape, w.shape,
        {.stride = stride, .pad_top = pad, .pad_left = pad, .pad_bottom = pad, .pad_right = pad});
    const Conv2dEpilogue bias = {.bias = true};
    return leaky({problem.a_shape(),
                  ref::conv2d_forward(problem, bias, x.values, w.values, b.values, {}).value},
                 slope);
  }

  // 3x3, stride 2, what is too much cropped at the end.
  Map conv_transposed(const std::string& name, const Map& x, double slope) const {
    const Map &w = weights.at(name + "/weight"), &b = weights.at(name + "/bias");
    const ConvTranspose2dProblem problem = make_conv_transpose2d_problem(
        x.shape, w.shape, {.stride = 2, .pad_bottom = 1, .pad_right = 1});
    const ConvTranspose2dEpilogue bias = {.bias = true};
    return leaky({problem.y_shape(),
                  ref::conv_transpose2d_forward(problem, bias, x.values, w.values, b.values).value},
                 slope);
  }

  static Map leaky(Map x, double slope) {
    for (double& v : x.values) v = v >= 0 ? v : slope * v;
    return x;
  }

  static Map join(const Map& a, const Map& b) {
    const int64_t ca = a.shape[3], cb = b.shape[3];
    Map y{{a.shape[0], a.shape[1], a.shape[2], ca + cb}, {}};
    for (size_t pixel = 0; pixel < a.values.size() / static_cast<size_t>(ca); ++pixel) {
      for (int64_t c = 0; c < ca; ++c) y.values.push_back(a.values[pixel * ca + c]);
      for (int64_t c = 0; c < cb; ++c) y.values.push_back(b.values[pixel * cb + c]);
    }
    return y;
  }

  // Sum over the batch of the mean cross-entropy.
  static double bce(const Map& logits, double label) {
    double sum = 0;
    for (const double z : logits.values)
      sum += std::max(z, 0.0) - z * label + std::log1p(std::exp(-std::abs(z)));
    return sum * static_cast<double>(logits.shape[0]) / static_cast<double>(logits.values.size());
  }

  std::map<std::string, Map> weights;
};

// The U-Net of patch size 8: strides 2 2.
double patch_loss(const DoubleNet& net, const DoubleNet::Map& picture, double label) {
  const auto level0 = net.conv("GAN/in_conv", picture, 1, 0.2f);
  const auto level1 = net.conv("GAN/convs_0", level0, 2, 0.2f);
  const auto level2 = net.conv("GAN/convs_1", level1, 2, 0.2f);
  auto x = net.conv("GAN/center_conv", level2, 1, 0.2f);
  x = DoubleNet::join(level1, net.conv_transposed("GAN/upconvs_0", x, 0.2f));
  x = DoubleNet::join(level0, net.conv_transposed("GAN/upconvs_1", x, 0.2f));
  return DoubleNet::bce(net.conv("GAN/center_out", level2, 1, 1), label) +
         DoubleNet::bce(net.conv("GAN/out_conv", x, 1, 1), label);
}

double code_loss(const DoubleNet& net, const DoubleNet::Map& code, double label) {
  const auto x = net.conv("code_discriminator/convs_0", code, 2, 0.1f);
  return DoubleNet::bce(net.conv("code_discriminator/out_conv", x, 1, 1), label);
}

DoubleNet::Map map_of(const Tensor& t) {
  const std::vector<float> values = t.to_host();
  return {t.shape(), {values.begin(), values.end()}};
}

// Slopes of the double loss at a few elements of `values`, against the gradient computed in f32.
template <class Loss>
void expect_slopes(ref::Values& values,
                   const std::vector<float>& gradient,
                   const std::string& name,
                   const Loss& loss) {
  double scale = 0;
  for (const float g : gradient) scale = std::max(scale, std::abs(static_cast<double>(g)));
  ASSERT_GT(scale, 0) << name;
  const double h = 1e-6;
  for (size_t i = 0; i < values.size(); i += 1 + values.size() / 3) {
    const double old = values[i];
    values[i] = old + h;
    const double above = loss();
    values[i] = old - h;
    const double below = loss();
    values[i] = old;
    // Six layers of f32 sums; differences of doubles are good to 1e-9.
    EXPECT_NEAR(gradient[i], (above - below) / (2 * h), 2e-5 * scale + 1e-8) << name << ' ' << i;
  }
}

std::vector<float> gradient_of(const Parameter& p) {
  return p.strip(p.master.grad()).to_host();
}

TEST(PatchDiscriminator, GradientsFollowTheSlopesOfADoubleNetwork) {
  for (const float label : {0.0f, 1.0f}) {
    PatchDiscriminator net({.resolution = 16, .patch_size = 8, .base_width = 4});
    const ParameterList list = net.parameters("GAN");
    spec_fill(list, "GAN");
    Tensor x = spec_picture(2, 3, 16);
    x.set_needs_grad(true);
    const PatchDiscriminator::Logits logits = net.forward(x);
    const Tensor losses[] = {bce_logits(logits.center, label), bce_logits(logits.full, label)};
    DoubleNet oracle(list);
    auto picture = map_of(x);
    const double loss = patch_loss(oracle, picture, label);
    double sum = 0;
    for (const Tensor& l : losses) sum += static_cast<double>(l.to_host()[0]) + l.to_host()[1];
    EXPECT_NEAR(sum, loss, 1e-6 * loss);
    backward(losses);
    const auto total = [&] { return patch_loss(oracle, picture, label); };
    expect_slopes(picture.values, x.grad().to_host(), "picture", total);
    for (const NamedParameter& p : list)
      expect_slopes(oracle.weights.at(p.name).values, gradient_of(*p.parameter), p.name, total);
  }
}

TEST(CodeDiscriminator, GradientsFollowTheSlopesOfADoubleNetwork) {
  CodeDiscriminator net({.channels = 5, .side = 7});
  const ParameterList list = net.parameters("code_discriminator");
  spec_fill(list, "code_discriminator");
  Tensor code = spec_picture(2, 5, 7);
  code.set_needs_grad(true);
  const Tensor stored = concat_channels(code, Tensor::full({2, 7, 7, 3}, 0.0f));  // eight
  const Tensor loss = bce_logits(net.forward(stored), 1.0f);
  DoubleNet oracle(list);
  auto values = map_of(code);
  const auto total = [&] { return code_loss(oracle, values, 1); };
  EXPECT_NEAR(static_cast<double>(loss.to_host()[0]) + loss.to_host()[1], total(), 1e-6);
  backward(std::span(&loss, 1));
  expect_slopes(values.values, code.grad().to_host(), "code", total);
  for (const NamedParameter& p : list)
    expect_slopes(oracle.weights.at(p.name).values, gradient_of(*p.parameter), p.name, total);
}

}  // namespace
}  // namespace diptych
