// Which frame a DeepFaceLab face belongs to: all it knows is the name of the frame's picture.
// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <string>
#include <vector>

#include "faces/faceset/faceset.h"
#include "faces/video/frame_source.h"

namespace diptych {

struct FrameNameOptions {
  FrameSource* source = nullptr;  // what the faces were cut from, when it is known
  double fps = 0;                 // rate at which DeepFaceLab took frames; 0: every frame
  // Faces that cannot be tied to frames of the source are an InputError instead of being numbered
  // in order.
  bool must_tie = false;
  int64_t first_free = 0;  // frame from which on such faces are numbered
};

// Frames by name of picture. Names are matched to the pictures of a folder; plain numbers are
// frames of a video counted from 1, as DeepFaceLab's extraction does (from 0 when there is a 0),
// looked up in the video for their time stamps. Otherwise, names are numbered in natural order.
class FrameNames {
 public:
  // `names`: the source_filename of every face; `what` names their place in messages. InputError
  // with must_tie when they cannot be tied: no numbers, numbers beyond the video's end, pictures
  // that the folder lacks.
  FrameNames(const std::vector<std::string>& names,
             const FrameNameOptions& options,
             const std::string& what);

  const FrameRecord& of(const std::string& name) const { return frames_.at(stem_of(name)); }

  // Faces are tied to frames of the source (or to numbers, without a source).
  bool tied() const { return tied_; }

  static std::string stem_of(const std::string& name);

 private:
  std::string tie_to_folder(const FrameNameOptions& options);
  std::string tie_to_numbers(const FrameNameOptions& options);
  void number_in_order(const FrameNameOptions& options);

  std::map<std::string, FrameRecord> frames_;  // by stem
  bool tied_ = true;
};

}  // namespace diptych
