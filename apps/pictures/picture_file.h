// Names of pictures that commands are asked to write.
// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>

namespace diptych {

// Throws InputError when write_image() would refuse the name, so that it is said before the work.
void check_picture_name(const std::filesystem::path& file);

}  // namespace diptych
