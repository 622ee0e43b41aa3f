#pragma once
// The parameters and buffers of a model's blocks on the slots of an offload engine: what the C++ and the Python face of
// layerwise offload share. Knows variables and their blocks, no modules.
#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "fvhooks/offload.h"

namespace fvhooks::internal {

struct NamedVariable {
  std::string name;     // in the model, and in a checkpoint
  at::Tensor variable;  // its data is exchanged in place, so that every handle on it sees the same
  // Of one whose value only the checkpoint has: the shape that it shall get.
  std::optional<std::vector<std::int64_t>> awaited = std::nullopt;
};

struct OffloadSettings {
  std::uint64_t budget = 0;  // bytes on the device; 0: as few as will do
  std::size_t prefetch_depth = 1;
  c10::Device device{c10::kCPU};
  // "" : host memory. Else a checkpoint (file, index or folder) that holds these weights, or, if there is none, a
  // folder to which they are written first.
  std::string store;
  std::string scratch;  // folder for changed blocks of a disk store; empty: the system's for temporary files
  std::function<void(const std::string&)> log = [](const std::string&) {};
};

// Where a variable's bytes lie in its block's buffer.
struct OffloadedVariable {
  NamedVariable named;
  std::size_t offset = 0;
  std::vector<std::int64_t> sizes, strides;
  c10::ScalarType dtype = c10::ScalarType::Float;
};

// Any thread. Everything but the destructor and leave throws fvhooks::Exception.
class OffloadedModel {
 public:
  // Empties the variables of all blocks; of the others, gives awaited ones their values. What several blocks share, or
  // `others` have too, and what has no plain dense storage, stays where it is. If it throws, the model is as it was.
  static std::shared_ptr<OffloadedModel> make(std::vector<std::vector<NamedVariable>> blocks,
                                              const std::vector<NamedVariable>& others,
                                              const OffloadSettings& settings);
  virtual ~OffloadedModel() = default;

  virtual std::size_t blocks() const noexcept = 0;
  virtual const std::vector<OffloadedVariable>& variables(std::size_t block) const noexcept = 0;

  // Between the two the block's variables hold their values. Nests, and counts threads.
  virtual void enter(std::size_t block) = 0;
  virtual void leave(std::size_t block) noexcept = 0;

  // The same, to change the values, in place or by set_data with the same dtype and shape; commit_change keeps them,
  // whole or (if it throws) not at all, end_change forgets what was not committed. Not while the block's forward runs.
  virtual void begin_change(std::size_t block) = 0;
  virtual void commit_change(std::size_t block) = 0;
  virtual void end_change(std::size_t block) noexcept = 0;

  // The block's values as tensors of their own, in the order of variables(block): memory, or private mappings of the
  // checkpoint.
  virtual std::vector<at::Tensor> values(std::size_t block) = 0;
  // All variables hold their values, from values(), until dematerialize, which forgets what was changed in them.
  // Forwards run on them. Not while a forward of a block runs.
  virtual void materialize() = 0;
  virtual void dematerialize() = 0;
  // Materialized for good, or until resume: the memory on the device is given back.
  virtual void restore() = 0;
  virtual void resume() = 0;  // once restored: offloaded as before

  virtual const OffloadEngine& engine() const = 0;  // not once restored
  virtual void reset_report() = 0;
};

}  // namespace fvhooks::internal
