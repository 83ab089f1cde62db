// Names of the face types.
// SPDX-License-Identifier: MIT
#include "faces/align/face_type.h"

#include <array>

#include "kernels/common/check.h"

namespace diptych {
namespace {

struct TypeName {
  FaceType type;
  std::string_view name;
  std::string_view option;  // short form on the command line, empty if none
};

constexpr std::array<TypeName, 7> kNames{{{FaceType::kHalf, "half_face", "h"},
                                          {FaceType::kMidFull, "midfull_face", "mf"},
                                          {FaceType::kFull, "full_face", "f"},
                                          {FaceType::kFullNoAlign, "full_face_no_align", ""},
                                          {FaceType::kWhole, "whole_face", "wf"},
                                          {FaceType::kHead, "head", "head"},
                                          {FaceType::kHeadNoAlign, "head_no_align", ""}}};

}  // namespace

std::string_view name_of(FaceType type) {
  for (const TypeName& entry : kNames) {
    if (entry.type == type) return entry.name;
  }
  throw Error(str("name_of: no face type has the code ", static_cast<int>(type)));
}

FaceType face_type_from(std::string_view name) {
  std::string known;
  for (const TypeName& entry : kNames) {
    if (name == entry.name || (!entry.option.empty() && name == entry.option)) return entry.type;
    known += known.empty() ? "" : ", ";
    known += entry.name;
    if (!entry.option.empty() && entry.option != entry.name) known += str(" (", entry.option, ")");
  }
  throw Error(str("face_type_from: unknown face type '", name, "'; known: ", known));
}

}  // namespace diptych
