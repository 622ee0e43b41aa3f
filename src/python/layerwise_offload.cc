// fvhooks._C.OffloadedModel: what python/fvhooks/layerwise_offload.py calls. What may wait for a disk or a device does
// so without the GIL.
#include "python/layerwise_offload.h"

#include <pybind11/stl.h>
#include <torch/csrc/Device.h>
#include <torch/csrc/autograd/python_variable.h>

#include "torch/offloaded_model.h"

namespace fvhooks::internal {
namespace {

namespace py = pybind11;
using NoGil = py::call_guard<py::gil_scoped_release>;

// (name, tensor, sizes that it shall get from the checkpoint or None)
std::vector<NamedVariable> variables_from(const py::iterable& items) {
  std::vector<NamedVariable> variables;
  for (const auto item : items) {
    const auto fields = py::cast<py::tuple>(item);
    const auto tensor = fields[1];
    if (!THPVariable_Check(tensor.ptr())) throw py::type_error("a tensor is needed");
    variables.push_back({py::cast<std::string>(fields[0]), THPVariable_Unpack(tensor.ptr()),
                         py::cast<std::optional<std::vector<std::int64_t>>>(fields[2])});
  }
  return variables;
}

std::vector<std::vector<NamedVariable>> blocks_from(const py::iterable& blocks) {
  std::vector<std::vector<NamedVariable>> found;
  for (const auto block : blocks) found.push_back(variables_from(py::cast<py::iterable>(block)));
  return found;
}

std::shared_ptr<OffloadedModel> make(const py::iterable& blocks, const py::iterable& others, std::uint64_t budget,
                                     std::size_t prefetch_depth, const py::object& device, std::string store,
                                     std::string scratch, const py::function& log) {
  if (!THPDevice_Check(device.ptr())) throw py::type_error("device must be a torch.device");
  OffloadSettings settings;
  settings.budget = budget;
  settings.prefetch_depth = prefetch_depth;
  settings.device = reinterpret_cast<THPDevice*>(device.ptr())->device;
  settings.store = std::move(store);
  settings.scratch = std::move(scratch);
  std::vector<std::string> lines;
  settings.log = [&](const std::string& line) { lines.push_back(line); };
  const auto of_blocks = blocks_from(blocks);
  const auto of_others = variables_from(others);
  auto model = [&] {
    const py::gil_scoped_release no_gil;
    return OffloadedModel::make(of_blocks, of_others, settings);
  }();
  for (const auto& line : lines) log(line);
  return model;
}

py::list values_of(OffloadedModel& model, std::size_t block) {
  const auto tensors = [&] {
    const py::gil_scoped_release no_gil;
    return model.values(block);
  }();
  py::list values;
  const auto& variables = model.variables(block);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    values.append(
        py::make_tuple(variables[i].named.name, py::reinterpret_steal<py::object>(THPVariable_Wrap(tensors[i]))));
  }
  return values;
}

py::dict report_of(const OffloadedModel& model) {
  const auto report = model.engine().report();
  py::dict result;
  result["wall_seconds"] = report.wall_seconds;
  result["stall_seconds"] = report.stall_seconds;
  result["load_seconds"] = report.load_seconds;
  result["use_seconds"] = report.use_seconds;
  result["uses"] = report.uses;
  result["loads"] = report.loads;
  result["bytes_moved"] = report.bytes_moved;
  result["loader_cpu_seconds"] = report.loader_cpu_seconds;
  result["efficiency"] = report.efficiency();
  return result;
}

}  // namespace

void bind_layerwise_offload(py::module_& m) {
  py::class_<OffloadedModel, std::shared_ptr<OffloadedModel>>(m, "OffloadedModel")
      .def(py::init(&make), py::arg("blocks"), py::arg("others"), py::kw_only(), py::arg("budget"),
           py::arg("prefetch_depth"), py::arg("device"), py::arg("store"), py::arg("scratch"), py::arg("log"))
      .def("enter", &OffloadedModel::enter, NoGil())
      .def("leave", &OffloadedModel::leave, NoGil())
      .def("begin_change", &OffloadedModel::begin_change, NoGil())
      .def("commit_change", &OffloadedModel::commit_change, NoGil())
      .def("end_change", &OffloadedModel::end_change, NoGil())
      .def("values", &values_of)
      .def("materialize", &OffloadedModel::materialize, NoGil())
      .def("dematerialize", &OffloadedModel::dematerialize, NoGil())
      .def("restore", &OffloadedModel::restore, NoGil())
      .def("resume", &OffloadedModel::resume, NoGil())
      .def("report", &report_of)
      .def("reset_report", &OffloadedModel::reset_report)
      .def("chrome_trace", [](const OffloadedModel& model) { return chrome_trace(model.engine().report()); })
      .def_property_readonly("allocated_bytes",
                             [](const OffloadedModel& model) { return model.engine().allocated_bytes(); })
      .def_property_readonly("resident_blocks", [](const OffloadedModel& model) {
        std::vector<std::size_t> resident;
        const auto& plan = model.engine().plan().resident;
        for (std::size_t i = 0; i < plan.size(); ++i) {
          if (plan[i]) resident.push_back(i);
        }
        return resident;
      });
}

}  // namespace fvhooks::internal
