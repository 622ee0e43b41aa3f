#include "torch/viewed_tensors.h"

#include <ATen/core/grad_mode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <utility>

#include "torch/span_of.h"
#include "view/views.h"

namespace fvhooks::internal {
namespace {

constexpr c10::DispatchKeySet kPython({c10::DispatchKey::Python, c10::DispatchKey::PythonTLSSnapshot});

// As as_strided, of which nobody is to hear: no mode of torch's, and not autograd.
at::Tensor with_layout(const at::Tensor& tensor, const Layout& layout) {
  auto view = at::detail::make_tensor<c10::TensorImpl>(c10::TensorImpl::VIEW, c10::Storage(tensor.storage()),
                                                       tensor.key_set() - kPython, tensor.dtype());
  view.unsafeGetTensorImpl()->set_sizes_and_strides(layout.sizes, layout.strides,
                                                    tensor.storage_offset() + layout.offset);
  return view;
}

at::Tensor copied(const at::Tensor& tensor) {
  const at::NoGradGuard no_grad;
  const c10::impl::ExcludeDispatchKeyGuard no_python(kPython);
  return tensor.clone(at::MemoryFormat::Contiguous);
}

}  // namespace

std::optional<std::vector<ViewedTensor>> viewed_tensors(const ModuleViews& views, const TraceCall& call,
                                                        const Label& label, const at::Tensor& tensor) {
  auto plan = views.plan(to_string(label), call.call, span_of(tensor.sizes()), span_of(tensor.strides()));
  if (!plan) return std::nullopt;
  std::vector<at::Tensor> sources{tensor};
  for (const auto& [source, layout] : plan->copies) sources.push_back(copied(with_layout(sources[source], layout)));
  std::vector<ViewedTensor> viewed;
  for (auto& part : plan->parts) {
    ViewedTensor each{std::move(part.module), std::move(part.label), call,
                      with_layout(sources[part.source], part.layout)};
    each.call.call = part.call;
    if (part.rank) each.call.rank = part.rank;
    viewed.push_back(std::move(each));
  }
  return viewed;
}

}  // namespace fvhooks::internal
