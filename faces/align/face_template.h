// The mean face that alignment fits to: brows, nose, eyes and the corners of the mouth.
// SPDX-License-Identifier: MIT
#pragma once

namespace diptych {

// Template in the unit square for landmarks 17..48 and 54 (spec alignment.md 5.1).
inline constexpr int kFaceTemplateSize = 33;
inline constexpr double kFaceTemplate[kFaceTemplateSize][2] = {
    {0.000213256, 0.106454}, {0.0752622, 0.038915}, {0.18113, 0.0187482},  {0.29077, 0.0344891},
    {0.393397, 0.0773906},   {0.586856, 0.0773906}, {0.689483, 0.0344891}, {0.799124, 0.0187482},
    {0.904991, 0.038915},    {0.98004, 0.106454},   {0.490127, 0.203352},  {0.490127, 0.307009},
    {0.490127, 0.409805},    {0.490127, 0.515625},  {0.36688, 0.587326},   {0.426036, 0.609345},
    {0.490127, 0.628106},    {0.554217, 0.609345},  {0.613373, 0.587326},  {0.121737, 0.216423},
    {0.187122, 0.178758},    {0.265825, 0.179852},  {0.334606, 0.231733},  {0.260918, 0.245099},
    {0.182743, 0.244077},    {0.645647, 0.231733},  {0.714428, 0.179852},  {0.793132, 0.178758},
    {0.858516, 0.216423},    {0.79751, 0.244077},   {0.719335, 0.245099},  {0.254149, 0.780233},
    {0.726104, 0.780233}};

// Landmark that a row of the template stands for.
constexpr int face_template_landmark(int row) {
  return row < kFaceTemplateSize - 1 ? 17 + row : 54;
}

}  // namespace diptych
