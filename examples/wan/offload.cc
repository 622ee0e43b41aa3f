#include "offload.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <numeric>

#include "fvhooks/checkpoint.h"
#include "fvhooks/expected.h"
#include "fvhooks/torch/layerwise_offload.h"
#include "weights.h"

namespace wan {
namespace {

template <class T>
T sum(const std::vector<T>& values) {
  return std::accumulate(values.begin(), values.end(), T());
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw fvhooks::Exception(path + ": cannot be written: " + std::strerror(errno));
}

void print_summary(const fvhooks::OffloadReport& report) {
  std::cout << std::setprecision(2) << "offload: " << report.wall_seconds << " s, "
            << report.wall_seconds * report.efficiency() << " s at least (" << 100 * report.efficiency() << " %); "
            << static_cast<double>(report.bytes_moved) / 1e9 << " GB moved in " << sum(report.loads) << " loads, "
            << report.loader_cpu_seconds << " s of processor time\n"
            << "offload: waited " << report.stalled() << " s; by block, in seconds:";
  for (const auto seconds : report.stall_seconds) std::cout << ' ' << seconds;
  std::cout << std::setprecision(1) << std::endl;
}

bool is_checkpoint(const std::string& path) { return fvhooks::Checkpoint::open(path).has_value(); }

}  // namespace

void offload(WanTransformer3DModelImpl& model, const OffloadRequest& request, const std::string& model_folder) {
  fvhooks::LayerwiseOffloadOptions options;
  for (std::size_t i = 0; i < model.blocks.size(); ++i) options.blocks.push_back("blocks." + std::to_string(i));
  options.budget = request.budget.value_or(0);
  options.prefetch_depth = request.prefetch_depth;
  if (request.store != "host") options.store = request.store.empty() ? checkpoint_path(model_folder) : request.store;
  // Then nothing is read but what a forward needs: the model need not fit in memory.
  if (request.is_unchanged && is_checkpoint(options.store)) {
    for (auto& block : model.blocks) fvhooks::await_checkpoint(*block);
  }
  fvhooks::enable_layerwise_offload(model, options);
  std::cout << "offloaded " << model.blocks.size() << " blocks to "
            << (options.store.empty() ? "host memory" : options.store) << std::endl;
}

void report_offload(const WanTransformer3DModelImpl& model, const OffloadRequest& request) {
  const auto report = fvhooks::offload_report(model);
  print_summary(report);
  if (!request.report.empty()) write_file(request.report, fvhooks::chrome_trace(report));
}

}  // namespace wan
