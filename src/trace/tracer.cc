#include "fvhooks/tracer.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <utility>

#include "fvhooks/jsonl_sink.h"
#include "fvhooks/step.h"
#include "trace/trace_output.h"

namespace fvhooks {
namespace {

constexpr std::int64_t kNoRank = std::numeric_limits<std::int64_t>::min();
std::atomic<std::int64_t> process_rank{kNoRank};

void write_run(std::string& out, std::uint32_t run) {
  constexpr char kHex[] = "0123456789abcdef";
  out.resize(8);
  for (auto digit = out.rbegin(); digit != out.rend(); ++digit, run >>= 4) *digit = kHex[run & 15];
}

bool needs_values(Stat stat) { return stat != Stat::Shape && stat != Stat::DType; }

Value opaque_value(Stat stat, const OpaqueTensor& tensor) {
  if (stat == Stat::Shape) return std::vector<std::int64_t>(tensor.sizes.begin(), tensor.sizes.end());
  if (stat == Stat::DType) return std::string(tensor.dtype);
  return "<error: " + std::string(tensor.reason) + ">";
}

}  // namespace

struct Tracer::State {
  TraceConfig config;
  std::string root;
  bool reads_values = false;
  std::shared_ptr<internal::TraceOutput> output;

  // Fills in what every record has, and writes it.
  void write(std::string_view module, const TraceCall& call, const Label& label, Record& record) const;
  // `make` fills the statistics of a record that has been used before.
  template <class Make>
  void record(std::string_view module, const TraceCall& call, const Label& label, Make make) const noexcept;
};

void Tracer::State::write(std::string_view module, const TraceCall& call, const Label& label, Record& record) const {
  record.module = module;
  record.tensor.clear();
  append_label(record.tensor, label);
  record.step = call.step;
  record.call = call.call;
  record.root = root;
  const auto rank = process_rank.load(std::memory_order_relaxed);
  record.rank = rank == kNoRank ? std::nullopt : std::optional(rank);
  const auto place = output->numbering.next_record();
  write_run(record.run, place.run);
  record.seq = place.seq;
  output->sink->write(record);
}

template <class Make>
void Tracer::State::record(std::string_view module, const TraceCall& call, const Label& label,
                           Make make) const noexcept {
  if (!call.recorded) return;
  try {
    auto record = output->records.take();
    record->nan = record->inf = 0;
    record->sketch.buckets = 0;
    record->stats.resize(config.stats.size());
    make(*record);
    write(module, call, label, *record);
    output->records.give_back(std::move(record));
  } catch (const std::exception& trouble) {
    output->sink->drop(trouble.what());
  } catch (...) {
    output->sink->drop("unknown trouble");
  }
}

Expected<std::shared_ptr<Tracer>> Tracer::open(const TraceConfig& config, std::string root) {
  auto output = internal::TraceOutput::open(config.output, config.batch);
  if (!output) return output.error();
  auto state = std::make_unique<State>();
  state->config = config;
  state->root = std::move(root);
  state->reads_values = config.sketch > 0 || std::any_of(config.stats.begin(), config.stats.end(), needs_values);
  state->output = *std::move(output);
  return std::shared_ptr<Tracer>(new Tracer(std::move(state)));
}

Tracer::Tracer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tracer::~Tracer() { flush(); }

const TraceConfig& Tracer::config() const noexcept { return state_->config; }
std::string Tracer::path() const { return state_->output->sink->path(); }
std::uint64_t Tracer::written() const noexcept { return state_->output->sink->written(); }
std::uint64_t Tracer::dropped() const noexcept { return state_->output->sink->dropped(); }
void Tracer::flush() noexcept { state_->output->sink->flush(); }

TraceCall Tracer::enter(std::string_view module) noexcept {
  TraceCall call{.step = current_step()};
  call.recorded = state_->config.steps.passes(call.step);
  if (!call.recorded) return call;
  try {
    call.call = state_->output->numbering.next_call(state_->root, module, call.step);
  } catch (...) {
    state_->output->sink->drop("out of memory");
    call.recorded = false;
  }
  return call;
}

void Tracer::record(std::string_view module, const TraceCall& call, const Label& label,
                    const TensorView& tensor) noexcept {
  const auto& config = state_->config;
  state_->record(module, call, label, [&](Record& record) {
    TensorStats stats;
    if (state_->reads_values) {
      stats = tensor_stats(tensor, config.sketch, &record.sketch);
      record.sketch.buckets = config.sketch;
      record.nan = stats.nan;
      record.inf = stats.inf;
    }
    for (std::size_t i = 0; i < config.stats.size(); ++i) {
      record.stats[i] = {std::string(stat_name(config.stats[i])), stat_value(config.stats[i], stats, tensor)};
    }
  });
}

void Tracer::record(std::string_view module, const TraceCall& call, const Label& label,
                    const OpaqueTensor& tensor) noexcept {
  const auto& config = state_->config;
  state_->record(module, call, label, [&](Record& record) {
    for (std::size_t i = 0; i < config.stats.size(); ++i) {
      record.stats[i] = {std::string(stat_name(config.stats[i])), opaque_value(config.stats[i], tensor)};
    }
  });
}

void Tracer::record(std::string_view module, const TraceCall& call, const Label& label, Record record) noexcept {
  if (!call.recorded) return;
  try {
    state_->write(module, call, label, record);
  } catch (const std::exception& trouble) {
    state_->output->sink->drop(trouble.what());
  } catch (...) {
    state_->output->sink->drop("unknown trouble");
  }
}

void set_rank(std::optional<std::int64_t> rank) noexcept {
  process_rank.store(rank.value_or(kNoRank), std::memory_order_relaxed);
}

std::string run_id() {
  std::string text;
  write_run(text, internal::run_number());
  return text;
}

}  // namespace fvhooks
