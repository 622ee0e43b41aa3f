#include "torch/offloaded_model.h"

#include <ATen/Functions.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <thread>

#include "torch/block_store.h"

namespace fvhooks::internal {
namespace {

// A parameter made outside inference mode must not get the data of a tensor made inside.
class OrdinaryTensors {
  c10::InferenceMode off_{false};
};

at::Tensor placeholder_for(const at::Tensor& tensor, c10::Device device) {
  const OrdinaryTensors ordinary;
  const std::vector<std::int64_t> nothing(static_cast<std::size_t>(std::max<std::int64_t>(tensor.dim(), 1)), 0);
  return at::empty(nothing, tensor.options().device(device).requires_grad(false));
}

at::Tensor tensor_at(
    std::byte* memory, const OffloadedVariable& variable, c10::Device device,
    std::function<void(void*)> deleter = [](void*) {}) {
  const OrdinaryTensors ordinary;
  return at::for_blob(memory, variable.sizes)
      .strides(variable.strides)
      .deleter(std::move(deleter))
      .options(at::TensorOptions().dtype(variable.dtype).device(device))
      .target_device(device)
      .make_tensor();
}

std::vector<std::int64_t> row_major(const std::vector<std::int64_t>& sizes) {
  std::vector<std::int64_t> strides(sizes.size(), 1);
  for (auto i = sizes.size(); i-- > 1;) strides[i - 1] = strides[i] * sizes[i];
  return strides;
}

bool is_a_checkpoint(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return path.ends_with(".safetensors") || path.ends_with(".json");
  if (!std::filesystem::is_directory(path, ignored)) return true;
  for (const auto& entry : std::filesystem::directory_iterator(path, ignored)) {
    const auto name = entry.path().string();
    if (name.ends_with(".safetensors") || name.ends_with(".safetensors.index.json")) return true;
  }
  return false;
}

// Variables whose values only a checkpoint has, and what they are until they get them.
class Awaited {
 public:
  Awaited(const std::vector<std::vector<NamedVariable>>& blocks, const std::vector<NamedVariable>& others,
          const std::string& store) {
    for (const auto& block : blocks) add(block);
    add(others);
    if (!before_.empty() && !is_a_checkpoint(store))
      throw Exception("there are parameters without values: they need a checkpoint as the store");
  }
  void put_back() const {
    for (auto [variable, before] : before_) variable.set_data(before);
  }

 private:
  void add(const std::vector<NamedVariable>& variables) {
    for (const auto& named : variables) {
      if (named.awaited) before_.emplace_back(named.variable, named.variable.variable_data());
    }
  }
  std::vector<std::pair<at::Tensor, at::Tensor>> before_;
};

std::uint64_t awaited_bytes(const NamedVariable& named) {
  std::uint64_t bytes = static_cast<std::uint64_t>(named.variable.element_size());
  for (const auto size : *named.awaited) bytes *= static_cast<std::uint64_t>(size);
  return bytes;
}

// Appends what only the checkpoint has, each tensor on a span of its own.
void add_awaited(std::vector<BlockSpans>& spans, const std::vector<std::vector<NamedVariable>>& blocks,
                 const std::vector<NamedVariable>& others, c10::Device device) {
  struct Place {
    std::size_t block, span;
  };
  std::map<const c10::TensorImpl*, Place> places;
  for (const auto& named : others) places.emplace(named.variable.unsafeGetTensorImpl(), Place{blocks.size(), 0});
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    auto& block = spans[i];
    for (const auto& named : blocks[i]) {
      if (!named.awaited || awaited_bytes(named) == 0) continue;
      const auto [place, is_new] = places.emplace(named.variable.unsafeGetTensorImpl(), Place{i, block.spans.size()});
      if (place->second.block != i)
        throw Exception("\"" + named.name + "\" is shared beyond its block: give it its value first");
      block.variables.push_back({named, place->second.span, 0});
      if (!is_new) continue;
      block.spans.push_back({nullptr, awaited_bytes(named), static_cast<std::size_t>(named.variable.element_size()),
                             address_alignment(device), 0});
    }
  }
}

OffloadedVariable described(const SpannedVariable& variable) {
  const auto& named = variable.named;
  OffloadedVariable offloaded{named, static_cast<std::size_t>(variable.offset), {}, {}, named.variable.scalar_type()};
  if (named.awaited) {
    offloaded.sizes = *named.awaited;
    offloaded.strides = row_major(offloaded.sizes);
  } else {
    offloaded.sizes = named.variable.sizes().vec();
    offloaded.strides = named.variable.strides().vec();
  }
  return offloaded;
}

class Model : public OffloadedModel {
 public:
  Model(std::vector<std::vector<NamedVariable>> blocks, const std::vector<NamedVariable>& others,
        const OffloadSettings& settings)
      : device_(settings.device), options_{settings.budget, settings.prefetch_depth}, blocks_(blocks.size()) {
    const Awaited awaited(blocks, others, settings.store);
    auto spans = find_spans(blocks, others, device_, settings.log);
    add_awaited(spans, blocks, others, device_);
    check_budget(spans, settings);
    for (std::size_t i = 0; i < spans.size(); ++i) {
      for (const auto& variable : spans[i].variables) blocks_[i].variables.push_back(described(variable));
    }
    try {
      store_ = make_store(spans, settings);
      place(spans);
      for (std::size_t i = 0; i < spans.size(); ++i) {
        store_->take(i, spans[i]);
        put_placeholders(blocks_[i]);
        blocks_[i].taken = true;
      }
      load_awaited(others, settings);
      open_engine();
    } catch (...) {
      for (std::size_t i = 0; i < blocks_.size(); ++i) restore_block(i);
      awaited.put_back();
      throw;
    }
    settings.log(description());
  }

  std::size_t blocks() const noexcept override { return blocks_.size(); }
  const std::vector<OffloadedVariable>& variables(std::size_t block) const noexcept override {
    return blocks_[block].variables;
  }

  void enter(std::size_t index) override {
    if (!is_taken(index)) return;
    auto lease = engine_->acquire(index);
    if (!lease) throw Exception(lease.error());
    auto& block = blocks_[index];
    const std::scoped_lock lock(mutex_);
    if (block.leases.empty()) put_on(block, lease->data());
    block.leases.emplace_back(std::this_thread::get_id(), *std::move(lease));
  }

  void leave(std::size_t index) noexcept override {
    auto& block = blocks_[index];
    std::optional<BlockLease> ended;  // given back when the block's variables are off its slot
    const std::scoped_lock lock(mutex_);
    if (block.leases.empty()) return;
    const auto thread = std::this_thread::get_id();
    auto own = std::find_if(block.leases.rbegin(), block.leases.rend(),
                            [&](const auto& lease) { return lease.first == thread; });
    const auto last = own == block.leases.rend() ? std::prev(block.leases.end()) : std::prev(own.base());
    ended = std::move(last->second);
    block.leases.erase(last);
    if (block.leases.empty()) put_placeholders(block);
  }

  void begin_change(std::size_t index) override {
    if (!is_taken(index)) throw Exception("the model is no longer offloaded: change its parameters themselves");
    auto lease = engine_->acquire_to_change(index);
    if (!lease) throw Exception(lease.error());
    const std::scoped_lock lock(mutex_);
    put_on(blocks_[index], lease->data());
    blocks_[index].change = *std::move(lease);
  }

  void commit_change(std::size_t index) override {
    auto& block = blocks_[index];
    const OrdinaryTensors ordinary;
    for (const auto& variable : block.variables) check_changed(variable);
    for (const auto& variable : block.variables) {
      auto slot = tensor_at(block.change->data() + variable.offset, variable, device_);
      if (slot.data_ptr() != variable.named.variable.data_ptr()) slot.copy_(variable.named.variable.detach());
    }
    if (auto outcome = engine_->commit(*block.change); !outcome) throw Exception(outcome.error());
  }

  void end_change(std::size_t index) noexcept override {
    const std::scoped_lock lock(mutex_);
    put_placeholders(blocks_[index]);
    blocks_[index].change.reset();
  }

  std::vector<at::Tensor> values(std::size_t index) override {
    const auto spans = store_->spans(index);
    std::vector<at::Tensor> values;
    for (std::size_t i = 0; i < blocks_[index].variables.size(); ++i) {
      const auto& [span, offset] = blocks_[index].spans[i];
      auto* const memory = static_cast<std::byte*>(spans[span].data_ptr()) + offset;
      values.push_back(tensor_at(memory, blocks_[index].variables[i], c10::kCPU, [keep = spans[span]](void*) {}));
    }
    return values;
  }

  void materialize() override {
    check_unused();
    for (std::size_t i = 0; i < blocks_.size(); ++i) restore_block(i);
  }

  void dematerialize() override {
    check_unused();
    const std::scoped_lock lock(mutex_);
    for (auto& block : blocks_) {
      put_placeholders(block);
      block.taken = true;
    }
  }

  void restore() override {
    materialize();
    engine_.reset();
  }

  void resume() override {
    open_engine();
    dematerialize();
  }

  const OffloadEngine& engine() const override {
    if (!engine_) throw Exception("the model is no longer offloaded");
    return *engine_;
  }
  void reset_report() override {
    if (engine_) engine_->reset_report();
  }

 private:
  struct Block {
    std::vector<OffloadedVariable> variables;
    std::vector<std::pair<std::size_t, std::size_t>> spans;  // of each variable: which, and where on it
    std::vector<std::pair<std::thread::id, BlockLease>> leases;
    std::optional<BlockLease> change;
    bool taken = false;  // its variables are empty, but for a forward or a change
  };

  void open_engine() { engine_ = OffloadEngine::open(store_->transfer(), options_).value(); }

  bool is_taken(std::size_t block) const {
    const std::scoped_lock lock(mutex_);
    return blocks_[block].taken;
  }

  void check_unused() const {
    const std::scoped_lock lock(mutex_);
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      if (!blocks_[i].leases.empty() || blocks_[i].change) {
        throw Exception("block " + std::to_string(i) + " is in use: end its forward, or the change, first");
      }
    }
  }

  void place(const std::vector<BlockSpans>& spans) {
    for (std::size_t i = 0; i < spans.size(); ++i) {
      for (std::size_t j = 0; j < spans[i].variables.size(); ++j) {
        const auto& variable = spans[i].variables[j];
        blocks_[i].spans.emplace_back(variable.span, static_cast<std::size_t>(variable.offset));
        blocks_[i].variables[j].offset = store_->offset(i, variable.span) + static_cast<std::size_t>(variable.offset);
      }
    }
  }

  // Before anything is moved. What the store rounds up to is the engine's to count.
  static void check_budget(const std::vector<BlockSpans>& spans, const OffloadSettings& settings) {
    std::vector<std::uint64_t> sizes;
    for (const auto& block : spans) {
      sizes.push_back(0);
      for (const auto& span : block.spans) sizes.back() += span.bytes;
    }
    if (auto plan = plan_residency(sizes, settings.budget, settings.prefetch_depth); !plan)
      throw Exception(plan.error());
  }

  static std::shared_ptr<BlockStore> make_store(const std::vector<BlockSpans>& spans, const OffloadSettings& settings) {
    if (settings.store.empty()) return store_in_memory(spans, settings.device);
    if (is_a_checkpoint(settings.store)) return store_in_checkpoint(spans, settings.store, settings);
    return store_in_files(spans, settings.store, settings);
  }

  void put_placeholders(Block& block) noexcept {
    for (const auto& variable : block.variables) {
      auto data = variable.named.variable;
      data.set_data(placeholder_for(data, device_));
      // A backward that would read the slot, which others use by then, is refused by autograd.
      if (!data.is_inference()) data.unsafeGetTensorImpl()->bump_version();
    }
  }

  void put_on(Block& block, std::byte* memory) {
    for (const auto& variable : block.variables) {
      auto data = variable.named.variable;
      data.set_data(tensor_at(memory + variable.offset, variable, device_));
    }
  }

  void restore_block(std::size_t index) {
    if (!is_taken(index)) return;
    const auto real = values(index);
    const std::scoped_lock lock(mutex_);
    for (std::size_t i = 0; i < real.size(); ++i) {
      auto data = blocks_[index].variables[i].named.variable;
      const OrdinaryTensors ordinary;
      data.set_data(real[i].to(device_));
    }
    blocks_[index].taken = false;
  }

  static void check_changed(const OffloadedVariable& variable) {
    const auto& now = variable.named.variable;
    if (now.sizes() != at::IntArrayRef(variable.sizes) || now.scalar_type() != variable.dtype) {
      throw Exception("\"" + variable.named.name +
                      "\" was given another shape or dtype: nothing of this change is kept");
    }
  }

  std::string description() const {
    const auto& plan = engine_->plan();
    const auto resident = std::count(plan.resident.begin(), plan.resident.end(), true);
    return "layerwise offload: " + std::to_string(blocks_.size()) + " blocks " + store_->description() + "; " +
           std::to_string(engine_->allocated_bytes()) + " bytes on " + device_.str() + " (" + std::to_string(resident) +
           " blocks resident, " + std::to_string(plan.slots) + " slots of " + std::to_string(plan.slot_bytes) +
           " bytes)";
  }

  const c10::Device device_;
  const OffloadOptions options_;
  std::vector<Block> blocks_;
  std::shared_ptr<BlockStore> store_;
  std::unique_ptr<OffloadEngine> engine_;
  mutable std::mutex mutex_;  // guards the blocks' variables, leases and flags
};

}  // namespace

std::shared_ptr<OffloadedModel> OffloadedModel::make(std::vector<std::vector<NamedVariable>> blocks,
                                                     const std::vector<NamedVariable>& others,
                                                     const OffloadSettings& settings) {
  return std::make_shared<Model>(std::move(blocks), others, settings);
}

}  // namespace fvhooks::internal
