// diptych export: the model as one file for DeepFaceLive and everything else that runs ONNX.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>

#include "apps/command_line.h"
#include "apps/exchange/opencv_check.h"
#include "apps/onnx/onnx_model.h"
#include "apps/pictures/contact_sheet.h"
#include "apps/project/open_faceset.h"
#include "apps/project/project.h"
#include "apps/terminal/progress.h"
#include "apps/terminal/stop_flag.h"
#include "apps/training/predictor.h"
#include "faces/image/file_io.h"
#include "faces/provenance/label.h"
#include "faces/sample/prepared_face.h"

namespace diptych {

namespace {

namespace fs = std::filesystem;

constexpr size_t kCheckedFaces = 50;
// Of a result in [0,1]. f32: other orders of summing. f16: the weights are rounded.
constexpr double kAllowedF32 = 1e-4, kAllowedF16 = 2e-2;

struct ExportArguments {
  std::string project, output, weights = "f32";
  bool force = false, no_check = false;

  bool f16() const { return weights == "f16"; }

  double allowed() const { return f16() ? kAllowedF16 : kAllowedF32; }
};

void refuse_output(const fs::path& path, bool force) {
  std::error_code error;
  if (path.extension() != ".dfm" && path.extension() != ".onnx") {
    throw InputError(path.string(), "ends neither in .dfm nor in .onnx",
                     "DeepFaceLive looks for files that end in .dfm: call it so");
  }
  if (!force && fs::exists(path, error))
    throw InputError(path.string(), "exists already", "Use --force to replace it");
}

std::vector<std::pair<std::string, std::string>> properties_of(const Safetensors& checkpoint,
                                                               FaceType type) {
  const Label label = synthetic_label();
  const Metadata& m = checkpoint.metadata();
  return {{"program", label.tool},
          {"archi", m.at("archi")},
          {"resolution", m.at("resolution")},
          {"iteration", m.at("iteration")},
          {"face_type", std::string(name_of(type))},
          {"outputs", "Synthetic. " + label.description + "; label them so"},
          {"digital_source_type", label.source_type}};
}

// Faces of dst, as the network sees them; a drawn pattern when there is none that fits.
std::vector<cv::Mat> pictures_to_check(const Project& project, FaceType type, int resolution) {
  std::vector<cv::Mat> pictures;
  std::error_code error;
  if (fs::exists(project.faces(Side::kDst), error)) {
    const Faceset faces = open_faceset_to_read(project.faces(Side::kDst));
    for (const int64_t id : spread(faces.ids(), kCheckedFaces)) {
      const Face face = faces.load(id);
      if (face.type < type) continue;
      pictures.push_back(prepare_face(face, {.resolution = resolution, .face_type = type}).picture);
    }
  }
  if (pictures.empty()) {
    cv::Mat noise(resolution, resolution, CV_8UC3);
    cv::RNG(1).fill(noise, cv::RNG::UNIFORM, 0, 256);
    pictures.push_back(noise);
  }
  return pictures;
}

struct CheckResult {
  size_t pictures = 0;
  double largest = 0;
  std::string impossible;  // why nothing could be checked
  bool stopped = false;
};

CheckResult check_file(const fs::path& file,
                       const fs::path& checkpoint,
                       const std::vector<cv::Mat>& pictures,
                       const StopFlag& stop) {
  CheckResult result;
  Progress progress("check", "faces", static_cast<int64_t>(pictures.size()));
  try {
    OpenCvCheck check(file, checkpoint);
    for (const cv::Mat& picture : pictures) {
      if (stop.requested()) {
        result.stopped = true;
        break;
      }
      result.largest = std::max(result.largest, check.difference(picture));
      progress.update(static_cast<int64_t>(++result.pictures));
    }
  } catch (const InputError&) {
    throw;
  } catch (const Error& e) {
    result.impossible = e.what();
  }
  progress.finish();
  return result;
}

void refuse_difference(const ExportArguments& a, const CheckResult& result) {
  if (!result.impossible.empty() || result.largest < a.allowed()) return;
  const std::string cause = str("gives other pictures in OpenCV than here: they differ by up to ",
                                result.largest, ", ", a.allowed(), " is allowed");
  if (a.f16()) {
    throw InputError(a.output, cause,
                     "This network needs more precise weights: export with --weights f32");
  }
  throw Error(
      str(a.output, ": ", cause, ". Nothing was written; --no-check writes it all the same"));
}

void report(const ExportArguments& a, const CheckResult& result) {
  if (a.no_check) {
    std::printf("not checked\n");
  } else if (!result.impossible.empty()) {
    std::printf("not checked: %s\n", result.impossible.c_str());
  } else {
    std::printf("checked %s %s in OpenCV %s: at most %.2g from our own network, %g allowed\n",
                format_count(static_cast<int64_t>(result.pictures)).c_str(),
                result.pictures == 1 ? "picture" : "pictures", CV_VERSION, result.largest,
                a.allowed());
  }
}

int export_project(const ExportArguments& a) {
  const Project project = Project::open(a.project);
  const fs::path path = a.output;
  refuse_output(path, a.force);
  const Safetensors checkpoint = open_checkpoint(project.checkpoint());
  const SaehdConfig network = read_saehd_config(checkpoint);
  const FaceType type =
      checkpoint_face_type(checkpoint, face_type_from(project.settings().word("train.face_type")));
  const OnnxOptions options = {.weights = a.f16() ? OnnxWeights::kF16 : OnnxWeights::kF32,
                               .version = DIPTYCH_VERSION,
                               .properties = properties_of(checkpoint, type)};
  check_onnx_size(network, options.weights, path.string());
  StopFlag stop;
  stop.set_messages("stopping after this face", "quit: nothing was written");
  PendingFile file(path);
  file.write(onnx_model(checkpoint, options));
  CheckResult result;
  if (!a.no_check) {
    const auto pictures = pictures_to_check(project, type, network.resolution);
    result = check_file(file.path(), project.checkpoint(), pictures, stop);
  }
  if (result.stopped) {
    std::printf("stopped: nothing was written\n");
    return kExitOk;
  }
  refuse_difference(a, result);
  const auto bytes = static_cast<double>(fs::file_size(file.path()));
  file.publish();
  std::printf("wrote %s: %s %d, %s at iteration %s, weights %s, %s\n", path.c_str(),
              network.archi().c_str(), network.resolution, std::string(name_of(type)).c_str(),
              checkpoint.metadata().at("iteration").c_str(), a.weights.c_str(),
              format_bytes(bytes).c_str());
  report(a, result);
  return kExitOk;
}

}  // namespace

void add_export_command(CLI::App& app, CommandChoice& choice) {
  const auto a = std::make_shared<ExportArguments>();
  CLI::App* command =
      app.add_subcommand("export", "write the model as a file for DeepFaceLive (.dfm, ONNX)");
  command->add_option("project", a->project, "project folder")->required()->type_name("PROJECT");
  command->add_option("-o,--output", a->output, "file to write, NAME.dfm")
      ->required()
      ->type_name("FILE");
  command->add_option("--weights", a->weights, "f32, or f16 for half the file [f32]")
      ->check(CLI::IsMember({"f32", "f16"}))
      ->type_name("WORD");
  command->add_flag("--no-check", a->no_check, "do not run the file in OpenCV before it appears");
  command->add_flag("--force", a->force, "replace the file when it exists");
  command->footer(
      "The file holds the network alone, ready to run anywhere; what it makes is synthetic: label "
      "it.\nExample: diptych export me -o me.dfm");
  command->callback([a, &choice] { choice.run = [a] { return export_project(*a); }; });
}

}  // namespace diptych
