#include "torch/injector.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/view_as_complex.h>
#include <ATen/ops/view_as_real.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <utility>

#include "fvhooks/run.h"
#include "fvhooks/torch/tensor_view.h"
#include "fvhooks/warning.h"
#include "torch/error_message.h"

namespace fvhooks::internal {
namespace {

// A capture of one component is meant, whatever the port calls its own.
std::string root_in(const CaptureDirectory& captures, std::string root) {
  const auto& first = captures.captures().front().key.root;
  const bool is_one =
      std::ranges::all_of(captures.captures(), [&](const auto& each) { return each.key.root == first; });
  return is_one ? first : std::move(root);
}

Expected<Injector::Names> read_names(const std::string& path) {
  Injector::Names names;
  if (path.empty()) return names;
  std::ifstream file(path);
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    const auto tab = line.find('\t');
    if (tab == std::string::npos)
      return Error{"FASTVIDEO_TRACE_INJECT_NAMES=\"" + path + "\": line " + std::to_string(number) +
                   " is not a name, a tab and the name in the capture"};
    names.emplace(line.substr(0, tab), line.substr(tab + 1));
  }
  if (file.bad() || !file.eof()) return Error{"FASTVIDEO_TRACE_INJECT_NAMES=\"" + path + "\": cannot be read"};
  return names;
}

bool has_ranks(const CaptureDirectory& captures) {
  return std::ranges::any_of(captures.captures(), [](const auto& each) { return each.key.rank.has_value(); });
}

// The captured tensor in the file's memory, complex where `like` is.
at::Tensor captured_tensor(const TensorView& view, const at::Tensor& like) {
  const auto type = scalar_type_of(view.dtype);
  const at::IntArrayRef sizes(view.sizes.data(), view.sizes.size());
  const auto tensor = at::from_blob(const_cast<void*>(view.data), sizes, at::TensorOptions().dtype(type));
  const bool is_pairs = like.is_complex() && !tensor.is_complex() && tensor.dim() == like.dim() + 1;
  return is_pairs ? at::view_as_complex(tensor) : tensor;
}

at::Tensor real_elements(const at::Tensor& tensor) {
  const auto whole = tensor.is_complex() ? at::view_as_real(tensor.resolve_conj()) : tensor;
  return whole.reshape(-1);
}

// A part at a time, so that a tensor in float64 is never whole in memory.
double relative_l2(const at::Tensor& actual, const at::Tensor& captured) {
  constexpr std::int64_t kPart = std::int64_t{1} << 20;
  const auto a = real_elements(actual), b = real_elements(captured);
  double difference = 0, size = 0;
  for (std::int64_t begin = 0; begin < a.numel(); begin += kPart) {
    const auto count = std::min(kPart, a.numel() - begin);
    const auto part = a.narrow(0, begin, count).to(c10::kDouble),
               reference = b.narrow(0, begin, count).to(c10::kDouble);
    const auto is_unknown = at::isfinite(part).logical_and_(at::isfinite(reference)).logical_not_();
    difference += part.sub(reference).masked_fill_(is_unknown, 0).square_().sum().item<double>();
    size += reference.masked_fill(is_unknown, 0).square_().sum().item<double>();
  }
  if (difference == 0) return 0;
  return size == 0 ? std::numeric_limits<double>::infinity() : std::sqrt(difference / size);
}

}  // namespace

Expected<std::shared_ptr<const Injector>> Injector::open(const TraceConfig& config, std::string root) {
  if (config.inject.empty()) return std::shared_ptr<const Injector>();
  auto captures = CaptureDirectory::open(config.inject);
  if (!captures) return Error{"FASTVIDEO_TRACE_INJECT=\"" + config.inject + "\": " + captures.error().message};
  auto names = read_names(config.inject_names);
  if (!names) return names.error();
  for (const auto& note : captures->notes()) warn(config.inject + ": " + note);
  return std::make_shared<const Injector>(*std::move(captures), std::move(root), *std::move(names),
                                          config.inject_inputs);
}

Injector::Injector(CaptureDirectory captures, std::string root, Names names, bool replaces_inputs)
    : captures_(std::move(captures)),
      root_(root_in(captures_, std::move(root))),
      names_(std::move(names)),
      has_ranks_(has_ranks(captures_)),
      replaces_inputs_(replaces_inputs) {}

Injector::~Injector() {
  if (failures_ > 1) warn(std::to_string(failures_) + " comparisons with captured tensors failed");
}

CaptureKey Injector::key(std::string_view module, const TraceCall& call, CaptureSide side) const {
  std::string name(module);
  if (const auto found = names_.find(name); found != names_.end()) name = found->second;
  return {has_ranks_ ? process_rank() : std::nullopt, root_, std::move(name), call.step, call.call, side};
}

Injector::Side Injector::side(std::string_view module, const TraceCall& call, CaptureSide side) const noexcept {
  Side found;
  found.injector_ = this;
  found.is_replaced_ = side == CaptureSide::Output || replaces_inputs_;
  try {
    const auto* const capture = captures_.find(key(module, call, side));
    if (!capture) return found;
    auto tensors = CaptureDirectory::read(*capture);
    found.has_failed_ = !tensors;
    if (tensors)
      found.captured_.emplace(*std::move(tensors));
    else
      fail(tensors.error().message);
  } catch (const std::exception& trouble) {
    found.has_failed_ = true;
    fail(trouble.what());
  }
  return found;
}

void Injector::fail(std::string_view trouble) const noexcept {
  if (failures_++ != 0) return;
  try {
    warn("a captured tensor could not be injected, the model goes on with its own: " + std::string(trouble));
  } catch (...) {  // Out of memory: the model's trouble soon enough.
  }
}

ComparedTensor Injector::Side::compare(const Label& label, const at::Tensor& tensor) const noexcept {
  if (has_failed_) return {{Injected::Failed, {}}, {}};
  try {
    return compared(label, tensor);
  } catch (const std::exception& trouble) {
    injector_->fail(message_of(trouble));
    return {{Injected::Failed, {}}, {}};
  }
}

ComparedTensor Injector::Side::compared(const Label& label, const at::Tensor& tensor) const {
  const auto* const view = captured_ ? captured_->find(to_string(label)) : nullptr;
  if (!view) return {{Injected::Absent, {}}, {}};
  if (!why_opaque(tensor).empty()) return {{Injected::Failed, {}}, {}};
  const at::NoGradGuard no_grad;
  const auto captured = captured_tensor(*view, tensor);
  if (captured.sizes() != tensor.sizes()) return {{Injected::Shape, {}}, {}};
  const auto error = relative_l2(tensor.cpu(), captured);
  if (!is_replaced_) return {{Injected::Compared, error}, {}};
  auto replacement = at::empty_like(tensor);
  replacement.copy_(captured);
  return {{Injected::Replaced, error}, std::move(replacement)};
}

}  // namespace fvhooks::internal
