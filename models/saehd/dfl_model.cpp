// Finding a model's files and reading data.dat.
// SPDX-License-Identifier: MIT
#include "models/saehd/dfl_model.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "models/saehd/dfl_weights.h"
#include "tensor/pickle/pickle_numbers.h"
#include "tensor/pickle/pickle_reader.h"
#include "tensor/pickle/pickle_writer.h"

namespace diptych {

namespace fs = std::filesystem;

namespace {

const char* const kRemedy = "Give the model folder of DeepFaceLab, workspace/model";

struct Found {
  std::string name, kind;
};

// "new" of "new_SAEHD_data.dat"; nothing when the file is another one.
std::optional<std::string> prefix_of(const std::string& file, const std::string& end) {
  if (file.size() <= end.size() || !file.ends_with(end)) return std::nullopt;
  return file.substr(0, file.size() - end.size());
}

std::vector<Found> models_in(const fs::path& folder) {
  std::vector<Found> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string file = it->path().filename().string();
    for (const char* kind : {"SAEHD", "Quick96"}) {
      if (const auto name = prefix_of(file, str('_', kind, "_encoder.npy")))
        found.push_back({*name, kind});
    }
    for (const char* kind : {"AMP", "XSeg"}) {
      if (file.ends_with(str(kind, "_data.dat"))) found.push_back({"", kind});
    }
  }
  if (error)
    throw InputError(folder.string(), "cannot be listed (" + error.message() + ")", kRemedy);
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    return str(a.name, a.kind) < str(b.name, b.kind);
  });
  return found;
}

Found choose(const fs::path& folder, const std::string& name) {
  const std::vector<Found> all = models_in(folder);
  std::vector<Found> fitting;
  std::string names, others;
  for (const Found& f : all) {
    const bool trained_here = f.kind == "SAEHD" || f.kind == "Quick96";
    if (!trained_here) others = f.kind;
    if (!trained_here || (!name.empty() && f.name != name)) continue;
    fitting.push_back(f);
    names += str(names.empty() ? "" : ", ", f.name, " (", f.kind, ")");
  }
  if (fitting.size() == 1) return fitting[0];
  if (fitting.size() > 1)
    throw InputError(folder.string(), "holds several models: " + names, "Choose one with --name");
  if (!others.empty()) {
    throw InputError(folder.string(), "holds a model of kind " + others + " and none of SAEHD",
                     "diptych trains SAEHD and Quick96 models");
  }
  throw InputError(folder.string(),
                   name.empty() ? "holds no SAEHD model" : "holds no SAEHD model named " + name,
                   kRemedy);
}

class WeightShapes {
 public:
  explicit WeightShapes(const fs::path& file)
      : file_(file), document_(read_dfl_weight_file(file)) {}

  bool has(const std::string& layer) const {
    return document_.root().find(layer + "/weight:0") != nullptr;
  }

  // Side `axis` of a layer's weight, of which `rank` sides are expected.
  int64_t side(const std::string& layer, size_t axis, size_t rank) const {
    const PickleValue* value = document_.root().find(layer + "/weight:0");
    if (value == nullptr) fail("has no " + layer + "/weight:0");
    const auto& shape = value->array().shape;
    if (shape.size() != rank) fail(layer + str("/weight:0 has rank ", shape.size()));
    return shape[axis];
  }

  [[noreturn]] void fail(const std::string& cause) const {
    throw InputError(file_.string(), cause + ", so it is no part of a SAEHD model",
                     "Use the files of one model together");
  }

 private:
  fs::path file_;
  PickleDocument document_;
};

SaehdConfig config_from_shapes(const DflModel& model) {
  const WeightShapes encoder(model.file("encoder.npy"));
  SaehdConfig c;
  std::error_code error;
  c.liae = fs::exists(model.file("inter_AB.npy"), error);
  c.t = encoder.has("res1/conv1");
  c.e_dims = static_cast<int>(encoder.side(c.t ? "down1/conv1" : "down1/downs_0/conv1", 3, 4));
  const WeightShapes inter(model.file(c.liae ? "inter_AB.npy" : "inter.npy"));
  const int64_t features = inter.side("dense1", 0, 2);
  c.ae_dims = static_cast<int>(inter.side("dense1", 1, 2));
  const WeightShapes decoder(model.file(c.liae ? "decoder.npy" : "decoder_src.npy"));
  c.d = decoder.has("out_conv1");
  c.d_dims = static_cast<int>(decoder.side("res0/conv1", 3, 4) / 8);
  c.d_mask_dims = static_cast<int>(decoder.side("upscalem0/conv1", 3, 4) / 32);
  const double side =
      c.e_dims > 0 ? std::sqrt(static_cast<double>(features) / (8.0 * c.e_dims)) : 0.0;
  c.resolution = static_cast<int>(std::min(side, 1e4)) * (c.t ? 32 : 16);
  if (c.encoder_features() != features || c.resolution == 0)
    inter.fail(str("takes ", features, " features, which no resolution gives"));
  return c;
}

std::string dims_text(const SaehdConfig& c) {
  return str(c.archi(), ' ', c.resolution, " ae ", c.ae_dims, " e ", c.e_dims, " d ", c.d_dims,
             " mask ", c.d_mask_dims);
}

// Letters u and c are taken from what was said, the rest must agree.
void check_against_shapes(SaehdConfig said, const SaehdConfig& seen, const fs::path& data) {
  SaehdConfig plain = said;
  plain.u = plain.c = false;
  if (dims_text(plain) == dims_text(seen)) return;
  throw InputError(data.string(),
                   "says " + dims_text(said) + ", but the weights beside it are those of " +
                       dims_text(seen) + " (letters u and c do not show)",
                   "Use the files of one model together");
}

std::string modern_archi(const std::string& archi, const fs::path& file) {
  if (archi == "dfuhd") return "df-u";
  if (archi == "liaeuhd") return "liae-u";
  if (archi == "dfhd" || archi == "liaehd") {
    throw InputError(file.string(), "is of the architecture " + archi + " of early 2020",
                     "It has no equivalent in diptych, nor in today's DeepFaceLab");
  }
  return archi;
}

void set_archi(SaehdConfig& config, const std::string& archi, const fs::path& file) {
  try {
    config.set_archi(modern_archi(archi, file));
  } catch (const InputError&) {
    throw;
  } catch (const Error& e) {
    throw InputError(file.string(), e.what(), kRemedy);
  }
}

std::optional<DflOption> option_from(const PickleValue& value) {
  switch (value.kind()) {
    case PickleKind::kBool:
      return value.boolean();
    case PickleKind::kInt:
      return value.integer();
    case PickleKind::kFloat:
      return value.number();
    case PickleKind::kString:
      return std::string(value.string());
    default:
      return std::nullopt;
  }
}

void read_options(const PickleValue& dict, DflModel& model) {
  for (const PickleEntry& entry : dict.entries()) {
    const std::string key(entry.key.string());
    if (const auto option = option_from(entry.value)) model.options[key] = *option;
  }
}

void read_losses(const PickleValue& rows, DflModel& model) {
  for (const PickleValue& row : rows.items()) {
    const PickleNumbers numbers = numbers_of(row, 16);
    if (numbers.values.size() < 2) continue;
    model.losses.emplace_back(static_cast<float>(numbers.values[0]),
                              static_cast<float>(numbers.values[1]));
  }
}

void read_data(const fs::path& file, DflModel& model) {
  PickleOptions options;
  options.remedy = "Use a copy from one of the model's autobackups";
  options.lenient = true;
  const PickleDocument document = read_pickle_file(file, options);
  for (const std::string& name : document.opaque_names())
    model.notes.push_back("data.dat holds an object of " + name + ", which is passed over");
  try {
    const PickleValue& root = document.root();
    if (const PickleValue* iter = root.find("iter")) model.iteration = iter->integer();
    if (const PickleValue* o = root.find("options")) read_options(*o, model);
    const PickleValue* losses = root.find("loss_history");
    if (losses != nullptr && !losses->is_none()) read_losses(*losses, model);
  } catch (const Error& e) {
    throw InputError(file.string(), str("is not DeepFaceLab's data.dat: ", e.what()),
                     options.remedy);
  }
  if (model.iteration < 0)
    throw InputError(file.string(), str("says iteration ", model.iteration), options.remedy);
}

int dim_of(const DflModel& model, const char* key, const fs::path& file) {
  const auto it = model.options.find(key);
  const int64_t* whole = it == model.options.end() ? nullptr : std::get_if<int64_t>(&it->second);
  if (whole == nullptr || *whole < 1 || *whole > 1 << 16)
    throw InputError(file.string(), str("says nothing usable of ", key), kRemedy);
  return static_cast<int>(*whole);
}

SaehdConfig config_from_options(const DflModel& model, const fs::path& file) {
  SaehdConfig c;
  if (model.kind == "Quick96") {
    c.set_archi("df-ud");
    c.resolution = 96;
    c.ae_dims = 128;
    c.e_dims = c.d_dims = 64;
    c.d_mask_dims = 16;
    return c;
  }
  const auto archi = model.options.find("archi");
  const std::string* text =
      archi == model.options.end() ? nullptr : std::get_if<std::string>(&archi->second);
  if (text == nullptr) {
    throw InputError(file.string(), "does not say the architecture",
                     "Give it with --archi, with its letters");
  }
  set_archi(c, *text, file);
  c.resolution = dim_of(model, "resolution", file);
  c.ae_dims = dim_of(model, "ae_dims", file);
  c.e_dims = dim_of(model, "e_dims", file);
  c.d_dims = dim_of(model, "d_dims", file);
  c.d_mask_dims = dim_of(model, "d_mask_dims", file);
  return c;
}

}  // namespace

std::vector<std::string> dfl_parts(const SaehdConfig& network) {
  if (network.liae) return {"encoder", "inter_AB", "inter_B", "decoder"};
  return {"encoder", "inter", "decoder_src", "decoder_dst"};
}

DflModel open_dfl_model(const fs::path& folder, const std::string& name, const std::string& archi) {
  const Found found = choose(folder, name);
  DflModel model;
  model.folder = folder;
  model.name = found.name;
  model.kind = found.kind;
  const fs::path data = model.file("data.dat");
  const SaehdConfig seen = config_from_shapes(model);
  std::error_code error;
  const bool known = fs::exists(data, error);
  if (known) read_data(data, model);
  if (!archi.empty()) {
    model.network = seen;
    set_archi(model.network, archi, data);
  } else if (known || model.kind == "Quick96") {
    model.network = config_from_options(model, data);
  } else {
    throw InputError(
        data.string(),
        "is missing, and the weights do not show the letters u and c of " + seen.archi(),
        "Put it back, or give the architecture with --archi, for example --archi " + seen.archi());
  }
  check_against_shapes(model.network, seen, data);
  return model;
}

std::vector<uint8_t> dfl_data_file(int64_t iteration,
                                   const DflOptions& options,
                                   const std::vector<std::pair<float, float>>& losses) {
  PickleWriter writer(3);
  writer.begin_dict();
  writer.string("iter").integer(std::max<int64_t>(1, iteration));
  writer.string("options").begin_dict();
  for (const auto& [key, option] : options) {
    writer.string(key);
    if (const auto* b = std::get_if<bool>(&option)) writer.boolean(*b);
    if (const auto* i = std::get_if<int64_t>(&option)) writer.integer(*i);
    if (const auto* d = std::get_if<double>(&option)) writer.real(*d);
    if (const auto* s = std::get_if<std::string>(&option)) writer.string(*s);
  }
  writer.end_dict();
  writer.string("loss_history").begin_list();
  for (const auto& [src, dst] : losses)
    writer.begin_list().real(static_cast<double>(src)).real(static_cast<double>(dst)).end_list();
  writer.end_list();
  writer.string("sample_for_preview").none().string("choosed_gpu_indexes").none();
  return writer.end_dict().take();
}

}  // namespace diptych
