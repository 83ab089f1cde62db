// diptych doctor: what this machine offers, what is missing and how to get it.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <thread>

#include <cpuid.h>
#include <dlfcn.h>
#include <opencv2/core/version.hpp>

#ifdef DIPTYCH_HAVE_ONEDNN
#include <dnnl.h>
#endif

#include "apps/command_line.h"
#include "apps/doctor.h"
#include "apps/terminal/progress.h"
#include "faces/detect/dlib_detect.h"
#include "faces/video/libav.h"
#include "kernels/common/check.h"
#include "kernels/common/device.h"
#include "kernels/common/stream.h"

namespace diptych {

namespace fs = std::filesystem;

namespace {

Finding good(const std::string& what, const std::string& state) {
  return {Finding::Level::kGood, what, state, ""};
}

Finding note(const std::string& what, const std::string& state, const std::string& remedy) {
  return {Finding::Level::kNote, what, state, remedy};
}

Finding bad(const std::string& what, const std::string& state, const std::string& remedy) {
  return {Finding::Level::kBad, what, state, remedy};
}

// Leaf 7: EDX bit 22 AMX-BF16, bit 24 AMX-TILE (Intel SDM volume 2, CPUID).
bool has_amx_bf16() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d >> 22 & 1) != 0 && (d >> 24 & 1) != 0;
}

std::string first_match(const char* file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(key, 0) != 0) continue;
    const size_t at = line.find_first_not_of(" \t:", key.size());
    return at == std::string::npos ? "" : line.substr(at);
  }
  return "";
}

void add_machine(std::vector<Finding>& list) {
  const std::string name = first_match("/proc/cpuinfo", "model name");
  list.push_back(
      good("processor", str(name.empty() ? "unknown" : name, ", ",
                            std::max(1u, std::thread::hardware_concurrency()), " threads")));
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") != 0;
  const bool avx512 = __builtin_cpu_supports("avx512f") != 0;
  const bool amx = has_amx_bf16();
  const std::string vectors = str("AVX2 ", avx2 ? "yes" : "no", ", AVX-512 ", avx512 ? "yes" : "no",
                                  ", AMX bf16 ", amx ? "yes" : "no");
  if (!avx2) {
    list.push_back(
        note("vectors", vectors, "Training will be several times slower than with AVX2"));
  } else {
    list.push_back(good("vectors", vectors));
  }
  if (!amx) {
    list.push_back(note("bf16", "this processor computes bf16 no faster than f32",
                        "Keep dtype = f32, the default"));
  } else {
    list.push_back(good("bf16", "fast here: try --dtype bf16"));
  }
  const double total = std::atof(first_match("/proc/meminfo", "MemTotal").c_str()) * 1024;
  const double free = std::atof(first_match("/proc/meminfo", "MemAvailable").c_str()) * 1024;
  const std::string memory = format_bytes(free) + " free of " + format_bytes(total);
  if (free < 4.0 * (1ull << 30)) {
    list.push_back(
        note("memory", memory, "Use a smaller batch_size or resolution, or close programs"));
  } else {
    list.push_back(good("memory", memory));
  }
}

void add_disk(std::vector<Finding>& list, const fs::path& place) {
  std::error_code error;
  const fs::space_info space = fs::space(place, error);
  if (error) {
    list.push_back(bad("disk", place.string() + ": " + error.message(), "Check the path"));
    return;
  }
  const std::string state = format_bytes(static_cast<double>(space.available)) + " free at " +
                            fs::absolute(place).lexically_normal().string();
  if (space.available < (5ull << 30)) {
    list.push_back(note("disk", state, "A project needs a few GiB: free some space"));
  } else {
    list.push_back(good("disk", state));
  }
}

void add_libraries(std::vector<Finding>& list) {
#ifdef DIPTYCH_HAVE_ONEDNN
  const dnnl_version_t* v = dnnl_version();
  list.push_back(good("oneDNN", str(v->major, ".", v->minor, ".", v->patch)));
#else
  list.push_back(note("oneDNN", "this program was built without it",
                      "Install libdnnl-dev and build again: training is then much faster"));
#endif
  list.push_back(good("OpenCV", CV_VERSION));
  quiet_libav();
  const std::string version = av_version_info();
  if (avcodec_find_encoder_by_name("libx264") != nullptr) {
    list.push_back(good("FFmpeg", version + ", H.264 encoder libx264"));
  } else {
    list.push_back(bad("FFmpeg", version + " without the H.264 encoder libx264",
                       "Install an FFmpeg with libx264 (Debian: libavcodec-extra)"));
  }
}

void add_landmark_model(std::vector<Finding>& list) {
  std::error_code error;
  const fs::path file = default_landmark_model();
  if (!fs::is_regular_file(file, error)) {
    list.push_back(
        bad("landmarks", file.string() + " was not found",
            "Install the package libdlib-data, or set DIPTYCH_LANDMARK_MODEL to the file"));
    return;
  }
  list.push_back(good("landmarks", file.string()));
  list.push_back(
      note("landmarks", "the model was trained on iBUG 300-W: non-commercial use only",
           "For commercial work ask Imperial College London, or use a model of your own"));
}

bool can_load(const char* library) {
  void* handle = ::dlopen(library, RTLD_LAZY | RTLD_LOCAL);
  if (handle != nullptr) ::dlclose(handle);
  return handle != nullptr;
}

void add_gpu(std::vector<Finding>& list) {
  std::error_code error;
  const bool device = fs::exists("/dev/nvidia0", error);
  const bool driver = can_load("libcuda.so.1");
  std::string nvcc;
  std::vector<fs::path> folders = {"/usr/local/cuda/bin"};
  if (const char* path = std::getenv("PATH")) {
    std::istringstream split(path);
    for (std::string folder; std::getline(split, folder, ':');) folders.emplace_back(folder);
  }
  for (const fs::path& folder : folders) {
    if (nvcc.empty() && fs::exists(folder / "nvcc", error)) nvcc = (folder / "nvcc").string();
  }
  list.push_back(nvcc.empty() ? note("CUDA toolkit", "not found (no nvcc)",
                                     "Not needed on the CPU; nvidia.com/cuda has it")
                              : good("CUDA toolkit", nvcc));
  if (device && driver) {
    list.push_back(good("GPU", "NVIDIA device and driver found"));
  } else {
    list.push_back(note("GPU",
                        device ? "NVIDIA device without driver (libcuda.so.1)" : "none found",
                        "Training runs on the CPU"));
  }
}

void add_engines(std::vector<Finding>& list) {
  if (device_engine() == Engine::kSim) {
    list.push_back(good("engines", "cpu; sim (GPU code on this processor, to study it)"));
    return;
  }
  const std::string trouble = device::trouble();
  if (!trouble.empty()) {
    list.push_back(note("engines", "cpu; " + trouble, "Training runs on the CPU"));
    return;
  }
  const DeviceInfo& gpu = device::info();
  list.push_back(good("engines", str("cpu; cuda on ", gpu.name, ", sm_", gpu.chip, ", ",
                                     format_bytes(static_cast<double>(gpu.free_bytes)), " free of ",
                                     format_bytes(static_cast<double>(gpu.total_bytes)))));
}

int doctor(const std::string& place) {
  const std::vector<Finding> findings = examine(place);
  int bad_count = 0;
  for (const Finding& f : findings) {
    const char* const marks[] = {"ok  ", "note", "BAD "};
    std::printf("%s  %-13s %s\n", marks[static_cast<int>(f.level)], f.what.c_str(),
                f.state.c_str());
    if (!f.remedy.empty()) std::printf("      %-13s -> %s\n", "", f.remedy.c_str());
    bad_count += f.level == Finding::Level::kBad ? 1 : 0;
  }
  std::printf(bad_count == 0 ? "everything needed is here\n" : "%d things to mend\n", bad_count);
  return bad_count == 0 ? kExitOk : kExitUser;
}

}  // namespace

std::vector<Finding> examine(const fs::path& place) {
  std::vector<Finding> list;
  add_machine(list);
  add_disk(list, place);
  add_libraries(list);
  add_landmark_model(list);
  add_gpu(list);
  add_engines(list);
  return list;
}

void add_doctor_command(CLI::App& app, CommandChoice& choice) {
  auto place = std::make_shared<std::string>(".");
  CLI::App* command =
      app.add_subcommand("doctor", "check this machine: what is there, what is missing");
  command->add_option("folder", *place, "where projects will lie, for the disk space [.]")
      ->type_name("FOLDER");
  command->callback([place, &choice] { choice.run = [place] { return doctor(*place); }; });
}

}  // namespace diptych
