// meta.dat: the metadata of a folder of aligned faces, put aside while another program edits the
// pictures (spec formats.md 7).
// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <map>

#include "faces/dfl/metadata.h"

namespace diptych {

struct DflSavedFace {
  cv::Size size;  // of the picture the metadata belongs to
  DflMetadata metadata;
};

// By file name. Entries that cannot be used are left out and named in `faults` as "NAME: reason".
// InputError when the file is no such pickle.
std::map<std::string, DflSavedFace> read_meta_dat(const std::filesystem::path& file,
                                                  std::vector<std::string>* faults = nullptr);

void write_meta_dat(const std::filesystem::path& file,
                    const std::map<std::string, DflSavedFace>& faces);

// Metadata of a picture that was resized from `saved.size` to `size` since. Throws Error when the
// sides changed by different factors.
DflMetadata scaled_metadata(const DflSavedFace& saved, cv::Size size);

}  // namespace diptych
