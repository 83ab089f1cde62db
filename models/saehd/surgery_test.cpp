// Weight surgery: what must come out the same, what must come out near, and what is refused.
// SPDX-License-Identifier: MIT
#include "models/saehd/surgery.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>

#include <gtest/gtest.h>

#include "kernels/common/rng.h"
#include "tensor/ops.h"
#include "tensor/tape.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

SaehdConfig tiny(const std::string& archi, int resolution = 64) {
  SaehdConfig c;
  c.set_archi(archi);
  c.resolution = resolution;
  c.ae_dims = 8;
  c.e_dims = c.d_dims = c.d_mask_dims = 4;
  return c;
}

SaehdTrainOptions options_of(const SaehdConfig& c, uint64_t seed = 1) {
  SaehdTrainOptions o;
  o.network = c;
  o.batch_size = 1;
  o.seed = seed;
  return o;
}

// Smooth pictures that differ, on any grid: the same face at every resolution.
Tensor pictures(int n, int side) {
  const Tensor t = Tensor::empty({n, side, side, 3});
  float* p = t.as<float>();
  for (int i = 0; i < n; ++i) {
    for (int y = 0; y < side; ++y) {
      for (int x = 0; x < side; ++x) {
        for (int c = 0; c < 3; ++c) {
          const double u = (x + 0.5) / side, v = (y + 0.5) / side;
          *p++ = static_cast<float>(0.5 + 0.4 * std::sin(3 * u + 2 * v + 0.7 * c + i));
        }
      }
    }
  }
  return t;
}

struct Batch {
  Tensor picture, mask;

  Batch(int n, int side) : picture(pictures(n, side)), mask(Tensor::full({n, side, side, 1}, 0)) {
    float* p = mask.as<float>();
    for (int64_t i = 0; i < mask.numel(); ++i) {
      const int64_t x = i % side, y = i / side % side;
      p[i] = std::hypot(static_cast<double>(x - side / 2), static_cast<double>(y - side / 2)) <
                     0.4 * side
                 ? 1.0f
                 : 0.0f;
    }
  }

  SaehdSide side() const { return {picture, picture, mask, {}}; }
};

double mean_loss(const SaehdStep& step) {
  return std::accumulate(step.src_loss.begin(), step.src_loss.end(), 0.0) +
         std::accumulate(step.dst_loss.begin(), step.dst_loss.end(), 0.0);
}

class Surgery : public ::testing::Test {
 protected:
  Surgery() {
    std::string pattern = (fs::temp_directory_path() / "diptych-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }

  ~Surgery() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  std::string path() const { return (folder_ / "saehd.safetensors").string(); }

  // A checkpoint whose weights, biases too, are no initial ones.
  Safetensors checkpoint(const SaehdTrainOptions& options, int steps = 2) {
    trainer_ = std::make_unique<SaehdTrainer>(options);
    const Batch batch(options.batch_size, options.network.resolution);
    for (int i = 0; i < steps; ++i) trainer_->step(batch.side(), batch.side());
    trainer_->save(path(), {});
    return Safetensors::open(path());
  }

  fs::path folder_;
  std::unique_ptr<SaehdTrainer> trainer_;  // of the checkpoint
};

std::vector<float> swap_of(SaehdTrainer& t, const Tensor& x) {
  const NoGrad no_grad;
  const Saehd::Swap out = t.network().swap(x);
  std::vector<float> values = out.face.to_host(), mask = out.mask.to_host();
  values.insert(values.end(), mask.begin(), mask.end());
  return values;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return largest;
}

int64_t count(const SurgeryReport& report, Carried kind) {
  int64_t n = 0;
  for (const CarriedLayer& layer : report.layers) n += layer.kind == kind ? 1 : 0;
  return n;
}

TEST_F(Surgery, SameNetworkKeepsEveryBitOfWeightsAndMoments) {
  for (const char* archi : {"df-ud", "liae-udt"}) {
    const Safetensors file = checkpoint(options_of(tiny(archi)));
    SaehdTrainer now(options_of(tiny(archi), 9));
    const SurgeryReport report = carry_over(file, now);
    EXPECT_EQ(now.arena().weights().to_host(), trainer_->arena().weights().to_host());
    for (size_t m = 0; m < 2; ++m) {
      EXPECT_EQ(now.optimizer().moments()[m].values.to_host(),
                trainer_->optimizer().moments()[m].values.to_host());
    }
    EXPECT_EQ(swap_of(now, pictures(1, 64)), swap_of(*trainer_, pictures(1, 64)));
    EXPECT_EQ(now.iteration(), 0);
    EXPECT_EQ(report.iteration, 2);
    EXPECT_EQ(count(report, Carried::kCopied), static_cast<int64_t>(report.layers.size()));
  }
}

TEST_F(Surgery, ResamplingRowsAddUpToOneAndKeepRamps) {
  for (const auto& [to, from] : {std::pair{8, 4}, {4, 8}, {5, 3}, {3, 5}, {4, 4}, {7, 1}, {1, 6}}) {
    const SparseRows rows = resample_rows(to, from);
    double first_moment = 0;
    for (const auto& row : rows) {
      double sum = 0;
      for (const auto& [j, w] : row) {
        sum += w;
        first_moment += w * (static_cast<double>(j) + 0.5) / from;
      }
      EXPECT_NEAR(sum, 1, 1e-12);
    }
    EXPECT_NEAR(first_moment / to, 0.5, 1e-12);  // nothing moves sideways
  }
  const SparseRows doubled = resample_rows(4, 2);
  EXPECT_EQ(doubled[1].size(), 2u);
  EXPECT_DOUBLE_EQ(doubled[1][0].second, 0.75);
}

// dense1 and dense2 seen from outside: features that are constant over the picture give a code that
// is constant where the old one was, whatever the grids.
TEST_F(Surgery, ConstantFeaturesGiveTheCodeTheyGave) {
  for (const auto& [small, large] : {std::pair{64, 128}, {64, 96}, {128, 64}}) {
    const SaehdConfig from = tiny("df", small), to = tiny("df", large);
    const Safetensors file = checkpoint(options_of(from), 1);
    SaehdTrainer now(options_of(to, 5));
    carry_over(file, now);
    const auto bottleneck = [](SaehdTrainer& t, const SaehdConfig& c) {
      const ParameterList list = t.network().parameters();
      const int64_t places = int64_t{c.encoder_out()} * c.encoder_out(), wide = 8 * c.e_dims;
      std::vector<float> features;
      for (int64_t p = 0; p < places; ++p) {
        for (int64_t i = 0; i < wide; ++i)
          features.push_back(static_cast<float>(std::sin(0.3 * static_cast<double>(i))));
      }
      Tensor x = Tensor::from(features, {1, places * wide});
      const auto layer = [&](const std::string& name, const Tensor& in) {
        Tensor w, b;
        for (const NamedParameter& p : list) {
          if (p.name == name + "/weight") w = p.parameter->master.detach();
          if (p.name == name + "/bias") b = p.parameter->master.detach();
        }
        return dense(in, w, b);
      };
      return std::pair{layer("inter/dense1", x).to_host(),
                       layer("inter/dense2", layer("inter/dense1", x)).to_host()};
    };
    const auto [old_code, old_map] = bottleneck(*trainer_, from);
    const auto [code, map] = bottleneck(now, to);
    EXPECT_LT(largest_difference(code, old_code), 1e-5) << small << " to " << large;
    // dense2: the mean over the picture of every channel stays.
    const auto mean = [](const std::vector<float>& m, int64_t c) {
      double sum = 0;
      for (size_t i = static_cast<size_t>(c); i < m.size(); i += 8) sum += m[i];
      return sum * 8 / static_cast<double>(m.size());
    };
    for (int64_t c = 0; c < 8; ++c) EXPECT_NEAR(mean(map, c), mean(old_map, c), 1e-5);
  }
}

TEST_F(Surgery, AWiderNetworkMakesThePicturesItMade) {
  for (const char* archi : {"df", "df-dt", "liae-d"}) {
    const Safetensors file = checkpoint(options_of(tiny(archi)));
    SaehdConfig wider = tiny(archi);
    wider.ae_dims = 12;
    wider.e_dims = 6;
    wider.d_dims = 8;
    wider.d_mask_dims = 6;
    SaehdTrainer now(options_of(wider, 7));
    const SurgeryReport report = carry_over(file, now);
    EXPECT_LT(
        largest_difference(swap_of(now, pictures(1, 64)), swap_of(*trainer_, pictures(1, 64))),
        1e-5)
        << archi;
    EXPECT_EQ(count(report, Carried::kFresh), 0);
    EXPECT_GT(count(report, Carried::kResized), 0);
    // The new channels learn: every layer of them gets a gradient.
    const Batch batch(1, 64);
    now.forward_backward(batch.side(), batch.side());
    for (size_t i = 0; i < now.arena().list().size(); ++i) {
      const ArenaRange range = now.arena().range(i);
      const std::vector<float> g =
          now.arena().gradients().part(range.begin, {range.end - range.begin}).to_host();
      EXPECT_TRUE(std::any_of(g.begin(), g.end(), [](float v) { return v != 0; }))
          << now.arena().list()[i].name;
    }
  }
}

TEST_F(Surgery, AcrossFamiliesTheSwapStays) {
  const Safetensors df = checkpoint(options_of(tiny("df")));
  SaehdTrainer liae(options_of(tiny("liae"), 3));
  carry_over(df, liae);
  const std::vector<float> swap = swap_of(*trainer_, pictures(1, 64));
  EXPECT_LT(largest_difference(swap_of(liae, pictures(1, 64)), swap), 1e-5);

  const Safetensors back = checkpoint(options_of(tiny("liae")));
  SaehdConfig wide = tiny("df");
  wide.ae_dims = 16;
  SaehdTrainer now(options_of(wide, 3));
  carry_over(back, now);
  EXPECT_LT(largest_difference(swap_of(now, pictures(1, 64)), swap_of(*trainer_, pictures(1, 64))),
            1e-5);
}

TEST_F(Surgery, LettersPairLayersByWidth) {
  const Safetensors plain = checkpoint(options_of(tiny("df-u")));
  SaehdTrainer deep(options_of(tiny("df-udt"), 3));
  const SurgeryReport report = carry_over(plain, deep);
  const auto kind_of = [&](const std::string& name) {
    for (const CarriedLayer& layer : report.layers)
      if (layer.name == name) return layer.kind;
    ADD_FAILURE() << name;
    return Carried::kFresh;
  };
  EXPECT_EQ(kind_of("encoder/down3/conv1"), Carried::kCopied);
  EXPECT_EQ(kind_of("encoder/down5/conv1"), Carried::kFresh);
  EXPECT_EQ(kind_of("encoder/res5/conv2"), Carried::kFresh);
  EXPECT_EQ(kind_of("inter/dense1"), Carried::kFresh);
  EXPECT_EQ(kind_of("decoder_src/upscale1/conv1"), Carried::kFresh);
  EXPECT_EQ(kind_of("decoder_src/upscale2/conv1"), Carried::kCopied);
  EXPECT_EQ(kind_of("decoder_dst/res3/conv1"), Carried::kCopied);
  EXPECT_EQ(kind_of("decoder_dst/out_conv2"), Carried::kResized);
  EXPECT_EQ(kind_of("decoder_dst/upscalem3/conv1"), Carried::kCopied);
  EXPECT_EQ(kind_of("decoder_dst/upscalem4/conv1"), Carried::kFresh);
  EXPECT_EQ(kind_of("decoder_dst/out_convm"), Carried::kFresh);

  const Safetensors from_deep = checkpoint(options_of(tiny("df-udt")));
  SaehdTrainer shallow(options_of(tiny("df-u"), 3));
  const SurgeryReport other = carry_over(from_deep, shallow);
  EXPECT_EQ(count(other, Carried::kFresh), 4);  // dense1, upscale1, both mask heads
}

TEST_F(Surgery, ALearntNetworkIsABetterStartThanAFreshOne) {
  SaehdTrainOptions options = options_of(tiny("df"));
  options.optimizer.learning_rate = 2e-3f;
  const Safetensors file = checkpoint(options, 60);
  SaehdConfig larger = tiny("df", 128);
  larger.d_dims = 6;
  SaehdTrainer now(options_of(larger, 4)), fresh(options_of(larger, 4));
  carry_over(file, now);
  const Batch batch(1, 128), old_batch(1, 64);
  const double learnt = mean_loss(trainer_->forward_backward(old_batch.side(), old_batch.side()));
  const double after = mean_loss(now.forward_backward(batch.side(), batch.side()));
  const double before = mean_loss(fresh.forward_backward(batch.side(), batch.side()));
  EXPECT_LT(after, 0.6 * before) << "the learnt network had " << learnt;
}

TEST_F(Surgery, NarrowerNetworksKeepTheFirstChannels) {
  const Safetensors file = checkpoint(options_of(tiny("df")));
  SaehdConfig narrow = tiny("df");
  narrow.ae_dims = 6;
  narrow.d_dims = 2;
  SaehdTrainer now(options_of(narrow, 7));
  const SurgeryReport report = carry_over(file, now);
  EXPECT_EQ(count(report, Carried::kFresh), 0);
  const auto weight_of = [](SaehdTrainer& t, const std::string& name) {
    for (const NamedParameter& p : t.network().parameters())
      if (p.name == name) return p.parameter->values();
    throw Error("no " + name);
  };
  // upscale1 of the inter: 4 runs of ae outputs, then (3,3,ae).
  const Tensor old = weight_of(*trainer_, "inter/upscale1/conv1/weight"),
               cut = weight_of(now, "inter/upscale1/conv1/weight");
  const auto at = [](const Tensor& w, int64_t k, int64_t p, int64_t c) {
    return w.as<float>()[(k * 9 + p) * w.shape()[3] + c];
  };
  for (const int64_t run : {0, 2, 3})
    EXPECT_EQ(at(cut, run * 6 + 5, 4, 5), at(old, run * 8 + 5, 4, 5));
}

TEST_F(Surgery, AfterPretrainingTheIntersStartFresh) {
  SaehdTrainOptions pretrain = options_of(tiny("df"));
  pretrain.pretrain = true;
  const Safetensors file = checkpoint(pretrain);
  SaehdTrainer now(options_of(tiny("df"), 7));
  const SurgeryReport report = carry_over(file, now);
  for (const CarriedLayer& layer : report.layers) {
    EXPECT_EQ(layer.kind == Carried::kFresh, layer.name.rfind("inter/", 0) == 0) << layer.name;
  }
}

TEST_F(Surgery, AnotherOptimizerStartsItsStateFresh) {
  const Safetensors file = checkpoint(options_of(tiny("df")));
  SaehdTrainOptions options = options_of(tiny("df"), 7);
  options.optimizer.kind = OptimizerKind::kRmsProp;
  SaehdTrainer now(options);
  const SurgeryReport report = carry_over(file, now);
  EXPECT_FALSE(report.moments);
  for (const float v : now.optimizer().moments()[0].values.to_host()) ASSERT_EQ(v, 0.0f);
}

TEST_F(Surgery, GroupsFitAScreenAndCountEveryWeight) {
  const Safetensors file = checkpoint(options_of(tiny("df")), 1);
  SaehdConfig wider = tiny("liae-udt", 128);
  wider.ae_dims = 32;
  SaehdTrainer now(options_of(wider));
  const SurgeryReport report = carry_over(file, now);
  const std::vector<CarriedGroup> groups = report.groups();
  EXPECT_LE(groups.size(), 20u);
  int64_t weights = 0;
  size_t layers = 0;
  for (const CarriedGroup& g : groups) {
    weights += g.weights;
    layers += g.layers.size();
  }
  EXPECT_EQ(weights, now.arena().parameter_count());
  EXPECT_EQ(layers, report.layers.size());
}

TEST_F(Surgery, RefusesWhatIsNoWholeSaehdCheckpoint) {
  SaehdTrainer now(options_of(tiny("df"), 7));
  const std::vector<float> before = now.arena().weights().to_host();
  const Tensor one = Tensor::full({1}, 1.0f);
  save_safetensors(path(), {{"weight/x", one}}, {});
  EXPECT_THROW(carry_over(Safetensors::open(path()), now), InputError);

  // A weight is missing.
  const Safetensors whole = checkpoint(options_of(tiny("df")));
  std::vector<NamedView> views;
  std::vector<Tensor> kept;
  for (const auto& [name, entry] : whole.entries()) {
    if (name == "weight/decoder_dst/out_convm/bias") continue;
    kept.push_back(Tensor::empty(entry.shape));
    whole.read(name, kept.back().mut());
    views.push_back({name, kept.back()});
  }
  const std::string cut = path() + ".cut";
  save_safetensors(cut, views, whole.metadata());
  EXPECT_THROW(carry_over(Safetensors::open(cut), now), InputError);

  // A weight is not finite.
  views.clear();
  kept.clear();
  for (const auto& [name, entry] : whole.entries()) {
    kept.push_back(Tensor::empty(entry.shape));
    whole.read(name, kept.back().mut());
    if (name == "weight/inter/dense1/bias") kept.back().as<float>()[0] = NAN;
    views.push_back({name, kept.back()});
  }
  save_safetensors(cut, views, whole.metadata());
  EXPECT_THROW(carry_over(Safetensors::open(cut), now), InputError);
  EXPECT_EQ(now.arena().weights().to_host(), before);
}

}  // namespace
}  // namespace diptych
