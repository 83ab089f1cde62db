// The JSON header of a safetensors file: reading (strictly what the format allows) and writing.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "tensor/safetensors.h"

namespace diptych {

// Parses the header text. Throws Error naming the position and the cause; checks nothing against
// the file's size.
void parse_safetensors_header(const std::string& text,
                              std::map<std::string, Safetensors::Entry>& entries,
                              Metadata& metadata);

// Header text for tensors laid out one after the other, padded with blanks to a multiple of 8
// bytes.
std::string make_safetensors_header(const std::vector<NamedView>& tensors,
                                    const Metadata& metadata);

}  // namespace diptych
