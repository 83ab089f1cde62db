// A face made ready for sampling once.
// SPDX-License-Identifier: MIT
#include "faces/sample/prepared_face.h"

#include <algorithm>
#include <cmath>
#include <exception>

#include <opencv2/imgproc.hpp>

#include "faces/align/crop_matrix.h"
#include "faces/image/image.h"
#include "faces/mask/masks.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

constexpr int kSmallestPicture = 32;  // below, the eyes mask has an empty brush (samples.md 5.3)

// Decoded picture and masks at the stored size.
struct Stored {
  cv::Mat picture;     // CV_8UC3
  cv::Mat mask;        // CV_32FC1 [0,1]
  cv::Mat eyes_mouth;  // CV_32FC1 [0,1], empty when not asked
};

std::string trash_remedy(const Face& face) {
  return face.faceset.empty() ? "Move the face to the trash or extract it again"
                              : str("Put it into the trash: diptych faces trash ", face.faceset,
                                    " ", face.id, "; or extract again");
}

cv::Mat decode_blob(const Face& face,
                    const std::vector<uint8_t>& bytes,
                    const char* what,
                    ImageMode mode) {
  try {
    return decode_image(bytes, what, mode);
  } catch (const InputError&) {
    throw InputError(describe(face), str("its ", what, " is damaged: it cannot be decoded"),
                     trash_remedy(face));
  }
}

cv::Mat decode_picture(const Face& face) {
  const std::string name = describe(face);
  if (face.image.empty()) {
    throw InputError(name, "the faceset holds no picture of it",
                     "Load the faces with their pictures, or extract them again");
  }
  cv::Mat picture = decode_blob(face, face.image, "picture", ImageMode::kBgr);
  if (picture.cols != picture.rows || picture.cols < kSmallestPicture) {
    throw InputError(name,
                     str("the picture has ", picture.cols, "x", picture.rows,
                         " pixels; a square of at least ", kSmallestPicture, " is needed"),
                     "Move the face to the trash or extract it again at 256 or more");
  }
  return picture;
}

void check_type(const Face& face, FaceType wanted) {
  if (static_cast<int>(face.type) >= static_cast<int>(wanted)) return;
  throw InputError(describe(face),
                   str("it is cut as ", name_of(face.type), ", which is smaller than the ",
                       name_of(wanted), " that training asks for"),
                   str("Train with face type ", name_of(face.type), " or extract the faces as ",
                       name_of(wanted)));
}

cv::Mat decode_mask(const Face& face, int size, bool parity_dfl) {
  if (face.mask.empty()) return hull_mask(face.landmarks, {size, size}, face.eyebrow_factor);
  cv::Mat mask = decode_blob(face, face.mask, "mask", ImageMode::kGrey);
  mask.convertTo(mask, CV_32FC1, 1.0 / 255);
  if (mask.cols != size || mask.rows != size) {
    const int shrinking = mask.cols > size ? cv::INTER_AREA : cv::INTER_LINEAR;
    cv::resize(mask, mask, {size, size}, 0, 0, parity_dfl ? cv::INTER_CUBIC : shrinking);
    mask = cv::max(cv::min(mask, 1.0), 0.0);
  }
  return mask;
}

// Calls prepare() and names the face in whatever fails, for example landmarks that are not finite.
template <class Prepare>
auto naming_the_face(const Face& face, const Prepare& prepare) {
  try {
    return prepare();
  } catch (const InputError&) {
    throw;
  } catch (const std::exception& e) {
    throw InputError(describe(face), e.what(), trash_remedy(face));
  }
}

Stored decode(const Face& face, const PrepareOptions& options, bool parity_dfl) {
  check_type(face, options.face_type);
  Stored stored;
  stored.picture = decode_picture(face);
  const int size = stored.picture.cols;
  stored.mask = decode_mask(face, size, parity_dfl);
  if (options.eyes_mouth) {
    const cv::Mat soft = eyes_mouth_mask(face.landmarks, {size, size});
    if (parity_dfl) {
      soft.copyTo(stored.eyes_mouth, stored.mask != 0);  // fringes count as face
      if (stored.eyes_mouth.empty()) stored.eyes_mouth = cv::Mat::zeros(soft.size(), CV_32FC1);
    } else {
      stored.eyes_mouth = soft.mul(stored.mask);
    }
  }
  return stored;
}

// Stored picture -> wanted crop of R pixels; the identity of sizes is left to resize().
cv::Matx23d crop_of(const Face& face, const PrepareOptions& options) {
  return crop_matrix(face.landmarks, options.resolution, options.face_type);
}

// A crop whose pixels are averages over their area: k x k finer samples, each at most a stored
// pixel apart. Pixel x of the crop has its samples around k*x, hence the shift.
cv::Mat crop_area(
    const cv::Mat& image, const cv::Matx23d& matrix, int size, int flags, int border) {
  const double scale = std::hypot(matrix(0, 0), matrix(1, 0));
  const int k = std::clamp(static_cast<int>(std::ceil(1 / scale - 0.05)), 1, 16);
  cv::Matx23d fine = matrix * static_cast<double>(k);
  fine(0, 2) += 0.5 * (k - 1);
  fine(1, 2) += 0.5 * (k - 1);
  cv::Mat result;
  cv::warpAffine(image, result, fine, {k * size, k * size}, flags, border);
  if (k > 1) cv::resize(result, result, {size, size}, 0, 0, cv::INTER_AREA);
  return result;
}

cv::Mat resize_area(const cv::Mat& image, int size, int enlarging) {
  if (image.cols == size) return image.clone();
  cv::Mat result;
  cv::resize(image, result, {size, size}, 0, 0, image.cols > size ? cv::INTER_AREA : enlarging);
  return result;
}

cv::Mat cut_picture(const Face& face, const cv::Mat& picture, const PrepareOptions& options) {
  if (face.type == options.face_type) {
    return resize_area(picture, options.resolution, cv::INTER_CUBIC);
  }
  return crop_area(picture, crop_of(face, options), options.resolution, cv::INTER_CUBIC,
                   cv::BORDER_REPLICATE);
}

cv::Mat cut_mask(const Face& face, const cv::Mat& mask, const PrepareOptions& options) {
  if (mask.empty()) return {};
  cv::Mat bytes;
  mask.convertTo(bytes, CV_8UC1, 255);
  if (face.type == options.face_type) {
    return resize_area(bytes, options.resolution, cv::INTER_LINEAR);
  }
  return crop_area(bytes, crop_of(face, options), options.resolution, cv::INTER_LINEAR,
                   cv::BORDER_CONSTANT);
}

// One interpolation to R x R as the original does it.
cv::Mat cut_parity(const Face& face,
                   const cv::Mat& image,
                   const PrepareOptions& options,
                   int interpolation,
                   int border) {
  const cv::Size size(options.resolution, options.resolution);
  cv::Mat result;
  if (face.type != options.face_type) {
    cv::warpAffine(image, result, crop_of(face, options), size, interpolation, border);
  } else if (image.size() != size) {
    cv::resize(image, result, size, 0, 0, interpolation);
  } else {
    result = image;
  }
  return result;
}

}  // namespace

std::string describe(const Face& face) {
  return str(face.faceset, face.faceset.empty() ? "" : ": ", "face ", face.id,
             face.source_name.empty() ? "" : " (" + face.source_name + ")");
}

PreparedFace prepare_face(const Face& face, const PrepareOptions& options) {
  return naming_the_face(face, [&] {
    const Stored stored = decode(face, options, false);
    PreparedFace prepared;
    prepared.id = face.id;
    prepared.picture = cut_picture(face, stored.picture, options);
    prepared.masks =
        pad_masks(cut_mask(face, stored.mask, options), cut_mask(face, stored.eyes_mouth, options));
    return prepared;
  });
}

ParityFace prepare_face_parity(const Face& face, const PrepareOptions& options) {
  return naming_the_face(face, [&] {
    const Stored stored = decode(face, options, true);
    const auto cut = [&](const cv::Mat& image, int interpolation, int border) {
      return cut_parity(face, image, options, interpolation, border).clone();
    };
    cv::Mat picture;
    stored.picture.convertTo(picture, CV_32FC3, 1.0 / 255);
    ParityFace prepared;
    prepared.id = face.id;
    prepared.picture = cut(picture, cv::INTER_CUBIC, cv::BORDER_REPLICATE);
    prepared.mask = cut(stored.mask, cv::INTER_LINEAR, cv::BORDER_CONSTANT);
    if (options.eyes_mouth) {
      prepared.eyes_mouth = cut(stored.eyes_mouth, cv::INTER_LINEAR, cv::BORDER_CONSTANT);
    }
    return prepared;
  });
}

cv::Mat prepare_reference(const Face& face, const PrepareOptions& options, bool parity_dfl) {
  return naming_the_face(face, [&] {
    const cv::Mat picture = decode_picture(face);
    if (parity_dfl) {
      cv::Mat whole;
      cv::resize(picture, whole, {options.resolution, options.resolution}, 0, 0, cv::INTER_LINEAR);
      return whole;
    }
    if (static_cast<int>(face.type) < static_cast<int>(options.face_type)) {
      return resize_area(picture, options.resolution, cv::INTER_CUBIC);
    }
    return cut_picture(face, picture, options);
  });
}

}  // namespace diptych
