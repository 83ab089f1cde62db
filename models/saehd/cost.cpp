// Counting multiply-accumulates.
// SPDX-License-Identifier: MIT
#include "models/saehd/cost.h"

#include <functional>

#include "kernels/common/dry_run.h"
#include "models/saehd/saehd.h"

namespace diptych {

namespace {

bool starts_with(const std::string& text, const std::string& start) {
  return text.rfind(start, 0) == 0;
}

// Places at which a layer of the network is applied: pixels of its output before depth_to_space.
double places(const SaehdConfig& c, const std::string& name) {
  const size_t first = name.find('/'), second = name.find('/', first + 1);
  const std::string part = name.substr(0, first),
                    layer = name.substr(first + 1, second - first - 1);
  const int number = layer.back() - '0';
  double side = 1;  // dense
  if (part == "encoder") {
    const int down = c.t ? number : name[second + sizeof "downs_"] - '0' + 1;
    side = c.resolution >> down;
  } else if (layer == "upscale1" && starts_with(part, "inter")) {
    side = c.lowest();
  } else if (starts_with(layer, "upscale")) {
    side = c.inter_out() << number;
  } else if (starts_with(layer, "res")) {
    side = c.inter_out() << (number + 1);
  } else if (layer == "out_convm") {
    side = c.resolution;
  } else if (starts_with(layer, "out_conv")) {
    side = c.d ? c.resolution / 2 : c.resolution;
  }
  return side * side;
}

bool of_mask(const std::string& name) {
  return name.find("/upscalem") != std::string::npos ||
         name.find("/out_convm") != std::string::npos;
}

struct Count {
  double all = 0, first = 0;  // first: the layer that reads the part's input
  int64_t parameters = 0;
};

Count count_of(const ParameterList& list,
               const std::function<double(const NamedParameter&)>& places_of) {
  Count count;
  for (const NamedParameter& p : list) {
    const Shape& shape = p.parameter->shape;
    count.parameters += shape.numel();
    if (shape.rank() < 2) continue;
    const double macs = static_cast<double>(shape.numel()) * places_of(p);
    if (count.all == 0) count.first = macs;
    count.all += macs;
  }
  return count;
}

class Costs {
 public:
  explicit Costs(const SaehdTrainOptions& options)
      : options_(options.active()), net_(options.network), batch_(options.batch_size) {}

  std::vector<PartCost> network() {
    const bool liae = net_.config().liae;
    // How often a part is run for one src and one dst picture.
    put("encoder", part("encoder", -1), 2, false);
    for (const char* inter : {"inter", "inter_AB"}) put(inter, part(inter, -1), 2, true);
    put("inter_B", part("inter_B", -1), 1, true);
    for (const char* part : {"decoder_src", "decoder_dst", "decoder"})
      for (const bool mask : {false, true}) add_decoder(part, mask, liae ? 2 : 1);
    if (options_.style.face > 0) add_style(true);
    if (options_.style.background > 0) add_style(false);
    if (options_.adversarial.gan_power > 0) add_gan();
    if (options_.adversarial.true_face_power > 0) add_true_face();
    if (options_.adversarial.any() && options_.parity.discriminators_see_updated_generator) {
      PartCost again{"generator once more", 0, repeated_, 0};
      out_.push_back(again);
    }
    return out_;
  }

 private:
  // branch: 0 the picture's layers, 1 the mask's, -1 all.
  Count part(const std::string& name, int branch) {
    ParameterList list;
    for (const NamedParameter& p : net_.parameters()) {
      const bool wanted = branch < 0 || of_mask(p.name) == (branch == 1);
      if (starts_with(p.name, name + "/") && wanted) list.push_back(p);
    }
    return count_of(list, [&](const NamedParameter& p) { return places(net_.config(), p.name); });
  }

  void put(const std::string& name, const Count& count, double runs, bool input_gradient) {
    if (count.parameters == 0) return;
    const double forward = runs * batch_ * count.all;
    const double saved = input_gradient ? 0 : runs * batch_ * count.first;
    out_.push_back({name, count.parameters, forward, 2 * forward - saved});
    repeated_ += forward;
  }

  void add_decoder(const std::string& name, bool mask, double runs) {
    put(name + (mask ? " mask" : " picture"), part(name, mask ? 1 : 0), runs, true);
  }

  // The swapped picture for the face term stops at its code; the mask has no backward pass.
  void add_style(bool face) {
    const std::string decoder = net_.config().liae ? "decoder" : "decoder_src";
    Count picture = part(decoder, 0);
    const double forward = batch_ * picture.all;
    PartCost cost{face ? "face style" : "background style", 0, forward,
                  2 * forward - (face ? batch_ * picture.first : 0)};
    if (face || options_.style.face == 0) cost.forward += batch_ * part(decoder, 1).all;
    out_.push_back(cost);
  }

  // Generator: one pass each way without weights. Discriminator: real and fake, without the
  // pictures' gradient.
  void add_opponent(const std::string& name, const Count& c) {
    out_.push_back({name, c.parameters, 3 * batch_ * c.all,
                    batch_ * c.all + 2 * batch_ * (2 * c.all - c.first)});
  }

  void add_gan() {
    PatchDiscriminator gan(options_.patch_discriminator());
    const std::vector<int>& strides = gan.layers().strides;
    std::vector<int> side = {options_.network.resolution};  // before each convolution, and at last
    for (const int stride : strides) side.push_back((side.back() - 1) / stride + 1);
    const auto squared = [](double s) { return s * s; };
    add_opponent("GAN", count_of(gan.parameters("GAN"), [&](const NamedParameter& p) {
                   const size_t number = p.name.find("convs_");
                   if (number == std::string::npos)
                     return squared(p.name.find("/center") != std::string::npos ? side.back()
                                                                                : side.front());
                   const auto i = static_cast<size_t>(p.name[number + sizeof "convs_" - 1] - '0');
                   const bool up = p.name.find("/upconvs_") != std::string::npos;
                   return squared(up ? side[strides.size() - i] : side[i + 1]);
                 }));
  }

  void add_true_face() {
    const CodeDiscriminatorConfig config{.channels = options_.network.inter_channels(),
                                         .side = options_.network.inter_out()};
    CodeDiscriminator code(config);
    int side = config.side;
    const Count count =
        count_of(code.parameters("code_discriminator"), [&](const NamedParameter& p) {
          if (p.name.find("/convs_0") != std::string::npos) {
            side = side / 2 + 1;
          } else if (p.name.find("/convs_") != std::string::npos) {
            side = (side + 1) / 2;
          }
          return static_cast<double>(side) * side;
        });
    if (options_.pretrain) {  // parity: the term alone
      out_.push_back(
          {"code_discriminator", count.parameters, batch_ * count.all, batch_ * count.all});
    } else {
      add_opponent("code_discriminator", count);
    }
  }

  const SaehdTrainOptions options_;
  Saehd net_;
  const double batch_;
  double repeated_ = 0;
  std::vector<PartCost> out_;
};

}  // namespace

std::vector<PartCost> step_costs(const SaehdTrainOptions& options) {
  Stream stream(Engine::kCpu, current_stream().threads());
  const StreamGuard guard(stream);
  const DryRun dry;  // shapes alone
  return Costs(options).network();
}

double total_macs(const std::vector<PartCost>& costs) {
  double sum = 0;
  for (const PartCost& c : costs) sum += c.forward + c.backward;
  return sum;
}

}  // namespace diptych
