// diptych faces worst: the faces that training has learnt worst, as a list, JSON or a picture.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include <nlohmann/json.hpp>

#include "apps/faces_command.h"
#include "apps/pictures/contact_sheet.h"
#include "apps/pictures/picture_file.h"
#include "apps/project/open_faceset.h"
#include "apps/terminal/progress.h"
#include "apps/training/loss_ranking.h"
#include "faces/image/image.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

namespace fs = std::filesystem;

struct WorstArguments {
  std::shared_ptr<FacesArguments> faces;
  int64_t most = 50;
  std::string sheet;
  int columns = 10, thumb = 128;
};

double times_median(const LossRanking& ranking, const FaceLoss& face) {
  return ranking.median > 0 ? face.mean / ranking.median : 0;
}

void print_list(const LossRanking& ranking,
                const std::vector<FaceLoss>& worst,
                const Faceset& faceset) {
  std::printf("%5s %8s %8s %9s %9s %10s %8s\n", "rank", "id", "frame", "seconds", "loss",
              "x median", "seen");
  for (size_t i = 0; i < worst.size(); ++i) {
    const Face face = faceset.load(worst[i].id, false);
    std::printf("%5zu %8lld %8lld %9.3f %9s %10.2f %8s\n", i + 1, static_cast<long long>(face.id),
                static_cast<long long>(face.frame_index), face.frame_seconds,
                format_number(worst[i].mean).c_str(), times_median(ranking, worst[i]),
                format_count(worst[i].count).c_str());
  }
}

void print_json(const LossRanking& ranking,
                const std::vector<FaceLoss>& worst,
                const Faceset& faceset,
                int64_t min_seen) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const FaceLoss& loss : worst) {
    const Face face = faceset.load(loss.id, false);
    list.push_back({{"id", face.id},
                    {"frame", face.frame_index},
                    {"seconds", face.frame_seconds},
                    {"source", face.source_name},
                    {"loss", loss.mean},
                    {"times_median", times_median(ranking, loss)},
                    {"times_trained", loss.count}});
  }
  const nlohmann::ordered_json all = {
      {"faceset", faceset.path()},      {"active", ranking.active},
      {"ranked", ranking.faces.size()}, {"never_seen", ranking.never_seen},
      {"too_few", ranking.too_few},     {"min_seen", min_seen},
      {"median_loss", ranking.median},  {"worst", list}};
  std::cout << all.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << "\n";
}

void draw_sheet(const WorstArguments& a,
                const LossRanking& ranking,
                const std::vector<FaceLoss>& worst,
                const Faceset& faceset) {
  SheetStyle style;
  style.columns = a.columns;
  style.side = a.thumb;
  style.lines = 2;
  style.title = str(fs::path(faceset.path()).filename().string(), ": the ", worst.size(),
                    " worst learnt of ", ranking.faces.size(), " faces; median loss ",
                    format_number(ranking.median), ", x: times the median, f: frame");
  style.caption = [&](const Face& face, size_t i) -> std::vector<std::string> {
    char times[32];
    std::snprintf(times, sizeof times, "%.1fx", times_median(ranking, worst[i]));
    return {str("loss ", format_number(worst[i].mean), "  ", times),
            str("id ", face.id, "  f ", face.frame_index)};
  };
  std::vector<int64_t> ids;
  for (const FaceLoss& loss : worst) ids.push_back(loss.id);
  write_image(a.sheet, contact_sheet(faceset, ids, style));
  std::fprintf(stderr, "wrote %s: %zu faces\n", a.sheet.c_str(), ids.size());
}

int worst(const WorstArguments& a) {
  const FacesArguments& given = *a.faces;
  if (!a.sheet.empty()) check_picture_name(a.sheet);
  const Faceset faceset = open_faceset_to_read(faceset_path(given));
  const LossRanking ranking = rank_losses(faceset, given.min_seen);
  const std::vector<FaceLoss> faces = worst_of(ranking, a.most);
  if (given.json) {
    print_json(ranking, faces, faceset, given.min_seen);
  } else {
    print_list(ranking, faces, faceset);
    std::printf("%s; median loss %s\n", explain(ranking, given.min_seen).c_str(),
                format_number(ranking.median).c_str());
  }
  if (!a.sheet.empty()) draw_sheet(a, ranking, faces, faceset);
  return kExitOk;
}

}  // namespace

void add_worst_action(CLI::App& faces,
                      CommandChoice& choice,
                      const std::shared_ptr<FacesArguments>& given) {
  const auto a = std::make_shared<WorstArguments>();
  a->faces = given;
  CLI::App* command = add_faces_action(faces, choice, given, "worst",
                                       "the faces that training has learnt worst", nullptr);
  command->callback([a, &choice] { choice.run = [a] { return worst(*a); }; });
  command->add_option("-n,--most", a->most, "how many [50]")
      ->check(CLI::Range(int64_t{1}, int64_t{100000}))
      ->type_name("N");
  command->add_option("--sheet", a->sheet, "picture of them to write")->type_name("FILE");
  command->add_option("--columns", a->columns, "faces in a row of it [10]")
      ->check(CLI::Range(1, 100));
  command->add_option("--thumb", a->thumb, "pixels of a face in it [128]")
      ->check(CLI::Range(96, 512));
  command->add_option("--min-seen", given->min_seen, "leave out faces seen fewer times [16]")
      ->check(CLI::Range(int64_t{1}, int64_t{1000000000}))
      ->type_name("N");
  command->add_flag("--json", given->json, "as JSON");
  command->footer("Example: diptych faces worst me --side dst -n 50 --sheet worst.png");
}

}  // namespace diptych
