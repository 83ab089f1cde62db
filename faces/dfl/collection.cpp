// Folders and packs behind one interface.
// SPDX-License-Identifier: MIT
#include "faces/dfl/collection.h"

#include <algorithm>

#include "faces/dfl/jpeg_metadata.h"
#include "faces/video/image_folder.h"
#include "kernels/common/check.h"
#include "kernels/common/log.h"

namespace diptych {

namespace fs = std::filesystem;

namespace {

constexpr uintmax_t kLargestPicture = uintmax_t{1} << 28;  // bytes
const char* const kRemedy = "Give a folder of aligned faces or a faceset.pak that DeepFaceLab made";

std::vector<std::string> jpeg_names(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    std::string extension = it->path().extension().string();
    std::transform(extension.begin(), extension.end(), extension.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const bool jpeg = extension == ".jpg" || extension == ".jpeg";
    if (jpeg && name[0] != '.' && it->is_regular_file(error)) names.push_back(name);
  }
  if (error) {
    throw InputError(folder.string(), "cannot be listed (" + error.message() + ")",
                     "Check the path and its permissions");
  }
  std::sort(names.begin(), names.end(), natural_less);
  return names;
}

}  // namespace

DflCollection DflCollection::open(const fs::path& path) {
  std::error_code error;
  DflCollection out;
  out.path_ = path;
  if (fs::is_directory(path, error)) {
    if (!fs::exists(path / "faceset.pak", error)) {
      out.names_ = jpeg_names(path);
      if (fs::exists(path / "meta.dat", error)) out.saved_ = read_meta_dat(path / "meta.dat");
      if (out.names_.empty()) throw InputError(path.string(), "holds no .jpg", kRemedy);
      return out;
    }
    out.path_ = path / "faceset.pak";
  }
  out.pak_ = DflPak::open(out.path_);
  for (const DflPakEntry& entry : out.pak_->entries()) out.names_.push_back(entry.name);
  if (out.names_.empty()) throw InputError(out.path_.string(), "holds no face", kRemedy);
  return out;
}

DflMetadata DflCollection::metadata_of(size_t i, const std::vector<uint8_t>& jpeg) const {
  if (std::optional<DflMetadata> own = read_dfl_metadata(jpeg, names_[i])) return *std::move(own);
  if (pak_) {
    const DflPakEntry& entry = pak_->entries()[i];
    DIPTYCH_CHECK(entry.fault.empty(), entry.fault);
    return entry.metadata;
  }
  const auto saved = saved_.find(names_[i]);
  DIPTYCH_CHECK(saved != saved_.end(), "it carries no DeepFaceLab metadata");
  const std::optional<cv::Size> size = encoded_size(jpeg);
  DIPTYCH_CHECK(size, "it is not a picture");
  return scaled_metadata(saved->second, *size);
}

DflCollection::Item DflCollection::read(size_t i) const {
  Item item;
  item.name = names_[i];
  if (pak_) {
    item.person = pak_->entries()[i].person;
    DIPTYCH_CHECK(pak_->entries()[i].size <= kLargestPicture, "it is too large");
    item.jpeg = pak_->read(i);
  } else {
    const fs::path file = path_ / names_[i];
    std::error_code error;
    DIPTYCH_CHECK(fs::file_size(file, error) <= kLargestPicture && !error, "it is too large");
    item.jpeg = read_file(file);
  }
  item.metadata = metadata_of(i, item.jpeg);
  return item;
}

}  // namespace diptych
