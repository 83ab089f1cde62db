// From the numbers of the faceset report to sentences: what is good, what will hurt, what to do.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>

#include "faces/report/faces_report.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

using Kind = FindingKind;

const char* const kSideNames[] = {"src", "dst"};

std::string percent(double share) {
  const double value = 100 * share;
  if (value > 0 && value < 1) return "under 1 %";
  if (value < 100 && value > 99) return "over 99 %";
  return str(std::lround(value), " %");
}

std::string faces(int64_t count) {
  return count == 1 ? "1 face" : str(count, " faces");
}

class Judge {
 public:
  explicit Judge(const FacesReport& report) : report_(report) {}

  std::vector<Finding> run() {
    for (size_t side = 0; side < 2; ++side) {
      if (there(side)) judge_side(side, *report_.sides[side]);
    }
    if (report_.sides[0] && report_.sides[1] && report_.poses) judge_pair();
    std::stable_sort(out_.begin(), out_.end(), [](const Finding& a, const Finding& b) {
      return a.kind != b.kind ? a.kind > b.kind : a.weight > b.weight;
    });
    return std::move(out_);
  }

 private:
  void add(Kind kind, double weight, std::string what, std::string remedy = {}) {
    out_.push_back({kind, weight, std::move(what), std::move(remedy)});
  }

  // False, with a finding, when the side has nothing to judge.
  bool there(size_t side) {
    const std::string name = kSideNames[side];
    const std::optional<SideSummary>& s = report_.sides[side];
    if (!s) {
      if (!report_.asked[side]) return false;
      add(Kind::kStops, 10,
          "There is no " + name + " faceset, so only the other side was looked at.",
          "Run diptych extract --side " + name + ".");
      return false;
    }
    if (s->usable > 0) return true;
    if (s->trash > 0 && s->unusable == 0) {
      add(Kind::kStops, 10, str("All ", faces(s->trash), " of ", name, " are in the trash."),
          "Take some back with diptych faces undo or restore.");
    } else {
      add(Kind::kStops, 10, str(name, " holds no face that can be used."),
          "Extract again from a video in which the face is larger and looks at the camera.");
    }
    add_trouble(side, *s);
    return false;
  }

  void add_trouble(size_t side, const SideSummary& s) {
    if (s.unusable == 0) return;
    add(Kind::kStops, 5,
        str(faces(s.unusable), " of ", kSideNames[side], " cannot be used (", s.trouble[0],
            s.unusable > 1 ? ", ..." : "", ")."),
        "Training would stop at them: put them into the trash; faces_report.json lists them.");
  }

  void judge_side(size_t side, const SideSummary& s) {
    add_trouble(side, s);
    judge_count(side, s);
    judge_blur(side, s);
    judge_size(side, s);
    judge_light(side, s);
    judge_frames(side, s);
    judge_masks(side, s);
    judge_poses(side, s);
  }

  void judge_count(size_t side, const SideSummary& s) {
    const std::string name = kSideNames[side];
    const int64_t distinct = s.duplicates.distinct;
    const std::string counted = s.duplicates.repeats > 0 ? str(name, " has ", faces(s.usable), ", ",
                                                               distinct, " of them distinct")
                                                         : str(name, " has ", faces(s.usable));
    if (distinct < 50) {
      add(Kind::kHurts, 4, counted + ": very few to learn a person from.",
          "Add more or longer material of the same person; a few hundred distinct faces is a "
          "start.");
    } else if (distinct < 300 && side == 0) {
      add(Kind::kHurts, 1.5, counted + ": enough for a short clip, few for a lasting result.",
          "Add material of src with other expressions, light and head turns.");
    } else {
      add(Kind::kGood, 2, counted + ".");
    }
    // dst needs every frame: repeats there are no fault.
    if (side == 0 && s.share(s.duplicates.repeats) > 0.5 && s.usable >= 200) {
      add(Kind::kNote, 2,
          percent(s.share(s.duplicates.repeats)) +
              " of the src faces nearly repeat another one: they take time and memory, and make "
              "what is common more common.",
          "Extract with --side src --every 3, or trash repeats (faces_report.json lists the "
          "groups).");
    }
  }

  void judge_blur(size_t side, const SideSummary& s) {
    const double share = s.share(s.blurred);
    const std::string name = kSideNames[side];
    if (share <= 0.05) {
      add(Kind::kGood, 1.2,
          s.blurred.empty() ? "The " + name + " faces are sharp at this resolution."
                            : "Nearly all " + name + " faces are sharp at this resolution.");
      return;
    }
    const bool src = side == 0;
    add(src || share > 0.5 ? Kind::kHurts : Kind::kNote, 3 * share + (src ? 1 : 0),
        str(percent(share), " of the ", name, " faces are blurred at ", report_.resolution,
            " pixels", src ? ": the result cannot be sharper than src." : "."),
        src ? "Trash the blurred ones (first row of the picture; diptych faces list --sort "
              "sharpness) "
              "or find sharper material."
            : "The swap will look sharper than its frames there: soften it when merging, or leave "
              "these frames out.");
  }

  std::string remedy_of_size(double median) const {
    if (median >= report_.resolution)
      return "Trash the smallest, or extract with a larger --min-face.";
    const int fits = std::max(64, static_cast<int>(median / 32) * 32);
    if (fits < report_.resolution)
      return str("Train at resolution ", fits, ", or use larger faces.");
    return "Use larger faces: a closer shot, or a video of higher resolution.";
  }

  void judge_size(size_t side, const SideSummary& s) {
    const std::string name = kSideNames[side];
    const double share = s.share(s.small), median = s.source_side.median;
    if (s.source_side.count == 0) {
      add(Kind::kNote, 1, "The " + name + " faces do not tell how large they were in their source.",
          "Look at the pictures: were they enlarged?");
      return;
    }
    if (share > 0.05) {
      add(share > 0.3 ? Kind::kHurts : Kind::kNote, 2 * share + (side == 0 ? 0.6 : 0.4),
          str(percent(share), " of the ", name, " faces cover less than three quarters of the ",
              report_.resolution, " pixels that are trained (half of them at most ",
              std::lround(median), "): they are enlarged and hold no fine detail."),
          remedy_of_size(median));
      return;
    }
    add(Kind::kGood, 1,
        str("The ", name, " faces are large enough: half cover at least ", std::lround(median),
            " pixels of their frame, ", report_.resolution, " are trained."));
  }

  void judge_light(size_t side, const SideSummary& s) {
    const std::string name = kSideNames[side];
    const double dark = s.share(s.dark), clipped = s.share(s.clipped);
    if (dark > 0.05) {
      add(dark > 0.3 ? Kind::kHurts : Kind::kNote, 2 * dark,
          str(percent(dark), " of the ", name, " faces are dark (mean brightness below ",
              ReportLimits::kDarkFace, " of 255)."),
          "Brighten the video before extracting, or trash them.");
    }
    if (clipped > 0.05) {
      add(clipped > 0.3 ? Kind::kHurts : Kind::kNote, 2 * clipped,
          str(percent(clipped), " of the ", name,
              " faces are burnt out: a tenth or more of their pixels is at the white end."),
          "Detail that is not in the picture cannot be learnt: trash them if there are others.");
    }
    if (dark <= 0.05 && clipped <= 0.05)
      add(Kind::kGood, 0.8, "The light on " + name + " is fine.");
  }

  void judge_frames(size_t side, const SideSummary& s) {
    const std::string name = kSideNames[side];
    if (s.frames_crowded > 0) {
      const double share = double(s.frames_crowded) / double(std::max<int64_t>(1, s.frames));
      add(share > 0.02 ? Kind::kHurts : Kind::kNote, 2 + share,
          str(s.frames_crowded, s.frames_crowded == 1 ? " frame" : " frames", " of ", name,
              " hold more than one face: other people, or a false hit."),
          str("Trash the faces that are not the person; with a single person in the video, extract "
              "with --max-faces 1."));
    }
    if (side == 1 && s.frames_without > 0) {
      const double share = double(s.frames_without) / double(s.frames);
      add(Kind::kNote, 0.5 + share,
          str(percent(share), " of the dst frames (", s.frames_without,
              ") have no face: they pass through merging unchanged."),
          "Look at some of them: is the face really not there?");
    }
  }

  void judge_masks(size_t side, const SideSummary& s) {
    const std::string name = kSideNames[side];
    if (!s.half_hidden.empty()) {
      add(Kind::kNote, 0.5 + s.share(s.half_hidden),
          str(faces(static_cast<int64_t>(s.half_hidden.size())), " of ", name,
              " have a mask that covers little of the face: hidden faces, or bad masks."),
          "Look at them (last rows of the picture).");
    }
    const double share = s.share(s.own_masks);
    if (s.own_masks == s.usable) {
      add(Kind::kGood, 0.5, str("Every ", name, " face has a mask of its own."));
    } else if (s.own_masks > 0) {
      add(Kind::kNote, 0.4,
          str(percent(share), " of the ", name,
              " faces have a mask of their own, the others use the hull of their landmarks."),
          "Mask the others too where something stands before the face.");
    }
  }

  void judge_poses(size_t side, const SideSummary& s) {
    if (s.without_pose == 0) return;
    add(Kind::kNote, 1,
        str(faces(s.without_pose), " of ", kSideNames[side],
            " have no head pose: they are not in the pose grid."),
        "uniform_yaw counts them as frontal; extract again to have one.");
  }

  void judge_pair() {
    judge_coverage(*report_.poses);
    const SideSummary &src = *report_.sides[0], &dst = *report_.sides[1];
    judge_expression(src, dst);
    const double gap = std::abs(src.brightness.median - dst.brightness.median);
    if (gap > 35) {
      add(Kind::kNote, 1 + gap / 100,
          str("src is ", src.brightness.median > dst.brightness.median ? "brighter" : "darker",
              " than dst by ", std::lround(gap), " of 255 levels."),
          "Train with ct_mode = rct, so that src learns the light of dst.");
    }
  }

  void judge_coverage(const PoseCoverage& c) {
    if (c.dst_faces == 0) return;
    const double missing = double(c.uncovered_faces) / double(c.dst_faces);
    const double flipped = double(c.uncovered_if_flipped) / double(c.dst_faces);
    if (missing <= 0.02) {
      add(Kind::kGood, 3,
          str("src shows the head turns of dst: ", percent(1 - missing),
              " of the dst faces have src faces that look the same way."));
      return;
    }
    const MissingPose& worst = c.missing[0];
    const bool flip_helps = flipped < 0.5 * missing;
    add(missing > 0.1 ? Kind::kHurts : Kind::kNote, 1 + 4 * missing,
        str(percent(missing), " of the dst faces look where src has next to no face, most of them ",
            "around yaw ", PoseGrid::yaw_of(worst.yaw), ", pitch ", PoseGrid::pitch_of(worst.pitch),
            " degrees: the network will guess there."),
        flip_helps ? str("Turn on random_src_flip: mirrored, src leaves ", percent(flipped),
                         " uncovered. Better: add material of src that looks there.")
                   : "Add material of src that looks there (the picture shows example frames).");
  }

  void judge_expression(const SideSummary& src, const SideSummary& dst) {
    const double src_open = src.share(src.open_mouths), dst_open = dst.share(dst.open_mouths);
    const double src_closed = src.share(src.closed_eyes), dst_closed = dst.share(dst.closed_eyes);
    bool fine = true;
    if (dst.open_mouths >= 5 && (src.open_mouths < 5 || src_open < 0.2 * dst_open)) {
      fine = false;
      add(Kind::kHurts, 1 + 2 * dst_open,
          str("dst opens its mouth in ", percent(dst_open), " of its faces, src in ",
              src.open_mouths == 0 ? "none" : str("only ", src.open_mouths), "."),
          "Add material in which src speaks or laughs.");
    }
    if (dst.closed_eyes >= 5 && (src.closed_eyes < 5 || src_closed < 0.1 * dst_closed)) {
      fine = false;
      add(Kind::kNote, 1 + dst_closed,
          str("dst closes its eyes in ", percent(dst_closed), " of its faces, src in ",
              src.closed_eyes == 0 ? "none" : str("only ", src.closed_eyes), "."),
          "Add material in which src blinks or looks down.");
    }
    if (fine) add(Kind::kGood, 1.5, "src has the open mouths and closed eyes that dst needs.");
  }

  const FacesReport& report_;
  std::vector<Finding> out_;
};

}  // namespace

const char* name_of(FindingKind kind) {
  switch (kind) {
    case Kind::kGood:
      return "good";
    case Kind::kNote:
      return "note";
    case Kind::kHurts:
      return "hurts";
    case Kind::kStops:
      break;
  }
  return "stops";
}

std::vector<Finding> judge(const FacesReport& report) {
  return Judge(report).run();
}

std::string verdict_of(const std::vector<Finding>& findings) {
  const auto count = [&](Kind kind) {
    return std::count_if(findings.begin(), findings.end(),
                         [&](const Finding& f) { return f.kind == kind; });
  };
  if (count(Kind::kStops) > 0) return "Not ready to train: see to what stops it first.";
  const auto hurts = count(Kind::kHurts);
  if (hurts == 0) return "Ready to train.";
  return str("Can be trained, but ", hurts == 1 ? "one thing" : str(hurts, " things"),
             " will hurt the result.");
}

}  // namespace diptych
