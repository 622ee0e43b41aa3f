#include "offload_forecast.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <new>

#include "offload/page.h"
#include "report/json_writer.h"
#include "report/table.h"

namespace fvtrace {
namespace {

using fvhooks::Expected;
using fvhooks::internal::JsonWriter;

std::string size_text(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "kB", "MB", "GB", "TB"};
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; size >= 999.5 && unit + 1 < kUnits.size(); ++unit) size /= 1000;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.3g} {}", size, kUnits[unit]);
}

std::string names_of(const OffloadForecast& forecast, bool is_resident) {
  std::string names;
  for (std::size_t i = 0; i < forecast.blocks.size(); ++i) {
    if (forecast.plan.resident[i] == is_resident)
      names += "\n  " + fvhooks::internal::printable(forecast.blocks[i]) + "  " + size_text(forecast.block_bytes[i]);
  }
  return names;
}

std::string time_text(const OffloadForecast& forecast) {
  if (!forecast.bytes_a_second) return "  how long that takes, --measure or --bandwidth tells\n";
  const auto transfer = *forecast.transfer_seconds();
  auto text = fmt::format("  transfer {:.3g} s at {:.3g} GB/s ({})", transfer, *forecast.bytes_a_second / 1e9,
                          forecast.speed_source);
  if (!forecast.compute_seconds) return text + "; a step takes that at least, or its computation if that is more\n";
  const auto compute = *forecast.compute_seconds;
  return text + fmt::format(", computation {:.3g} s\n  a step takes {:.3g} s at least, bound by {}\n", compute,
                            *forecast.step_seconds(), compute >= transfer ? "computation" : "transfer");
}

}  // namespace

Expected<ReadSpeed> measure_reading(fvhooks::DiskStore& store) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::seconds kLongEnough(2);
  constexpr std::size_t kStrides = 8;  // blocks far from each other, should the time not do for all
  std::uint64_t largest = 0;
  for (std::size_t i = 0; i < store.blocks(); ++i) largest = std::max<std::uint64_t>(largest, store.bytes(i));
  const std::unique_ptr<void, decltype(&std::free)> buffer(
      std::aligned_alloc(fvhooks::internal::kPageBytes, fvhooks::internal::page_end(largest)), &std::free);
  if (!buffer) throw std::bad_alloc();
  ReadSpeed speed;
  const auto begin = Clock::now();
  const auto stride = std::max<std::size_t>(1, store.blocks() / kStrides);
  for (std::size_t first = 0; first < stride; ++first) {
    for (auto block = first; block < store.blocks(); block += stride) {
      if (auto outcome = store.read(block, static_cast<std::byte*>(buffer.get())); !outcome) return outcome.error();
      speed.bytes += store.bytes(block);
      speed.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
      if (Clock::now() - begin > kLongEnough) return speed;
    }
  }
  return speed;
}

std::size_t OffloadForecast::resident() const {
  return static_cast<std::size_t>(std::count(plan.resident.begin(), plan.resident.end(), true));
}

std::uint64_t OffloadForecast::bytes_moved() const {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < block_bytes.size(); ++i) bytes += plan.resident[i] ? 0 : block_bytes[i];
  return bytes;
}

std::optional<double> OffloadForecast::transfer_seconds() const {
  if (!bytes_a_second) return std::nullopt;
  return static_cast<double>(bytes_moved()) / *bytes_a_second;
}

std::optional<double> OffloadForecast::step_seconds() const {
  if (!bytes_a_second) return std::nullopt;
  std::vector<double> transfer;
  for (const auto bytes : block_bytes) transfer.push_back(static_cast<double>(bytes) / *bytes_a_second);
  return fvhooks::step_bound(plan, {compute_seconds.value_or(0)}, transfer).seconds();
}

std::string forecast_text(const OffloadForecast& forecast) {
  const auto& plan = forecast.plan;
  const auto count = forecast.blocks.size();
  std::uint64_t all = 0;
  for (const auto bytes : forecast.block_bytes) all += bytes;
  auto text = fmt::format("{}: {} blocks, {}; outside them {}\n", fvhooks::internal::printable(forecast.checkpoint),
                          count, size_text(all), size_text(forecast.bytes_outside));
  text += fmt::format("  {} of {} resident ({}), {} slots of {}: {} in all; the least budget is {} bytes\n",
                      forecast.resident(), count, size_text(plan.resident_bytes), plan.slots,
                      size_text(plan.slot_bytes), size_text(plan.total_bytes()), forecast.least_budget);
  if (forecast.resident() == count) return text + "  nothing is streamed: a step takes its computation\n";
  text += fmt::format("  a step moves {}\n", size_text(forecast.bytes_moved()));
  text += time_text(forecast);
  if (forecast.resident() > 0) text += "resident" + names_of(forecast, true) + "\n";
  return text + "streamed" + names_of(forecast, false) + "\n";
}

std::string forecast_json(const OffloadForecast& forecast) {
  JsonWriter json;
  json.begin_object();
  json.member("schema", std::uint64_t{1});
  json.member("checkpoint", forecast.checkpoint);
  json.member("budget", forecast.budget);
  json.member("least_budget", forecast.least_budget);
  json.member("prefetch_depth", std::uint64_t{forecast.prefetch_depth});
  json.member("slots", std::uint64_t{forecast.plan.slots});
  json.member("slot_bytes", forecast.plan.slot_bytes);
  json.member("resident_bytes", forecast.plan.resident_bytes);
  json.member("total_bytes", forecast.plan.total_bytes());
  json.member("bytes_outside", forecast.bytes_outside);
  json.member("bytes_moved", forecast.bytes_moved());
  json.member("bytes_a_second", forecast.bytes_a_second);
  json.member("transfer_seconds", forecast.transfer_seconds());
  json.member("compute_seconds", forecast.compute_seconds);
  json.member("step_seconds", forecast.step_seconds());
  json.key("blocks");
  json.begin_array();
  for (std::size_t i = 0; i < forecast.blocks.size(); ++i) {
    json.begin_object();
    json.member("name", forecast.blocks[i]);
    json.member("bytes", forecast.block_bytes[i]);
    json.member("resident", bool{forecast.plan.resident[i]});
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return json.take() + "\n";
}

}  // namespace fvtrace
