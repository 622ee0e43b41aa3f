#pragma once
// Statistics that are still being computed, on a device.
#include "fvhooks/stats.h"

namespace fvhooks {

// One tensor's. Asked by one thread at a time. Both may throw, if the device failed.
class DeferredStats {
 public:
  virtual ~DeferredStats() = default;
  // Whether get returns without waiting.
  virtual bool ready() = 0;
  // buckets: as many as were asked for when the computation began; 0: `sketch` is untouched.
  virtual TensorStats get(int buckets, Sketch& sketch) = 0;
};

}  // namespace fvhooks
