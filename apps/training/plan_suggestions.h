// What to change when a plan does not fit, each change with what it would take then.
// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "apps/training/train_plan.h"

namespace diptych {

// The most states that the timeline holds in disk.hours of training, and the total with them.
void plan_timeline(const Settings& settings, PlanDisk& disk);

// For memory and for disk, whichever does not fit; what fits first, the least harm first among
// these, then the smallest total. Empty when all fits.
std::vector<Suggestion> suggest(const TrainPlan& plan, const Settings& settings);

}  // namespace diptych
