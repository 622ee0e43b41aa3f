// Any bytes: lines that are no rules are warned of with file and line, the others make views of any tensor or say why
// not, and no view leaves the tensor.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "fvhooks/warning.h"
#include "view/views.h"

namespace {

using fvhooks::internal::Layout;
using fvhooks::internal::ViewPlan;
using fvhooks::internal::Views;
using Sizes = std::vector<std::int64_t>;

std::int64_t numel(const Layout& layout) {
  std::int64_t count = 1;
  for (const auto size : layout.sizes) count *= size;
  return count;
}

void expect_within(const Layout& layout, std::int64_t elements) {
  if (layout.sizes.size() != layout.strides.size()) std::abort();
  if (numel(layout) == 0) return;
  auto last = layout.offset;
  for (std::size_t i = 0; i < layout.sizes.size(); ++i) last += (layout.sizes[i] - 1) * layout.strides[i];
  if (layout.offset < 0 || last < layout.offset || last >= elements) std::abort();
}

void expect_within(const ViewPlan& plan, std::int64_t elements) {
  std::vector<std::int64_t> sources{elements};
  for (const auto& copy : plan.copies) {
    expect_within(copy.layout, sources.at(copy.source));
    sources.push_back(numel(copy.layout));
  }
  for (const auto& part : plan.parts) expect_within(part.layout, sources.at(part.source));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fvhooks::set_warning_handler([](std::string_view message) {
    if (!message.starts_with("views.txt:")) std::abort();
  });
  const std::string text(reinterpret_cast<const char*>(data), size);
  auto views = Views::parse(text, "views.txt");
  const std::vector<std::string> modules{"", "a", "blocks.0.attn1.to_qkv", "rope", text.substr(0, text.find(' '))};
  views.match(modules);
  static const std::array<Sizes, 5> kShapes{{{}, {12}, {2, 3, 36}, {1, 6, 4, 8}, {2, 0, 3}}};
  for (const auto& module : modules) {
    const auto* const found = views.find(module);
    if (!found) continue;
    for (const auto& sizes : kShapes) {
      const auto layout = fvhooks::internal::contiguous_layout(sizes);
      const auto plan = found->plan("out", 1, layout.sizes, layout.strides);
      if (plan) expect_within(*plan, numel(layout));
    }
  }
  return 0;
}
