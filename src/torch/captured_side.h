#pragma once
// The tensors of one side of a call, on their way to a capture.
#include <ATen/core/Tensor.h>

#include <list>
#include <string>
#include <string_view>
#include <vector>

#include "fvhooks/tracer.h"

namespace fvhooks::internal {

// One thread. Nothing happens where no captures are asked for; nothing here fails.
class CapturedSide {
 public:
  CapturedSide(const Tracer& tracer, CaptureSide side) : tracer_(tracer), side_(side) {}
  CapturedSide(const CapturedSide&) = delete;
  CapturedSide& operator=(const CapturedSide&) = delete;

  // Keeps the tensor, or a copy in host memory of one that is not contiguous there. Views may record it as another
  // module's, or another call's, than the one that the side belongs to.
  void add(std::string_view module, const TraceCall& call, const Label& label, const at::Tensor& tensor) noexcept;
  // Writes what was added, before the model can change it.
  void write() noexcept;

 private:
  struct File {
    CaptureKey key;
    std::vector<SafetensorsTensor> tensors;
  };
  File& file_of(CaptureKey key);
  void keep(File& file, const Label& label, const at::Tensor& tensor);

  const Tracer& tracer_;
  const CaptureSide side_;
  std::list<at::Tensor> kept_;  // of which an empty one allocates nothing
  std::vector<File> files_;     // mostly one
};

}  // namespace fvhooks::internal
