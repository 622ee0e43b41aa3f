#pragma once
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

namespace fvhooks::internal {

// While it lives, this thread's operations go straight to their devices: what a program may have put between (autograd,
// autocast, modes, transforms) is for the model's operations.
class BehindDispatch {
  static constexpr auto kBetween = c10::autocast_dispatch_keyset | c10::python_ks |
                                   c10::DispatchKeySet({c10::DispatchKey::FuncTorchDynamicLayerFrontMode,
                                                        c10::DispatchKey::FuncTorchDynamicLayerBackMode});
  const c10::InferenceMode no_autograd_;
  const c10::impl::ExcludeDispatchKeyGuard nobody_between_{kBetween};
};

}  // namespace fvhooks::internal
