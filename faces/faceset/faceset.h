// A faceset: one SQLite file with the faces of one identity and what is known of every frame they
// came from. Every edit is a transaction; deleting is a flag. Layout of the tables:
// docs/faceset.md. Errors: InputError for a file that is missing, not a faceset, damaged or from a
// newer version.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "faces/align/crop_matrix.h"
#include "faces/align/pose.h"

namespace diptych {

enum class FaceState { kActive, kTrash };

// One aligned face. Landmarks come twice: in the source frame and in the stored picture.
struct Face {
  int64_t id = 0;  // set by the faceset
  FaceState state = FaceState::kActive;
  std::vector<uint8_t> image;  // encoded JPEG or PNG, square, `size` pixels
  int size = 0;
  FaceType type = FaceType::kWhole;
  int64_t frame_index = 0;   // in the source video, or position in the sorted image folder
  double frame_seconds = 0;  // time stamp of the frame
  std::string source_name;   // file name of the source
  cv::Rect2d box;            // detector box in the frame
  double box_score = 0;
  Landmarks source_landmarks;  // in the frame
  Landmarks landmarks;         // in the stored picture
  cv::Matx23d matrix;          // frame -> picture
  Pose pose;
  double sharpness = 0;         // variance of the Laplacian inside the hull
  double eyebrow_factor = 1.0;  // eyebrow expansion of the hull mask
  std::vector<uint8_t> mask;    // encoded grey PNG, empty: use the hull of the landmarks
  std::string extra;            // JSON kept from another tool's metadata, empty if none
  std::string faceset;          // file it was read from, for messages; not stored
};

struct FrameRecord {
  int64_t frame_index = 0;
  double seconds = 0;
  int width = 0, height = 0;
  int faces = 0;
  std::string note;  // why there is doubt (rotated hit, no face, ...), empty if none
};

struct FrameFaces {
  FrameRecord frame;
  std::vector<Face> faces;
};

// What training has learned about a face.
struct FaceLoss {
  int64_t id = 0;
  int64_t count = 0;  // how often it was seen
  double mean = 0;
};

// Thread safe: calls are serialized. Another process may read while this one writes.
class Faceset {
 public:
  // Opens an existing faceset; create() makes a new one and refuses to replace a file.
  static Faceset open(const std::string& path, bool read_only = false);
  static Faceset create(const std::string& path);
  Faceset(Faceset&&) noexcept;
  Faceset& operator=(Faceset&&) noexcept;
  ~Faceset();

  const std::string& path() const;
  // Number of faces in a state; all faces when the state is not given.
  int64_t count(std::optional<FaceState> state = FaceState::kActive) const;
  std::vector<int64_t> ids(
      std::optional<FaceState> state = FaceState::kActive) const;  // by frame, then position
  Face load(int64_t id, bool with_image = true) const;
  std::vector<Face> load_all(bool with_image,
                             std::optional<FaceState> state = FaceState::kActive) const;

  // One transaction per frame: the record and its faces appear together. Replaces an earlier record
  // of that frame.
  void put_frame(const FrameRecord& frame, const std::vector<Face>& faces);
  // The same for several frames in one transaction: a commit waits for the disk once.
  void put_frames(const std::vector<FrameFaces>& batch);
  bool has_frame(int64_t frame_index) const;  // extraction resumes by this
  std::vector<FrameRecord> frames() const;

  void set_state(const std::vector<int64_t>& ids, FaceState state);
  void set_mask(int64_t id, const std::vector<uint8_t>& png);
  // Takes back the newest set_state() or set_mask() that is not undone yet; false when there is
  // none. The last 1000 edits are kept, over any number of sessions.
  bool undo();
  // Training statistics of a face: `count` more sightings with this mean loss.
  void add_loss(int64_t id, int64_t count, double mean_loss);
  // The same for many faces in one transaction. Ids that are gone are passed over.
  void add_losses(const std::vector<FaceLoss>& losses);
  std::vector<FaceLoss> losses() const;  // of all faces that training has seen, worst first
  // Small text values: source path and hash, settings of the extraction, consent.
  void set_meta(const std::string& key, const std::string& value);
  std::optional<std::string> meta(const std::string& key) const;
  // Writes a copy of one moment, also while another program is at work here. The file must be new.
  void copy_to(const std::string& copy) const;
  // SQLite's own integrity check plus a decode of every picture; returns the problems found, one
  // line each.
  std::vector<std::string> check() const;

 private:
  struct Impl;
  explicit Faceset(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace diptych
