// A SAEHD or Quick96 model in DeepFaceLab's folder: which files belong to it, and what data.dat
// says (spec formats.md 8, 10).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "models/saehd/config.h"

namespace diptych {

using DflOption = std::variant<bool, int64_t, double, std::string>;
using DflOptions = std::map<std::string, DflOption>;

struct DflModel {
  std::filesystem::path folder;
  std::string name;  // "new" of new_SAEHD_encoder.npy
  std::string kind;  // "SAEHD" or "Quick96"
  SaehdConfig network;
  int64_t iteration = 0;
  DflOptions options;
  std::vector<std::pair<float, float>> losses;  // src and dst of each iteration
  std::vector<std::string> notes;               // what was passed over, for the user

  std::filesystem::path file(const std::string& part) const {
    return folder / (name + "_" + kind + "_" + part);
  }
};

// Files of weights: encoder, inter, decoder_src, decoder_dst, or encoder, inter_AB, inter_B,
// decoder.
std::vector<std::string> dfl_parts(const SaehdConfig& network);

// The model in a folder; `name` chooses when there are several. The network's letters and dims are
// data.dat's, held against the shapes of the weights: letters d and t and every dim show in them, u
// and c do not. `archi` replaces a data.dat that is missing, or adds the letters u and c that the
// shapes do not show; it must agree with what they do show. InputError: no model, several, a kind
// diptych does not train, an architecture of 2020 that has no equivalent, options that contradict
// the weights, damaged files.
DflModel open_dfl_model(const std::filesystem::path& folder,
                        const std::string& name = "",
                        const std::string& archi = "");

// The text of data.dat: a pickle that DeepFaceLab goes on from. iteration at least 1, options
// complete.
std::vector<uint8_t> dfl_data_file(int64_t iteration,
                                   const DflOptions& options,
                                   const std::vector<std::pair<float, float>>& losses);

}  // namespace diptych
