// Reads and builds XMP packets through exempi.
// SPDX-License-Identifier: MIT
#include "faces/provenance/xmp_packet.h"

#include <memory>
#include <mutex>

#include <exempi/xmp.h>
#include <exempi/xmpconsts.h>

#include "kernels/common/check.h"

namespace diptych {

namespace {

constexpr char kIptcExt[] = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/";

struct XmpDeleter {
  void operator()(_Xmp* p) const { xmp_free(p); }

  void operator()(_XmpString* p) const { xmp_string_free(p); }
};

using Xmp = std::unique_ptr<_Xmp, XmpDeleter>;
using XmpText = std::unique_ptr<_XmpString, XmpDeleter>;

// The XMP toolkit is a set of globals: one thread at a time.
std::unique_lock<std::mutex> enter_toolkit() {
  static std::mutex mutex;
  std::unique_lock<std::mutex> lock(mutex);
  static const bool ready = [] {
    const XmpText prefix(xmp_string_new());
    return xmp_init() && xmp_register_namespace(kIptcExt, "Iptc4xmpExt", prefix.get());
  }();
  DIPTYCH_CHECK(ready, "provenance: the XMP toolkit does not start");
  return lock;
}

// Null when the text is not an XMP packet.
Xmp parse(const std::string& packet) {
  Xmp xmp(xmp_new_empty());
  DIPTYCH_CHECK(xmp != nullptr, "provenance: out of memory");
  if (!packet.empty() && !xmp_parse(xmp.get(), packet.data(), packet.size())) return nullptr;
  return xmp;
}

std::string text_of(const XmpText& text) {
  return {xmp_string_cstr(text.get()), xmp_string_len(text.get())};
}

std::string property(const Xmp& xmp, const char* schema, const char* name) {
  const XmpText text(xmp_string_new());
  return xmp_get_property(xmp.get(), schema, name, text.get(), nullptr) ? text_of(text)
                                                                        : std::string();
}

void set(bool done, const char* what, const std::string& value) {
  DIPTYCH_CHECK(done, "provenance: ", what, " cannot be written as XMP: '", value, "', error ",
                xmp_get_error());
}

}  // namespace

std::string packet_with_label(const std::string& existing, const Label& label) {
  const auto lock = enter_toolkit();
  Xmp xmp = parse(existing);
  if (xmp == nullptr) xmp = parse({});
  set(xmp_set_property(xmp.get(), kIptcExt, "DigitalSourceType", label.source_type.c_str(), 0),
      "the source type", label.source_type);
  set(xmp_set_property(xmp.get(), NS_XAP, "CreatorTool", label.tool.c_str(), 0), "the tool",
      label.tool);
  set(xmp_set_localized_text(xmp.get(), NS_DC, "description", "", "x-default",
                             label.description.c_str(), 0),
      "the description", label.description);
  const XmpText text(xmp_string_new());
  set(xmp_serialize(xmp.get(), text.get(), XMP_SERIAL_USECOMPACTFORMAT, 0), "the packet", "");
  return text_of(text);
}

std::optional<Label> label_of_packet(const std::string& packet, const std::string& name) {
  const auto lock = enter_toolkit();
  const Xmp xmp = parse(packet);
  if (xmp == nullptr) {
    throw InputError(name, "its XMP metadata is damaged", "Label the file again");
  }
  Label label;
  label.source_type = property(xmp, kIptcExt, "DigitalSourceType");
  if (label.source_type.empty()) return {};
  label.tool = property(xmp, NS_XAP, "CreatorTool");
  const XmpText text(xmp_string_new());
  if (xmp_get_localized_text(xmp.get(), NS_DC, "description", "", "x-default", nullptr, text.get(),
                             nullptr)) {
    label.description = text_of(text);
  }
  return label;
}

}  // namespace diptych
