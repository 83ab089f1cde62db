// Milliseconds of merging one frame on one thread, whole and by stage.
// SPDX-License-Identifier: MIT
#include <string>

#include <benchmark/benchmark.h>

#include "faces/merge/composite.h"
#include "faces/merge/face_colour.h"
#include "faces/merge/face_layer.h"
#include "faces/merge/face_mask.h"
#include "faces/merge/resample.h"
#include "faces/merge/test_scene.h"

namespace diptych {
namespace {

// Frame size, side of the whole_face crop in it, resolution of the model.
struct Case {
  const char* name;
  int width, height;
  double side;
  int resolution;
};

constexpr Case kCases[] = {{"512x512_R64", 512, 512, 420, 64},
                           {"512x512_R128", 512, 512, 420, 128},
                           {"640x360_R128", 640, 360, 300, 128},
                           {"640x360_R256", 640, 360, 300, 256},
                           {"1920x1080_R256", 1920, 1080, 700, 256}};

// Everything that a stage needs, prepared outside the timed loop.
struct Prepared {
  explicit Prepared(const Case& c)
      : frame(wave_frame(c.width, c.height)),
        target{c.resolution, FaceType::kWhole},
        face{landmarks_at(c.width / 2.0, c.height * 0.52, c.side, 6), {}, {}} {
    cv::setNumThreads(1);
    face.crop = crop_for_network(frame, face.landmarks, c.resolution, target.type);
    face.prediction = tinted_predictor({1.1, 0.9, 1}, {0, 0.05, 0})(face.crop);
    matrix = crop_matrix(face.landmarks, c.resolution, target.type);
    roi = reach_of_crop(matrix, c.resolution, frame.size());
    grid = mask_on_grid(frame, face, target, options);
    layer = make_layer(frame, face, target, options);
    cv::resize(grid, local, face.crop.size(), 0, 0, cv::INTER_AREA);
    local = local > 1.0 / 255;
  }

  cv::Mat frame;
  MergeTarget target;
  PredictedFace face;
  MergeOptions options;
  cv::Matx23d matrix;
  cv::Rect roi;
  cv::Mat grid, local;
  FaceLayer layer;
};

template <class Body>
void add(const std::string& stage, const Case& c, Body body) {
  benchmark::RegisterBenchmark((stage + "/" + c.name).c_str(), [c, body](benchmark::State& state) {
    Prepared p(c);
    for (auto _ : state) body(p);
  })->Unit(benchmark::kMillisecond);
}

void add_stages(const Case& c) {
  add("crop", c, [](Prepared& p) {
    benchmark::DoNotOptimize(
        crop_for_network(p.frame, p.face.landmarks, p.target.resolution, p.target.type));
  });
  add("mask_shape", c, [](Prepared& p) {
    benchmark::DoNotOptimize(mask_on_grid(p.frame, p.face, p.target, p.options));
  });
  add("mask_in_frame", c, [](Prepared& p) {
    benchmark::DoNotOptimize(mask_in_frame(p.grid, p.matrix, p.target.resolution, p.roi));
  });
  add("colour_rct", c, [](Prepared& p) {
    benchmark::DoNotOptimize(
        transfer_colours("rct", p.face.prediction.face, p.face.crop, p.local, false));
  });
  add("paste", c, [](Prepared& p) {
    benchmark::DoNotOptimize(
        sample_back(p.face.prediction.face, p.matrix, p.layer.roi, Outside::kReplicate, true));
  });
  add("blend", c, [](Prepared& p) {
    Canvas canvas(p.frame, p.frame, false);
    canvas.add(p.layer);
    benchmark::DoNotOptimize(canvas.finish());
  });
}

void add_merge(const std::string& name, const Case& c, const MergeOptions& options) {
  add(name, c, [options](Prepared& p) {
    benchmark::DoNotOptimize(
        merge_predicted(p.frame, {p.face}, p.target.resolution, p.target.type, options));
  });
}

}  // namespace
}  // namespace diptych

int main(int argc, char** argv) {
  using namespace diptych;
  for (const Case& c : kCases) {
    add_stages(c);
    MergeOptions shaped, seamless, parity;
    shaped.erode = 16;
    shaped.blur = 40;
    seamless.mode = MergeMode::kSeamless;
    parity.parity_dfl = true;
    add_merge("merge", c, {});
    add_merge("merge_shaped", c, shaped);
    add_merge("merge_seamless", c, seamless);
    add_merge("merge_parity", c, parity);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
