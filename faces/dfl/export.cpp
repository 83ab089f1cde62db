// Exporting faces to DeepFaceLab.
// SPDX-License-Identifier: MIT
#include <cerrno>
#include <cstdlib>
#include <set>

#include "faces/dfl/convert.h"
#include "faces/dfl/jpeg_metadata.h"
#include "faces/dfl/transfer.h"
#include "kernels/common/check.h"

namespace diptych {

namespace fs = std::filesystem;

namespace {

// "00012_0.jpg": frame and place in it; the next free place when frames share a name.
class FileNames {
 public:
  std::string next(const std::string& frame) {
    const std::string stem = FrameNames::stem_of(frame);
    for (;;) {
      std::string name = str(stem, '_', counts_[stem]++, ".jpg");
      if (used_.insert(name).second) return name;
    }
  }

 private:
  std::map<std::string, int> counts_;
  std::set<std::string> used_;
};

struct Written {
  std::string name;
  std::string person;
  int size = 0;
  std::vector<uint8_t> jpeg;
  DflMetadata metadata;
};

// Hands every face to `put` as the file it becomes.
template <class Put>
void for_each_file(const Faceset& faces,
                   const std::vector<int64_t>& ids,
                   const DflExportOptions& options,
                   const Put& put) {
  FileNames names;
  int64_t done = 0;
  for (const int64_t id : ids) {
    const Face face = faces.load(id);
    Written file;
    const std::string what = str(faces.path(), ", face ", id);
    try {
      file.jpeg = dfl_jpeg_of(face, what);
    } catch (const InputError&) {
      throw;
    } catch (const Error& e) {
      throw InputError(what, e.what(), "Put it into the trash, or extract it again");
    }
    file.metadata = read_dfl_metadata(file.jpeg, what).value();
    file.name = names.next(file.metadata.source_filename);
    file.person = dfl_extra_of(face).person;
    file.size = face.size;
    put(file);
    if (options.progress) options.progress(++done, static_cast<int64_t>(ids.size()));
  }
}

void export_pak(const Faceset& faces,
                const std::vector<int64_t>& ids,
                const fs::path& target,
                const DflExportOptions& options) {
  std::error_code error;
  if (fs::exists(target, error))
    throw InputError(target.string(), "exists already", "Choose another name or remove it");
  DflPakWriter pak(target);
  for_each_file(faces, ids, options,
                [&](const Written& f) { pak.add(f.name, f.person, f.metadata, f.size, f.jpeg); });
  pak.finish();
}

// A folder beside the target that becomes it when everything is in it.
class FolderAside {
 public:
  explicit FolderAside(const fs::path& target) : target_(target) {
    std::error_code error;
    if (fs::exists(target, error) &&
        !(fs::is_directory(target, error) && fs::is_empty(target, error)))
      throw InputError(target.string(), "exists and is not an empty folder",
                       "Choose another folder");
    const fs::path plain = target.has_filename() ? target : target.parent_path();
    target_ = plain;
    std::string pattern = plain.string() + ".part-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw file_error(plain, "cannot be made", errno);
    path_ = pattern;
    fs::permissions(path_, fs::perms(0755), error);
  }

  FolderAside(const FolderAside&) = delete;
  FolderAside& operator=(const FolderAside&) = delete;

  ~FolderAside() {
    std::error_code ignored;
    if (!published_) fs::remove_all(path_, ignored);
  }

  const fs::path& path() const { return path_; }

  void publish() {
    std::error_code error;
    fs::rename(path_, target_, error);  // replaces an empty folder
    if (error) throw file_error(target_, "cannot be written", error.value());
    published_ = true;
  }

 private:
  fs::path target_, path_;
  bool published_ = false;
};

void write_plain(const fs::path& file, std::span<const uint8_t> bytes) {
  std::ofstream out(file, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) throw file_error(file, "cannot be written", errno);
}

void export_folder(const Faceset& faces,
                   const std::vector<int64_t>& ids,
                   const fs::path& target,
                   const DflExportOptions& options) {
  FolderAside folder(target);
  std::map<std::string, DflSavedFace> saved;
  for_each_file(faces, ids, options, [&](const Written& f) {
    write_plain(folder.path() / f.name, f.jpeg);
    if (options.meta_dat) saved[f.name] = {{f.size, f.size}, f.metadata};
  });
  if (options.meta_dat) write_meta_dat(folder.path() / "meta.dat", saved);
  folder.publish();
}

}  // namespace

void export_dfl(const Faceset& faces,
                const std::vector<int64_t>& ids,
                const fs::path& target,
                const DflExportOptions& options) {
  if (ids.empty()) throw InputError(faces.path(), "holds no such face", "Choose other ids");
  if (target.extension() == ".pak") {
    export_pak(faces, ids, target, options);
  } else {
    export_folder(faces, ids, target, options);
  }
}

}  // namespace diptych
