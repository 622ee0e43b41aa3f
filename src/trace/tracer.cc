#include "fvhooks/tracer.h"

#include <algorithm>
#include <utility>

#include "core/at_exit.h"
#include "core/run_number.h"
#include "fvhooks/jsonl_sink.h"
#include "fvhooks/step.h"
#include "trace/deferred_records.h"
#include "trace/record_pool.h"
#include "trace/trace_output.h"
#include "view/views.h"

namespace fvhooks {
namespace {

bool needs_values(Stat stat) { return stat != Stat::Shape && stat != Stat::DType; }

// What `value` holds of a former record is used again: its memory mostly suffices.
template <class T, class Elements>
void assign(Value& value, const Elements& elements) {
  if (!std::holds_alternative<T>(value)) value.emplace<T>();
  std::get<T>(value).assign(elements.begin(), elements.end());
}

void assign_shape(Value& value, std::span<const std::int64_t> sizes) {
  assign<std::vector<std::int64_t>>(value, sizes);
}
void assign_text(Value& value, std::string_view text) { assign<std::string>(value, text); }

void assign_opaque_stat(Value& value, Stat stat, const OpaqueTensor& tensor) {
  if (stat == Stat::Shape) return assign_shape(value, tensor.sizes);
  if (stat == Stat::DType) return assign_text(value, tensor.dtype);
  value = "<error: " + std::string(tensor.reason) + ">";
}

std::optional<std::int64_t> rank_of(const TraceCall& call) noexcept { return call.rank ? call.rank : process_rank(); }

// What all records of a tracer have in common.
Record prototype_of(const TraceConfig& config, const std::string& root) {
  Record record;
  record.root = root;
  for (const auto stat : config.stats) record.stats.emplace_back(stat_name(stat), nullptr);
  return record;
}

}  // namespace

struct Tracer::State {
  State(const TraceConfig& traced, std::string component, internal::Views read,
        std::shared_ptr<internal::TraceOutput> opened, std::shared_ptr<CaptureWriter> capture_writer)
      : config(traced),
        root(std::move(component)),
        reads_values(config.sketch > 0 || std::any_of(config.stats.begin(), config.stats.end(), needs_values)),
        views(std::move(read)),
        output(std::move(opened)),
        captures(std::move(capture_writer)),
        records(prototype_of(config, root)) {}

  const TraceConfig config;
  const std::string root;
  const bool reads_values;
  internal::Views views;
  const std::shared_ptr<internal::TraceOutput> output;
  const std::shared_ptr<CaptureWriter> captures;  // null: none
  internal::RecordPool records;
  internal::DeferredRecords deferred;

  // Fills in what every record has.
  void identify(std::string_view module, const TraceCall& call, const Label& label, Record& record);
  void write(std::string_view module, const TraceCall& call, const Label& label, Record& record);
  std::unique_ptr<Record> fresh_record();
  // The statistics that need no values, and those that do.
  void describe(Record& record, DType dtype, std::span<const std::int64_t> sizes) const;
  void assign_values(Record& record, const TensorStats& stats) const;
  // Waits for the statistics.
  void finish(internal::DeferredRecord waiting) noexcept;
  void finish_all() noexcept;
  // What goes wrong in `work` costs the record, not the model.
  template <class Work>
  void attempt(Work work) noexcept;
  // `make` fills the statistics of a record that has been used before.
  template <class Make>
  void record(std::string_view module, const TraceCall& call, const Label& label, const Injection& injection,
              Make make) noexcept;
};

void Tracer::State::identify(std::string_view module, const TraceCall& call, const Label& label, Record& record) {
  record.module = module;
  record.tensor.clear();
  append_label(record.tensor, label);
  record.step = call.step;
  record.call = call.call;
  record.rank = rank_of(call);
  const auto place = output->numbering.next_record();
  internal::write_run(record.run, place.run);
  record.seq = place.seq;
}

void Tracer::State::write(std::string_view module, const TraceCall& call, const Label& label, Record& record) {
  identify(module, call, label, record);
  output->sink->write(record);
}

std::unique_ptr<Record> Tracer::State::fresh_record() {
  auto record = records.take();
  record->nan = record->inf = 0;
  record->sketch.buckets = 0;
  return record;
}

void Tracer::State::describe(Record& record, DType dtype, std::span<const std::int64_t> sizes) const {
  for (std::size_t i = 0; i < config.stats.size(); ++i) {
    auto& value = record.stats[i].second;
    if (config.stats[i] == Stat::Shape) assign_shape(value, sizes);
    if (config.stats[i] == Stat::DType) assign_text(value, torch_name(dtype));
  }
}

void Tracer::State::assign_values(Record& record, const TensorStats& stats) const {
  record.sketch.buckets = config.sketch;
  record.nan = stats.nan;
  record.inf = stats.inf;
  for (std::size_t i = 0; i < config.stats.size(); ++i) {
    if (needs_values(config.stats[i])) record.stats[i].second = stat_value(config.stats[i], stats, {});
  }
}

void Tracer::State::finish(internal::DeferredRecord waiting) noexcept {
  attempt([&] {
    auto& record = *waiting.record;
    assign_values(record, waiting.stats->get(config.sketch, record.sketch));
    output->sink->write(record);
    records.give_back(std::move(waiting.record));
  });
}

void Tracer::State::finish_all() noexcept {
  attempt([&] {
    while (auto waiting = deferred.take()) finish(std::move(*waiting));
  });
}

template <class Work>
void Tracer::State::attempt(Work work) noexcept {
  try {
    work();
  } catch (const std::exception& trouble) {
    output->sink->drop(trouble.what());
  } catch (...) {
    output->sink->drop("unknown trouble");
  }
}

template <class Make>
void Tracer::State::record(std::string_view module, const TraceCall& call, const Label& label,
                           const Injection& injection, Make make) noexcept {
  if (!call.recorded) return;
  attempt([&] {
    auto record = fresh_record();
    record->injection = injection;
    make(*record);
    write(module, call, label, *record);
    records.give_back(std::move(record));
  });
}

Expected<std::shared_ptr<Tracer>> Tracer::open(const TraceConfig& config, std::string root) {
  auto views = internal::Views::read(config.view);
  if (!views) return views.error();
  std::shared_ptr<CaptureWriter> captures;
  if (!config.capture.empty()) {
    auto opened = CaptureWriter::open(config.capture, config.capture_limit);
    if (!opened) return opened.error();
    captures = *std::move(opened);
  }
  auto output = internal::TraceOutput::open(config.output, config.batch);
  if (!output) return output.error();
  auto state =
      std::make_shared<State>(config, std::move(root), *std::move(views), *std::move(output), std::move(captures));
  internal::at_exit(state, [](void* tracer) { static_cast<State*>(tracer)->finish_all(); });
  return std::shared_ptr<Tracer>(new Tracer(std::move(state)));
}

Tracer::Tracer(std::shared_ptr<State> state) : state_(std::move(state)) {}
Tracer::~Tracer() { flush(); }

const TraceConfig& Tracer::config() const noexcept { return state_->config; }
std::string Tracer::path() const { return state_->output->sink->path(); }
std::uint64_t Tracer::written() const noexcept { return state_->output->sink->written(); }
std::uint64_t Tracer::dropped() const noexcept { return state_->output->sink->dropped(); }
bool Tracer::reads_values() const noexcept { return state_->reads_values; }
void Tracer::flush() noexcept {
  state_->finish_all();
  state_->output->sink->flush();
}

void Tracer::match_views(std::span<const std::string> modules) { state_->views.match(modules); }
const internal::ModuleViews* Tracer::views_of(std::string_view module) const noexcept {
  return state_->views.find(module);
}

CaptureWriter* Tracer::captures() const noexcept { return state_->captures.get(); }

CaptureKey Tracer::capture_key(std::string_view module, const TraceCall& call, CaptureSide side) const {
  return {rank_of(call), state_->root, std::string(module), call.step, call.call, side};
}

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

void Tracer::record(std::string_view module, const TraceCall& call, const Label& label, const TensorView& tensor,
                    const Injection& injection) noexcept {
  const auto& config = state_->config;
  state_->record(module, call, label, injection, [&](Record& record) {
    state_->describe(record, tensor.dtype, tensor.sizes);
    if (!state_->reads_values) return;
    state_->assign_values(record, tensor_stats(tensor, config.sketch, &record.sketch));
  });
}

void Tracer::record(std::string_view module, const TraceCall& call, const Label& label, DeferredTensor tensor,
                    const Injection& injection) noexcept {
  if (!call.recorded) return;
  state_->attempt([&] {
    auto record = state_->fresh_record();
    record->injection = injection;
    state_->describe(*record, tensor.dtype, tensor.sizes);
    state_->identify(module, call, label, *record);
    state_->deferred.push({std::move(record), std::move(tensor.stats)});
    while (auto due = state_->deferred.take_due()) state_->finish(std::move(*due));
  });
}

void Tracer::record(std::string_view module, const TraceCall& call, const Label& label, const OpaqueTensor& tensor,
                    const Injection& injection) noexcept {
  const auto& config = state_->config;
  state_->record(module, call, label, injection, [&](Record& record) {
    for (std::size_t i = 0; i < config.stats.size(); ++i) {
      assign_opaque_stat(record.stats[i].second, config.stats[i], tensor);
    }
  });
}

void Tracer::record(std::string_view module, const TraceCall& call, const Label& label, Record record) noexcept {
  if (!call.recorded) return;
  state_->attempt([&] {
    record.root = state_->root;
    state_->write(module, call, label, record);
  });
}

}  // namespace fvhooks
