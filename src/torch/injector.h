#pragma once
// Compares what modules are given and return with a capture of the reference (docs/inject.md), and says what is to
// stand in its place.
#include <ATen/core/Tensor.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "fvhooks/capture.h"
#include "fvhooks/config.h"
#include "fvhooks/record.h"
#include "fvhooks/tracer.h"

namespace fvhooks::internal {

struct ComparedTensor {
  Injection injection;
  at::Tensor replacement;  // undefined: the tensor stays
};

// Any thread. Nothing but open fails: trouble is warned of once, counted, and told at the end.
class Injector {
 public:
  // Null if the configuration asks for none. `root`: the traced component. Error: the folder holds no capture, or the
  // file of names cannot be read.
  static Expected<std::shared_ptr<const Injector>> open(const TraceConfig& config, std::string root);
  using Names = std::unordered_map<std::string, std::string>;  // of modules, in the capture; others have their own
  Injector(CaptureDirectory captures, std::string root, Names names, bool replaces_inputs);
  ~Injector();
  Injector(const Injector&) = delete;
  Injector& operator=(const Injector&) = delete;

  // The inputs or the output of one call.
  class Side {
   public:
    // The error is of the tensor as it is. Its replacement has its dtype, device and, where they are dense, strides.
    ComparedTensor compare(const Label& label, const at::Tensor& tensor) const noexcept;

   private:
    friend class Injector;
    ComparedTensor compared(const Label& label, const at::Tensor& tensor) const;
    const Injector* injector_ = nullptr;
    std::optional<CapturedTensors> captured_;
    bool is_replaced_ = false;
    bool has_failed_ = false;
  };
  Side side(std::string_view module, const TraceCall& call, CaptureSide side) const noexcept;

 private:
  CaptureKey key(std::string_view module, const TraceCall& call, CaptureSide side) const;
  void fail(std::string_view trouble) const noexcept;

  const CaptureDirectory captures_;
  const std::string root_;
  const Names names_;
  const bool has_ranks_, replaces_inputs_;
  mutable std::atomic<std::uint64_t> failures_{0};
};

}  // namespace fvhooks::internal
