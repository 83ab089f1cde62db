// Checking names of pictures.
// SPDX-License-Identifier: MIT
#include "apps/pictures/picture_file.h"

#include <algorithm>
#include <cctype>

#include "kernels/common/check.h"

namespace diptych {

void check_picture_name(const std::filesystem::path& file) {
  std::string extension = file.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (extension == ".png" || extension == ".jpg" || extension == ".jpeg") return;
  throw InputError(file.string(), "is not the name of a picture that can be written",
                   "Use a name that ends in .png or .jpg");
}

}  // namespace diptych
