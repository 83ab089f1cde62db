// A reader for the subset of JSON that safetensors headers use: objects, strings, arrays of
// non-negative integers.
// SPDX-License-Identifier: MIT
#include "tensor/safetensors_header.h"

#include <algorithm>
#include <cctype>

namespace diptych {

namespace {

class Reader {
 public:
  explicit Reader(const std::string& text) : text_(text) {}

  void expect(char c) {
    skip_blanks();
    DIPTYCH_CHECK(at_ < text_.size() && text_[at_] == c, "header: expected '", c, "' at byte ",
                  at_);
    ++at_;
  }

  bool accept(char c) {
    skip_blanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool at_end() {
    skip_blanks();
    return at_ >= text_.size();
  }

  std::string string() {
    expect('"');
    std::string out;
    while (true) {
      DIPTYCH_CHECK(at_ < text_.size(), "header: string without end");
      const char c = text_[at_++];
      if (c == '"') return out;
      if (c != '\\') {
        out += c;
        continue;
      }
      DIPTYCH_CHECK(at_ < text_.size(), "header: string without end");
      escape(text_[at_++], out);
    }
  }

  uint64_t integer() {
    skip_blanks();
    DIPTYCH_CHECK(at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])),
                  "header: expected a number at byte ", at_);
    uint64_t value = 0;
    while (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_]))) {
      DIPTYCH_CHECK(value < (uint64_t{1} << 58), "header: number too large at byte ", at_);
      value = value * 10 + static_cast<uint64_t>(text_[at_++] - '0');
    }
    return value;
  }

  std::vector<uint64_t> integers() {
    std::vector<uint64_t> values;
    expect('[');
    if (accept(']')) return values;
    do {
      values.push_back(integer());
      DIPTYCH_CHECK(values.size() <= 64, "header: array too long at byte ", at_);
    } while (accept(','));
    expect(']');
    return values;
  }

 private:
  void skip_blanks() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) {
      ++at_;
    }
  }

  void escape(char c, std::string& out) {
    switch (c) {
      case '"':
      case '\\':
      case '/':
        out += c;
        return;
      case 'n':
        out += '\n';
        return;
      case 't':
        out += '\t';
        return;
      case 'r':
        out += '\r';
        return;
      case 'b':
        out += '\b';
        return;
      case 'f':
        out += '\f';
        return;
      case 'u':
        utf8(code_point(), out);
        return;
      default:
        throw Error(str("header: unknown escape at byte ", at_));
    }
  }

  uint32_t hex4() {
    DIPTYCH_CHECK(at_ + 4 <= text_.size(), "header: string without end");
    uint32_t code = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = text_[at_++];
      DIPTYCH_CHECK(std::isxdigit(static_cast<unsigned char>(c)), "header: bad \\u escape at byte ",
                    at_);
      code = code * 16 + static_cast<uint32_t>(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    return code;
  }

  uint32_t code_point() {
    const uint32_t code = hex4();
    if (code < 0xD800 || code > 0xDFFF) return code;
    DIPTYCH_CHECK(code < 0xDC00 && text_.compare(at_, 2, "\\u") == 0,
                  "header: lone surrogate at byte ", at_);
    at_ += 2;
    const uint32_t low = hex4();
    DIPTYCH_CHECK(low >= 0xDC00 && low <= 0xDFFF, "header: lone surrogate at byte ", at_);
    return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }

  static void utf8(uint32_t code, std::string& out) {
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xC0 | (code >> 6));
      out += static_cast<char>(0x80 | (code & 63));
    } else if (code < 0x10000) {
      out += static_cast<char>(0xE0 | (code >> 12));
      out += static_cast<char>(0x80 | ((code >> 6) & 63));
      out += static_cast<char>(0x80 | (code & 63));
    } else {
      out += static_cast<char>(0xF0 | (code >> 18));
      out += static_cast<char>(0x80 | ((code >> 12) & 63));
      out += static_cast<char>(0x80 | ((code >> 6) & 63));
      out += static_cast<char>(0x80 | (code & 63));
    }
  }

  const std::string& text_;
  size_t at_ = 0;
};

Shape to_shape(const std::vector<uint64_t>& sizes, const std::string& name) {
  DIPTYCH_CHECK(sizes.size() <= Shape::kMaxRank, "header: tensor ", name, " has rank ",
                sizes.size());
  // A size of 0 does not make up for the others: products of some of them are taken too.
  constexpr uint64_t kMost = uint64_t{1} << 44;
  uint64_t product = 1;
  for (const uint64_t size : sizes) {
    DIPTYCH_CHECK(size < kMost / product, "header: tensor ", name, " is too large");
    product *= std::max<uint64_t>(size, 1);
  }
  const auto at = [&](size_t i) { return static_cast<int64_t>(sizes[i]); };
  switch (sizes.size()) {
    case 0:
      return {};
    case 1:
      return {at(0)};
    case 2:
      return {at(0), at(1)};
    case 3:
      return {at(0), at(1), at(2)};
    default:
      return {at(0), at(1), at(2), at(3)};
  }
}

Safetensors::Entry read_entry(Reader& in, const std::string& name) {
  Safetensors::Entry entry;
  int seen = 0;
  in.expect('{');
  do {
    const std::string key = in.string();
    in.expect(':');
    if (key == "dtype") {
      const std::string dtype = in.string();
      DIPTYCH_CHECK(dtype == "F32" || dtype == "BF16", "header: tensor ", name, " has dtype ",
                    dtype, "; F32 and BF16 are read");
      entry.dtype = dtype == "F32" ? DType::kF32 : DType::kBF16;
      seen |= 1;
    } else if (key == "shape") {
      entry.shape = to_shape(in.integers(), name);
      seen |= 2;
    } else if (key == "data_offsets") {
      const std::vector<uint64_t> offsets = in.integers();
      DIPTYCH_CHECK(offsets.size() == 2, "header: tensor ", name, " has ", offsets.size(),
                    " offsets");
      entry.begin = offsets[0];
      entry.end = offsets[1];
      seen |= 4;
    } else {
      throw Error(str("header: unknown key ", key, " of tensor ", name));
    }
  } while (in.accept(','));
  in.expect('}');
  DIPTYCH_CHECK(seen == 7, "header: tensor ", name, " lacks dtype, shape or data_offsets");
  return entry;
}

std::string quoted(const std::string& text) {
  static const char* const kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += kHex[(c >> 4) & 15];
      out += kHex[c & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace

void parse_safetensors_header(const std::string& text,
                              std::map<std::string, Safetensors::Entry>& entries,
                              Metadata& metadata) {
  Reader in(text);
  in.expect('{');
  if (!in.accept('}')) {
    do {
      const std::string name = in.string();
      in.expect(':');
      if (name == "__metadata__") {
        in.expect('{');
        if (in.accept('}')) continue;
        do {
          const std::string key = in.string();
          in.expect(':');
          metadata[key] = in.string();
        } while (in.accept(','));
        in.expect('}');
      } else {
        DIPTYCH_CHECK(entries.emplace(name, read_entry(in, name)).second, "header: tensor ", name,
                      " stands twice");
      }
    } while (in.accept(','));
    in.expect('}');
  }
  DIPTYCH_CHECK(in.at_end(), "header: text after the closing brace");
}

std::string make_safetensors_header(const std::vector<NamedView>& tensors,
                                    const Metadata& metadata) {
  std::string text = "{\"__metadata__\":{";
  bool first = true;
  for (const auto& [key, value] : metadata) {
    text += (first ? "" : ",") + quoted(key) + ":" + quoted(value);
    first = false;
  }
  text += "}";
  uint64_t offset = 0;
  for (const NamedView& t : tensors) {
    const uint64_t end =
        offset + static_cast<uint64_t>(t.view.shape.numel()) * size_of(t.view.dtype);
    text += "," + quoted(t.name) + ":{\"dtype\":\"" +
            (t.view.dtype == DType::kF32 ? "F32" : "BF16") + "\",\"shape\":[";
    for (int i = 0; i < t.view.shape.rank(); ++i) {
      text += (i ? "," : "") + std::to_string(t.view.shape[i]);
    }
    text += "],\"data_offsets\":[" + std::to_string(offset) + "," + std::to_string(end) + "]}";
    offset = end;
  }
  text += "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace diptych
