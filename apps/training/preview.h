// The preview: a few fixed faces of both sides through the network, as a picture for people.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include <opencv2/core.hpp>

#include "faces/sample/prepared_face.h"
#include "models/saehd/saehd.h"

namespace diptych {

// (N,R,R,3) f32 from pictures CV_8UC3 or CV_32FC3 in [0,1], all R x R; and sample i back as
// CV_32FC3 (or CV_32FC1 for one channel).
Tensor to_tensor(const std::vector<cv::Mat>& pictures);
cv::Mat from_tensor(const Tensor& tensor, int64_t sample);

// Pictures in rows and columns with a line of text over each column, CV_8UC3. Cells of `side`
// pixels; an empty Mat leaves its cell grey.
cv::Mat picture_grid(const std::vector<std::vector<cv::Mat>>& rows,
                     const std::vector<std::string>& titles,
                     int side);

class Preview {
 public:
  // Takes `rows` faces of each side, evenly spread in their order; the same faces every time.
  Preview(const std::vector<Face>& src,
          const std::vector<Face>& dst,
          const PrepareOptions& options,
          int rows);

  struct Pictures {
    cv::Mat plain;   // src | src again | dst | dst again | swap
    cv::Mat masked;  // the same inside the masks
  };

  // dtype: of the computation. Changes nothing in the network.
  Pictures render(const Saehd& network, DType dtype, const std::string& title) const;

 private:
  std::vector<PreparedFace> src_, dst_;
};

}  // namespace diptych
