// Layout of the faceset report's picture.
// SPDX-License-Identifier: MIT
#include "apps/pictures/report_picture.h"

#include <algorithm>
#include <cmath>

#include <opencv2/imgproc.hpp>

#include "apps/pictures/canvas.h"
#include "apps/pictures/report_panels.h"
#include "apps/terminal/progress.h"
#include "faces/image/image.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

using namespace report_colours;

constexpr int kWidth = 1600, kMargin = 24, kLine = 20, kThumb = 104;
constexpr size_t kExamples = 10, kMissingCells = 10;

const char* const kSideNames[] = {"src", "dst"};

// Blocks under each other on one sheet of paper.
class Page {
 public:
  void add(const cv::Mat& block) {
    cv::Mat wide(block.rows, kWidth, CV_8UC3, kPaper);
    const int width = std::min(block.cols, kWidth - kMargin);
    block({0, 0, width, block.rows}).copyTo(wide({kMargin, 0, width, block.rows}));
    blocks_.push_back(wide);
  }

  void gap(int height) { blocks_.emplace_back(height, kWidth, CV_8UC3, kPaper); }

  void heading(const std::string& text) {
    gap(18);
    cv::Mat line(34, kWidth - 2 * kMargin, CV_8UC3, kPaper);
    draw_text(line, text, {0, 20}, kInk, TextSize::kTitle);
    cv::line(line, {0, 30}, {line.cols, 30}, kFaint);
    add(line);
  }

  cv::Mat joined() const {
    cv::Mat all;
    cv::vconcat(blocks_, all);
    return all;
  }

 private:
  std::vector<cv::Mat> blocks_;
};

cv::Scalar colour_of(FindingKind kind) {
  switch (kind) {
    case FindingKind::kGood:
      return kFine;
    case FindingKind::kNote:
      return kFaint;
    case FindingKind::kHurts:
      return {0, 120, 230};
    case FindingKind::kStops:
      break;
  }
  return kLack;
}

void add_finding(Page& page, const Finding& finding) {
  constexpr int kText = 80;
  const int width = kWidth - 2 * kMargin - kText;
  const std::vector<std::string> what = wrap_text(finding.what, width, TextSize::kNormal);
  std::vector<std::string> remedy;
  if (!finding.remedy.empty()) remedy = wrap_text("-> " + finding.remedy, width, TextSize::kNormal);
  const int rows = static_cast<int>(what.size() + remedy.size());
  cv::Mat block(rows * kLine + 4, kWidth - kMargin, CV_8UC3, kPaper);
  cv::rectangle(block, {0, 3, 62, 17}, colour_of(finding.kind), cv::FILLED);
  draw_text(block, name_of(finding.kind), {31, 15}, kPaper, TextSize::kNormal, 0.5);
  int y = 16;
  for (const std::string& line : what) {
    draw_text(block, line, {kText, y}, kInk);
    y += kLine;
  }
  for (const std::string& line : remedy) {
    draw_text(block, line, {kText, y}, {120, 90, 40});
    y += kLine;
  }
  page.add(block);
}

void add_counts(Page& page, const FacesReport& report) {
  const std::vector<std::string> columns = {
      "",      "usable", "distinct",       "near repeats",  "unusable",
      "trash", "frames", "without a face", "several faces", "own masks"};
  constexpr int kColumn = 150;
  cv::Mat block(3 * kLine + 8, kWidth - kMargin, CV_8UC3, kPaper);
  for (size_t i = 0; i < columns.size(); ++i)
    draw_text(block, columns[i], {static_cast<int>(i) * kColumn + 60, 16}, kFaint,
              TextSize::kNormal, 1);
  for (size_t side = 0; side < 2; ++side) {
    const int y = 16 + static_cast<int>(side + 1) * kLine;
    const cv::Scalar& colour = side == 0 ? kSrc : kDst;
    cv::rectangle(block, {0, y - 12, 12, 12}, colour, cv::FILLED);
    draw_text(block, kSideNames[side], {20, y}, kInk);
    if (!report.sides[side]) {
      draw_text(block, report.asked[side] ? "no faceset" : "not looked at", {100, y}, kInk);
      continue;
    }
    const SideSummary& s = *report.sides[side];
    const int64_t values[] = {
        s.usable, s.duplicates.distinct, s.duplicates.repeats, s.unusable, s.trash,
        s.frames, s.frames_without,      s.frames_crowded,     s.own_masks};
    for (size_t i = 0; i < std::size(values); ++i)
      draw_text(block, format_count(values[i]), {static_cast<int>(i + 1) * kColumn + 60, y}, kInk,
                TextSize::kNormal, 1);
  }
  page.add(block);
}

void add_poses(Page& page, const FacesReport& report) {
  constexpr int kPanel = (kWidth - 2 * kMargin) / 3;
  const PoseCoverage& poses = *report.poses;
  cv::Mat row;
  cv::hconcat(
      std::vector<cv::Mat>{draw_pose_grid(poses.src, "src faces by head turn", kSrc, kPanel),
                           draw_pose_grid(poses.dst, "dst faces by head turn", kDst, kPanel),
                           draw_pose_coverage(poses, kPanel)},
      row);
  page.add(row);
}

cv::Mat thumbnail(const Faceset& faces, int64_t id) {
  cv::Mat small(kThumb, kThumb, CV_8UC3, kGrid);
  try {
    cv::resize(decode_image(faces.load(id).image, "face"), small, small.size(), 0, 0,
               cv::INTER_AREA);
  } catch (const InputError&) {
    cv::line(small, {0, 0}, {kThumb - 1, kThumb - 1}, kFaint);
    cv::line(small, {kThumb - 1, 0}, {0, kThumb - 1}, kFaint);
  }
  return small;
}

struct Example {
  int64_t id;
  std::string first, second;  // lines below
};

void add_examples(Page& page,
                  const Faceset& faces,
                  const std::string& title,
                  const std::vector<Example>& examples) {
  const bool two = !examples.empty() && !examples[0].second.empty();
  cv::Mat block(kThumb + (two ? 62 : 46), kWidth - kMargin, CV_8UC3, kPaper);
  draw_text(block, title, {0, 18}, kInk);
  for (size_t i = 0; i < examples.size(); ++i) {
    const int x = static_cast<int>(i) * (kThumb + 50);
    thumbnail(faces, examples[i].id).copyTo(block({x, 25, kThumb, kThumb}));
    draw_text(block, examples[i].first, {x, kThumb + 39}, kInk, TextSize::kSmall);
    draw_text(block, examples[i].second, {x, kThumb + 54}, kInk, TextSize::kSmall);
  }
  page.add(block);
}

void add_missing(Page& page, const PoseCoverage& poses, const Faceset& dst) {
  if (poses.missing.empty()) return;
  std::vector<Example> examples;
  for (const MissingPose& m : poses.missing) {
    if (examples.size() == kMissingCells) break;
    examples.push_back(
        {m.examples[m.examples.size() / 2],
         str("yaw ", PoseGrid::yaw_of(m.yaw), ", pitch ", PoseGrid::pitch_of(m.pitch)),
         str(m.uncovered, m.uncovered == 1 ? " face" : " faces")});
  }
  add_examples(
      page, dst,
      "dst faces that look where src has next to no face, by cell, the most frequent first "
      "(yaw and pitch of the cell, number of such dst faces)",
      examples);
}

template <class Value>
std::vector<double> values_of(const ReportSide& side, const Value& value) {
  std::vector<double> values;
  if (side.measures == nullptr) return values;
  for (const FaceMeasures& face : side.measures->faces) {
    const double v = face.trouble.empty() ? value(face) : NAN;
    if (std::isfinite(v)) values.push_back(v);
  }
  return values;
}

// From 0 to beyond what nearly all faces have.
double top_of(const FacesReport& report, Spread SideSummary::*spread, double least) {
  for (const auto& side : report.sides)
    if (side) least = std::max(least, (*side.*spread).p98 * 1.15);
  return least;
}

void add_histograms(Page& page, const FacesReport& report, const std::array<ReportSide, 2>& sides) {
  const cv::Size size((kWidth - 2 * kMargin) / 3, 220);
  const auto chart = [&](const char* title, double high, auto mark, const auto& value) {
    Histogram h;
    h.title = title;
    h.src = values_of(sides[0], value);
    h.dst = values_of(sides[1], value);
    h.high = high;
    h.mark = mark;
    return draw_histogram(h, size);
  };
  using Mark = std::optional<std::pair<double, std::string>>;
  const auto limit = [](double at, std::string name) { return Mark({at, std::move(name)}); };
  cv::Mat first, second;
  cv::hconcat(
      std::vector<cv::Mat>{
          chart("Sharpness at the trained resolution (edges / contrast)",
                top_of(report, &SideSummary::sharpness, 0.2),
                limit(ReportLimits::kBlurred, "blurred below"),
                [](const FaceMeasures& f) { return f.sharpness; }),
          chart("Size of the trained crop in the source frame, pixels",
                top_of(report, &SideSummary::source_side, 1.5 * report.resolution),
                limit(report.resolution, str("resolution ", report.resolution)),
                [](const FaceMeasures& f) { return f.source_side > 0 ? f.source_side : NAN; }),
          chart("Mean brightness of the face, 0 black to 255 white", 255.0,
                limit(ReportLimits::kDarkFace, "dark below"),
                [](const FaceMeasures& f) { return f.brightness; })},
      first);
  cv::hconcat(
      std::vector<cv::Mat>{chart("Mouth: gap between the lips / width of the mouth",
                                 top_of(report, &SideSummary::mouth, 0.6),
                                 limit(ReportLimits::kOpenMouth, "open above"),
                                 [](const FaceMeasures& f) { return f.mouth; }),
                           chart("Eyes: height / width", top_of(report, &SideSummary::eyes, 0.4),
                                 limit(ReportLimits::kClosedEyes, "closed below"),
                                 [](const FaceMeasures& f) { return f.eyes; }),
                           chart("Burnt-out pixels of the face, percent", 30.0,
                                 limit(100 * ReportLimits::kClippedShare, "burnt out above"),
                                 [](const FaceMeasures& f) { return 100 * f.clipped; })},
      second);
  page.add(first);
  page.add(second);
}

std::vector<Example> examples_of(const std::vector<int64_t>& ids) {
  std::vector<Example> out;
  for (size_t i = 0; i < std::min(kExamples, ids.size()); ++i)
    out.push_back({ids[i], str("id ", ids[i]), ""});
  return out;
}

void add_side_examples(Page& page, const char* name, const SideSummary& s, const Faceset& faces) {
  const std::pair<const char*, const std::vector<int64_t>*> rows[] = {
      {"blurred, the worst first", &s.blurred},
      {"small in their frame, the smallest first", &s.small},
      {"dark, the darkest first", &s.dark},
      {"burnt out, the worst first", &s.clipped},
      {"half hidden by their mask, the worst first", &s.half_hidden}};
  for (const auto& [what, ids] : rows) {
    if (ids->empty()) continue;
    add_examples(page, faces,
                 str(name, ": ", format_count(static_cast<int64_t>(ids->size())), " ", what),
                 examples_of(*ids));
  }
  if (s.duplicates.groups.empty()) return;
  const DuplicateGroup& group = s.duplicates.groups[0];
  std::vector<int64_t> ids = {group.kept};
  const size_t shown = std::min(kExamples - 1, group.repeats.size());
  for (size_t i = 0; i < shown; ++i) ids.push_back(group.repeats[i * group.repeats.size() / shown]);
  add_examples(
      page, faces,
      str(name, ": the largest group of near repeats, ", group.repeats.size() + 1, " faces (",
          format_count(s.duplicates.repeats), " repeats in ", s.duplicates.groups.size(),
          s.duplicates.groups.size() == 1 ? " group)" : " groups)"),
      examples_of(ids));
}

void add_legend(Page& page) {
  cv::Mat block(24, kWidth - kMargin, CV_8UC3, kPaper);
  int x = 0;
  for (const auto& [name, colour] : {std::pair{"src", kSrc}, std::pair{"dst", kDst}}) {
    cv::rectangle(block, {x, 5, 14, 12}, colour, cv::FILLED);
    draw_text(block, name, {x + 22, 16}, kInk);
    x += 80;
  }
  draw_text(block, "height: share of a side's faces; values beyond the ends count in the last step",
            {x + 10, 16}, kFaint);
  page.add(block);
}

}  // namespace

cv::Mat draw_faces_report(const FacesReport& report,
                          const std::array<ReportSide, 2>& sides,
                          const std::string& title) {
  Page page;
  page.gap(10);
  page.heading(title);
  page.gap(4);
  cv::Mat verdict(28, kWidth - kMargin, CV_8UC3, kPaper);
  draw_text(verdict, report.verdict, {0, 18}, kInk, TextSize::kTitle);
  page.add(verdict);
  for (const Finding& finding : report.findings) add_finding(page, finding);
  page.heading("Faces");
  add_counts(page, report);
  if (report.poses) {
    page.heading("Head poses");
    add_poses(page, report);
    add_missing(page, *report.poses, *sides[1].faces);
  }
  page.heading("Spreads");
  add_legend(page);
  add_histograms(page, report, sides);
  page.heading("Faces to look at (ids for diptych faces trash)");
  for (size_t i = 0; i < 2; ++i)
    if (report.sides[i] && report.sides[i]->usable > 0)
      add_side_examples(page, kSideNames[i], *report.sides[i], *sides[i].faces);
  page.gap(16);
  return page.joined();
}

}  // namespace diptych
