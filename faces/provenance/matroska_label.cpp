// The label as tags of a Matroska file.
// SPDX-License-Identifier: MIT
#include <memory>

#include "faces/image/file_io.h"
#include "faces/provenance/xmp_packet.h"
#include "faces/video/libav.h"

namespace diptych {

namespace {

constexpr char kSourceType[] = "DIGITAL_SOURCE_TYPE";
constexpr char kTool[] = "CREATOR_TOOL";
constexpr char kDescription[] = "DESCRIPTION";
constexpr char kAgain[] = "Write the video again";

struct OutputDeleter {
  void operator()(AVFormatContext* output) const {
    if (output->pb != nullptr) avio_closep(&output->pb);
    avformat_free_context(output);
  }
};

using OutputPtr = std::unique_ptr<AVFormatContext, OutputDeleter>;

std::string tag(const AVFormatContext& input, const char* key) {
  const AVDictionaryEntry* entry = av_dict_get(input.metadata, key, nullptr, 0);
  return entry != nullptr ? entry->value : "";
}

void copy_streams(const AVFormatContext& input, AVFormatContext& output) {
  for (unsigned i = 0; i < input.nb_streams; ++i) {
    const AVStream& from = *input.streams[i];
    AVStream* to = avformat_new_stream(&output, nullptr);
    DIPTYCH_CHECK(to != nullptr && avcodec_parameters_copy(to->codecpar, from.codecpar) >= 0,
                  "provenance: out of memory");
    to->codecpar->codec_tag = 0;
    to->time_base = from.time_base;
    to->avg_frame_rate = from.avg_frame_rate;
    to->sample_aspect_ratio = from.sample_aspect_ratio;
    to->disposition = from.disposition;
    av_dict_copy(&to->metadata, from.metadata, 0);
#if LIBAVFORMAT_VERSION_MAJOR < 61  // later versions keep side data in the parameters
    for (int s = 0; s < from.nb_side_data; ++s) {
      const AVPacketSideData& side = from.side_data[s];
      uint8_t* copy = av_stream_new_side_data(to, side.type, side.size);
      DIPTYCH_CHECK(copy != nullptr, "provenance: out of memory");
      std::copy(side.data, side.data + side.size, copy);
    }
#endif
  }
}

void copy_chapters(const AVFormatContext& input, AVFormatContext& output) {
  if (input.nb_chapters == 0) return;
  output.chapters =
      static_cast<AVChapter**>(av_calloc(input.nb_chapters, sizeof(*output.chapters)));
  DIPTYCH_CHECK(output.chapters != nullptr, "provenance: out of memory");
  for (unsigned i = 0; i < input.nb_chapters; ++i) {
    auto* chapter = static_cast<AVChapter*>(av_mallocz(sizeof(AVChapter)));
    DIPTYCH_CHECK(chapter != nullptr, "provenance: out of memory");
    *chapter = *input.chapters[i];
    chapter->metadata = nullptr;
    av_dict_copy(&chapter->metadata, input.chapters[i]->metadata, 0);
    output.chapters[output.nb_chapters++] = chapter;
  }
}

void copy_packets(const std::filesystem::path& file,
                  AVFormatContext& input,
                  AVFormatContext& output) {
  const PacketPtr packet = make_packet();
  for (;;) {
    const int got = av_read_frame(&input, packet.get());
    if (got == AVERROR(EAGAIN)) continue;
    if (got == AVERROR_EOF) return;
    if (got < 0) throw libav_error(file, "is cut off or damaged", got, kAgain);
    const int index = packet->stream_index;
    av_packet_rescale_ts(packet.get(), input.streams[index]->time_base,
                         output.streams[index]->time_base);
    packet->pos = -1;
    const int put = av_interleaved_write_frame(&output, packet.get());
    if (put < 0) throw libav_error(file, "cannot be labelled", put, kAgain);
  }
}

}  // namespace

std::vector<std::pair<std::string, std::string>> label_metadata(const Label& label) {
  return {{kSourceType, label.source_type}, {kTool, label.tool}, {kDescription, label.description}};
}

std::optional<Label> find_matroska_label(const std::filesystem::path& file) {
  const InputPtr input = open_media(file);
  Label label{tag(*input, kSourceType), tag(*input, kTool), tag(*input, kDescription)};
  if (label.source_type.empty()) return {};
  return label;
}

void put_matroska_label(const std::filesystem::path& file,
                        const std::filesystem::path& out,
                        const Label& label) {
  const InputPtr input = open_media(file);
  const std::string url = "file:" + out.string();
  AVFormatContext* raw = nullptr;
  const bool webm = tag(*input, "DOCTYPE") == "webm";
  const int made =
      avformat_alloc_output_context2(&raw, nullptr, webm ? "webm" : "matroska", url.c_str());
  DIPTYCH_CHECK(made >= 0, "provenance: this FFmpeg cannot write Matroska");
  const OutputPtr output(raw);
  copy_streams(*input, *output);
  copy_chapters(*input, *output);
  av_dict_copy(&output->metadata, input->metadata, 0);
  for (const auto& [key, value] : label_metadata(label)) {
    av_dict_set(&output->metadata, key.c_str(), value.c_str(), 0);
  }
  int code = avio_open(&output->pb, url.c_str(), AVIO_FLAG_WRITE);
  if (code < 0) throw libav_error(file, "cannot be labelled", code, "Check the folder");
  code = avformat_write_header(output.get(), nullptr);
  if (code < 0) throw libav_error(file, "cannot be labelled", code, kAgain);
  copy_packets(file, *input, *output);
  code = av_write_trailer(output.get());
  if (code >= 0) code = output->pb->error;
  const int closed = avio_closep(&output->pb);
  if (code >= 0) code = closed;
  if (code < 0) throw libav_error(file, "cannot be labelled", code, "Check the disk");
}

}  // namespace diptych
