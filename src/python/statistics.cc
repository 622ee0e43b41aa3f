#include "python/statistics.h"

#include <torch/csrc/autograd/python_variable.h>

#include <algorithm>
#include <string>
#include <vector>

#include "fvhooks/record.h"
#include "fvhooks/stats.h"
#include "fvhooks/torch/tensor_view.h"

namespace fvhooks::internal {
namespace {

namespace py = pybind11;

template <class... Visit>
struct Overloaded : Visit... {
  using Visit::operator()...;
};
template <class... Visit>
Overloaded(Visit...) -> Overloaded<Visit...>;

py::object python_integer(Int128 value) {
  constexpr auto kHalf = 64;
  const auto high = py::int_(static_cast<std::int64_t>(value >> kHalf));
  const auto low = py::int_(static_cast<std::uint64_t>(value));
  return high.attr("__lshift__")(kHalf).attr("__or__")(low);
}

py::object python_value(const Value& value) {
  return std::visit(Overloaded{
                        [](std::nullptr_t) -> py::object { return py::none(); },
                        [](double number) -> py::object { return py::float_(number); },
                        [](Int128 number) { return python_integer(number); },
                        [](const std::string& text) -> py::object { return py::str(text); },
                        [](const std::vector<std::int64_t>& shape) -> py::object {
                          py::list list;
                          for (const auto size : shape) list.append(size);
                          return list;
                        },
                        [](const RawJson& json) -> py::object { return py::str(json.text); },
                    },
                    value);
}

std::vector<Stat> stats_named(const py::object& names) {
  if (names.is_none()) return {all_stats().begin(), all_stats().end()};
  if (py::isinstance<py::str>(names)) throw py::type_error("stats is a sequence of names, not one string");
  std::vector<Stat> stats;
  for (const auto name : names) {
    const auto text = name.cast<std::string>();
    const auto stat = stat_from_name(text);
    if (!stat) {
      std::string message = "there is no statistic \"" + text + "\"; there are";
      for (const auto known : all_stats()) message.append(" ").append(stat_name(known));
      throw py::value_error(message);
    }
    stats.push_back(*stat);
  }
  return stats;
}

int sketch_size(const py::object& size) {
  for (const int allowed : {0, 64, 128, 256}) {
    if (PyIndex_Check(size.ptr()) && size.equal(py::int_(allowed))) return allowed;
  }
  throw py::value_error("sketch=" + std::string(py::repr(size)) + " is none of 0 (no sketch), 64, 128 and 256");
}

bool needs_values(Stat stat) { return stat != Stat::Shape && stat != Stat::DType; }

py::object opaque_value(Stat stat, const HostTensor& host) {
  if (stat == Stat::DType) return py::str(host.dtype_name());
  return python_value(std::vector<std::int64_t>(host.sizes().begin(), host.sizes().end()));
}

}  // namespace

py::dict tensor_stats_dict(py::handle tensor, const py::object& names, const py::object& size) {
  if (!THPVariable_Check(tensor.ptr()))
    throw py::type_error("tensor_stats takes a torch.Tensor, not " + std::string(py::repr(py::type::of(tensor))));
  const auto sketch_buckets = sketch_size(size);
  const auto stats = stats_named(names);
  const at::Tensor unpacked = THPVariable_Unpack(tensor.ptr());

  TensorStats values;
  Sketch sketch;
  const bool reads = sketch_buckets != 0 || std::any_of(stats.begin(), stats.end(), needs_values);
  const auto host = [&] {
    const py::gil_scoped_release no_gil;
    auto held = std::make_unique<HostTensor>(unpacked);
    if (held->view() && reads) values = tensor_stats(*held->view(), sketch_buckets, &sketch);
    return held;
  }();
  if (!host->view() && reads) throw py::value_error("no statistics: " + host->reason());

  py::dict result;
  for (const auto stat : stats) {
    result[py::str(std::string(stat_name(stat)))] =
        host->view() ? python_value(stat_value(stat, values, *host->view())) : opaque_value(stat, *host);
  }
  if (values.nan > 0) result["nan"] = values.nan;
  if (values.inf > 0) result["inf"] = values.inf;
  if (sketch_buckets > 0) {
    sketch.buckets = sketch_buckets;
    result["sketch"] = encode_sketch(sketch);
  }
  return result;
}

}  // namespace fvhooks::internal
