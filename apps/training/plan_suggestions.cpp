// Suggestions of a plan.
// SPDX-License-Identifier: MIT
#include "apps/training/plan_suggestions.h"

#include <algorithm>
#include <utility>

#include "apps/training/timeline.h"
#include "apps/training/train_data.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

using Changes = std::vector<std::pair<std::string, std::string>>;  // key, value

// In the order of harm: the first costs time alone, the last make another network.
std::vector<Changes> memory_changes(const Settings& s) {
  std::vector<Changes> list;
  const bool f32 = s.word("train.dtype") == "f32";
  if (f32) list.push_back({{"dtype", "bf16"}});
  for (int64_t batch = s.integer("train.batch_size") / 2; batch >= 1; batch /= 2)
    list.push_back({{"batch_size", std::to_string(batch)}});
  if (f32 && s.integer("train.batch_size") > 1) {
    list.push_back(
        {{"dtype", "bf16"}, {"batch_size", std::to_string(s.integer("train.batch_size") / 2)}});
  }
  if (s.on("train.adabelief")) list.push_back({{"adabelief", "off"}});
  if (s.real("train.gan_power") > 0) list.push_back({{"gan_power", "0"}});
  list.push_back({{"batch_size", "1"}, {"dtype", "bf16"}, {"adabelief", "off"}});  // all of it
  const auto smaller = [&](const char* key, int64_t low, int64_t multiple) {
    const int64_t value = s.integer(std::string("train.") + key) * 3 / 4 / multiple * multiple;
    if (value >= low) list.push_back({{key, std::to_string(value)}});
  };
  smaller("d_dims", 16, 2);
  smaller("e_dims", 16, 2);
  smaller("ae_dims", 32, 1);
  smaller("resolution", 64, 32);
  return list;
}

std::string text_of(const Changes& changes) {
  std::string text;
  for (const auto& [key, value] : changes) text += (text.empty() ? "" : ", ") + key + " = " + value;
  return text;
}

void suggest_memory(const TrainPlan& plan, const Settings& settings, std::vector<Suggestion>& out) {
  bool batch_fits = false;
  for (const Changes& changes : memory_changes(settings)) {
    const bool batch = changes.size() == 1 && changes[0].first == "batch_size";
    if (batch && batch_fits) continue;  // a smaller one is no better
    Settings changed = settings;
    try {
      for (const auto& [key, value] : changes) changed.set("train." + key, value, "plan");
      changed.validate("plan");
    } catch (const InputError&) {
      continue;
    }
    const SaehdTrainOptions options = train_options(changed);
    Suggestion s{.change = text_of(changes)};
    s.total = plan.faces + plan.program + sampler_bytes(options, plan.threads) +
              static_cast<double>(foretell_memory(options, plan.threads).total());
    s.fits = s.total <= plan.memory_free;
    batch_fits |= batch && s.fits;
    out.push_back(s);
  }
}

void suggest_disk(const TrainPlan& plan, const Settings& settings, std::vector<Suggestion>& out) {
  const double spare = (plan.disk.free - 2 * plan.disk.checkpoint) / 1e9;
  std::vector<Changes> list = {{{"timeline_per_doubling", "1"}}, {{"timeline_hours", "0"}}};
  if (spare >= 1) {
    const auto most = static_cast<int64_t>(std::min(spare, 10000.0));
    list.insert(list.begin(), Changes{{"timeline_gb", std::to_string(most)}});
  }
  if (settings.on("train.adabelief")) list.push_back({{"adabelief", "off"}});
  for (const Changes& changes : list) {
    Settings changed = settings;
    for (const auto& [key, value] : changes) changed.set("train." + key, value, "plan");
    PlanDisk disk = plan.disk;
    if (changes[0].first == "adabelief") disk.checkpoint *= 2.0 / 3;
    plan_timeline(changed, disk);
    out.push_back({text_of(changes), disk.total, disk.fits(), true});
  }
}

}  // namespace

void plan_timeline(const Settings& s, PlanDisk& disk) {
  const double step = s.real("train.save_minutes") * 60;
  const ThinningSchedule schedule{
      .keep_seconds = s.real("train.timeline_hours") * 3600,
      .per_doubling = static_cast<int>(s.integer("train.timeline_per_doubling")),
      .most_bytes = static_cast<uint64_t>(s.real("train.timeline_gb") * 1e9)};
  std::vector<ThinningPoint> points;
  disk.kept = 0;
  for (double now = step; schedule.keep_seconds > 0 && now <= disk.hours * 3600; now += step) {
    points.push_back({now, static_cast<uint64_t>(disk.checkpoint)});
    std::vector<size_t> gone = choose_to_thin(points, now, schedule);
    for (; !gone.empty(); gone.pop_back())
      points.erase(points.begin() + static_cast<std::ptrdiff_t>(gone.back()));
    disk.kept = std::max(disk.kept, static_cast<int64_t>(points.size()));
  }
  // The newest state is the checkpoint itself, the one before it .prev; one more while saving.
  disk.total = static_cast<double>(std::max<int64_t>(disk.kept, 2) + 1) * disk.checkpoint;
}

std::vector<Suggestion> suggest(const TrainPlan& plan, const Settings& settings) {
  std::vector<Suggestion> list;
  if (!plan.fits()) suggest_memory(plan, settings, list);
  if (!plan.disk.fits()) suggest_disk(plan, settings, list);
  std::stable_sort(list.begin(), list.end(), [](const Suggestion& a, const Suggestion& b) {
    if (a.fits != b.fits) return a.fits;
    return !a.fits && a.total < b.total;
  });
  return list;
}

}  // namespace diptych
