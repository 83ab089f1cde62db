// Between DeepFaceLab's options and our settings, and changing project.toml.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <string_view>

#include "apps/exchange/model_transfer.h"
#include "faces/image/file_io.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

std::string text_of(const DflOption& option) {
  if (const auto* b = std::get_if<bool>(&option)) return *b ? "on" : "off";
  if (const auto* i = std::get_if<int64_t>(&option)) return std::to_string(*i);
  if (const auto* d = std::get_if<double>(&option)) return str(*d);
  return std::get<std::string>(option);
}

// The original counts, we switch, or the other way round: 0 and 1 mean off and on.
std::string text_for(const SettingKey& key, const DflOption& option) {
  const std::string text = text_of(option);
  if (key.kind == SettingKind::kBool && std::holds_alternative<int64_t>(option))
    return text == "0" ? "off" : "on";
  if (key.name == "lr_dropout" && std::holds_alternative<std::string>(option))
    return text == "n" ? "off" : "on";  // n, y, cpu
  return text;
}

bool is_on(const DflOption& option) {
  if (const auto* d = std::get_if<double>(&option)) return *d != 0;
  if (const auto* i = std::get_if<int64_t>(&option)) return *i != 0;
  return std::holds_alternative<bool>(option) && std::get<bool>(option);
}

bool has_setting(std::string_view name) {
  const auto keys = setting_keys();
  return std::any_of(keys.begin(), keys.end(), [&](const SettingKey& key) {
    return key.section == "train" && key.name == name;
  });
}

// Options of the network itself come from the model, which was held against the weights.
DflOptions options_for_settings(const DflModel& model) {
  DflOptions o = model.options;
  const SaehdConfig& n = model.network;
  o["resolution"] = int64_t{n.resolution};
  o["archi"] = n.archi();
  o["ae_dims"] = int64_t{n.ae_dims};
  o["e_dims"] = int64_t{n.e_dims};
  o["d_dims"] = int64_t{n.d_dims};
  o["d_mask_dims"] = int64_t{n.d_mask_dims};
  if (n.liae) o["true_face_power"] = 0.0;  // the original forces it
  if (model.kind == "Quick96") {
    o["face_type"] = std::string("f");
    o["adabelief"] = false;
  }
  if (o.count("adabelief") == 0 && !model.options.empty()) o["adabelief"] = false;  // before 2021
  const auto flip = o.find("random_flip");  // before src and dst were told apart
  if (flip != o.end()) {
    o.emplace("random_src_flip", flip->second);
    o.emplace("random_dst_flip", flip->second);
  }
  return o;
}

// The line "key = value" of a section, changed; false when there is none.
bool change_line(std::string& toml,
                 const std::string& section,
                 const std::string& key,
                 const std::string& value) {
  size_t at = toml.rfind("\n[" + section + "]", std::string::npos);
  if (at == std::string::npos) return false;
  for (at = toml.find('\n', at + 1); at != std::string::npos; at = toml.find('\n', at)) {
    const size_t line = ++at;
    if (line >= toml.size() || toml[line] == '[') return false;
    const size_t end = std::min(toml.find('\n', line), toml.size());
    std::string_view text = std::string_view(toml).substr(line, end - line);
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos || text[0] == '#') continue;
    std::string_view name = text.substr(0, equals);
    while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
    if (name != key) continue;
    toml.replace(line, end - line, key + " = " + value);
    return true;
  }
  return false;
}

// Behind the section's header; a new section when there is none.
void add_line(std::string& toml,
              const std::string& section,
              const std::string& key,
              const std::string& value) {
  const std::string header = "\n[" + section + "]";
  size_t at = toml.find(header);
  if (at == std::string::npos) {
    toml += header + "\n";
    at = toml.size() - header.size() - 1;
  }
  const size_t end = std::min(toml.find('\n', at + 1), toml.size());
  toml.insert(end, "\n" + key + " = " + value);
}

}  // namespace

Settings with_dfl_options(const Settings& settings,
                          const DflModel& model,
                          std::vector<std::string>& changed,
                          std::vector<std::string>& notes) {
  Settings out = settings;
  const DflOptions options = options_for_settings(model);
  const std::string origin = model.file("data.dat").string();
  for (const SettingKey& key : setting_keys()) {
    const auto option = options.find(std::string(key.name));
    if (key.section != "train" || option == options.end() || key.name == "learning_rate") continue;
    try {
      out.set(key.full(), text_for(key, option->second), origin);
    } catch (const InputError& e) {
      if (key.fixed) throw;
      notes.push_back(str(key.name, " = ", text_of(option->second),
                          " is not possible here and stays ", settings.toml_value(key.full())));
    }
    if (out.toml_value(key.full()) != settings.toml_value(key.full()))
      changed.push_back(key.full());
  }
  // What changes the result when it is on, and has no setting of that name.
  for (const char* name : {"gan_power", "true_face_power", "face_style_power", "bg_style_power",
                           "blur_out_mask", "pretrain"}) {
    const auto option = options.find(name);
    if (option != options.end() && is_on(option->second) && !has_setting(name))
      notes.push_back(str(name, " = ", text_of(option->second), " has no setting here: it is off"));
  }
  return out;
}

// Defaults of what our settings do not know; whatever they do know replaces them.
DflOptions dfl_options_of(const Settings& s) {
  const int64_t resolution = s.integer("train.resolution");
  DflOptions o = {{"autobackup_hour", int64_t{0}},
                  {"write_preview_history", false},
                  {"target_iter", int64_t{0}},
                  {"random_src_flip", false},
                  {"random_dst_flip", true},
                  {"batch_size", int64_t{4}},
                  {"resolution", resolution},
                  {"face_type", std::string("wf")},
                  {"models_opt_on_gpu", true},
                  {"archi", std::string("liae-ud")},
                  {"ae_dims", int64_t{256}},
                  {"e_dims", int64_t{64}},
                  {"d_dims", int64_t{64}},
                  {"d_mask_dims", int64_t{22}},
                  {"masked_training", true},
                  {"eyes_mouth_prio", false},
                  {"uniform_yaw", false},
                  {"blur_out_mask", false},
                  {"adabelief", true},
                  {"lr_dropout", std::string("n")},
                  {"random_warp", true},
                  {"random_hsv_power", 0.0},
                  {"true_face_power", 0.0},
                  {"face_style_power", 0.0},
                  {"bg_style_power", 0.0},
                  {"ct_mode", std::string("none")},
                  {"clipgrad", false},
                  {"pretrain", false},
                  {"gan_power", 0.0},
                  {"gan_patch_size", resolution / 8},
                  {"gan_dims", int64_t{16}}};
  for (const SettingKey& key : setting_keys()) {
    const auto option = o.find(std::string(key.name));
    if (key.section != "train" || option == o.end()) continue;
    const std::string name = key.full();
    if (key.name == "lr_dropout") {
      option->second = std::string(s.on(name) ? "y" : "n");
    } else if (key.kind == SettingKind::kBool) {
      option->second = s.on(name);
    } else if (key.kind == SettingKind::kInt) {
      if (key.name == "gan_patch_size" && s.integer(name) == 0) continue;  // an eighth, as above
      option->second = s.integer(name);
    } else if (key.kind == SettingKind::kReal) {
      option->second = s.real(name);
    } else {
      option->second = s.word(name);
    }
  }
  return o;
}

void store_train_settings(const Project& project,
                          const Settings& settings,
                          const std::vector<std::string>& keys) {
  if (keys.empty()) return;
  const std::vector<uint8_t> before = read_file(project.toml());
  std::string toml(before.begin(), before.end());
  std::string list;
  for (const std::string& key : keys) {
    const size_t dot = key.find('.');
    const std::string section = key.substr(0, dot), name = key.substr(dot + 1);
    const std::string value = settings.toml_value(key);
    list += str(list.empty() ? "" : ", ", name, " = ", value);
    if (!change_line(toml, section, name, value)) add_line(toml, section, name, value);
  }
  write_file_atomic(project.toml(), {reinterpret_cast<const uint8_t*>(toml.data()), toml.size()});
  try {
    const Settings now = Project::open(project.dir()).settings();
    for (const std::string& key : keys)
      DIPTYCH_CHECK(now.toml_value(key) == settings.toml_value(key), key, " did not change");
  } catch (const Error&) {
    write_file_atomic(project.toml(), before);
    throw InputError(project.toml().string(), "could not be changed to fit the imported model",
                     "Set in its section [train]: " + list);
  }
}

}  // namespace diptych
