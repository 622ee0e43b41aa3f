// wan: denoises a latent video with a Wan 2.1 transformer on the CPU.
#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <iomanip>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bugs/bugs.h"
#include "capture.h"
#include "context_len.h"
#include "denoise.h"
#include "fvhooks/expected.h"
#include "fvhooks/torch/activation_trace.h"
#include "fvhooks/torch/layerwise_offload.h"
#include "fvhooks/warning.h"
#include "offload.h"
#include "tensors.h"
#include "weights.h"

namespace {

struct Options {
  std::string model, inputs, output;
  torch::ScalarType dtype = torch::kFloat32;
  std::vector<std::string> bugs, variants, layouts;
  std::string capture, capture_module;
  std::optional<int> threads;
  wan::OffloadRequest offload;
};

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

void list(const std::vector<wan::Planting>& plantings) {
  for (const auto& planting : plantings) std::cout << planting.name << ": " << planting.description << '\n';
}

wan::WanTransformer3DModel load_model(const Options& options, std::optional<std::int64_t> context_len) {
  const Stopwatch loading;
  wan::WanTransformer3DModel model(wan::read_config(options.model + "/config.json"), &fvhooks::await_checkpoint);
  wan::load_weights(*model, options.model, options.dtype);
  model->eval();
  if (context_len)
    for (auto& block : model->blocks)
      block->attn2->set_processor(std::make_shared<wan::ContextLenAttnProcessor>(*context_len));
  std::cout << "loaded " << model->blocks.size() << " blocks from " << options.model << " in " << loading.seconds()
            << " s" << std::endl;
  return model;
}

void run(const Options& options) {
  if (options.threads) at::set_num_threads(*options.threads);
  const torch::NoGradGuard no_grad;
  auto inputs = wan::read_inputs(options.inputs);
  auto model = load_model(options, inputs.context_len);

  wan::Port port(model, inputs);
  for (const auto& bug : options.bugs) wan::plant(port, wan::all_bugs(), bug);
  for (const auto& variant : options.variants) wan::plant(port, wan::all_variants(), variant);
  for (const auto& layout : options.layouts) wan::plant(port, wan::all_layouts(), layout);
  const auto trace = fvhooks::attach_activation_trace(model);
  if (trace) std::cout << "tracing " << trace.modules() << " modules to " << trace.tracer().path() << std::endl;
  wan::Tensors captured;
  if (!options.capture.empty()) wan::capture_calls(*model, options.capture_module, captured);
  port.finish();
  if (options.offload.budget) {
    auto request = options.offload;
    request.is_unchanged = options.bugs.empty() && options.variants.empty() && options.layouts.empty();
    wan::offload(*model, request, options.model);
  }

  const Stopwatch running;
  const auto latents = (*port.denoiser)(model, inputs, options.dtype, [&](std::int64_t step) {
    std::cout << "step " << step + 1 << " of " << inputs.timesteps.size(0) << ", " << running.seconds() << " s"
              << std::endl;
  });
  if (options.offload.budget) wan::report_offload(*model, options.offload);
  wan::write_tensors(options.output, {{"latents", latents}});
  if (!options.capture.empty()) wan::write_tensors(options.capture, captured);
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int kCouldNotRun = 2;
  std::cout << std::fixed << std::setprecision(1);

  Options options;
  CLI::App app("Denoises a latent video with a Wan 2.1 text-to-video transformer. Traced as FASTVIDEO_TRACE_* say.",
               "wan");
  app.add_option("--model", options.model, "folder with config.json and diffusion_pytorch_model.safetensors")
      ->required();
  app.add_option("--inputs", options.inputs, "latents, text embeddings, timesteps and sigmas (safetensors)")
      ->required();
  app.add_option("--output", options.output, "denoised latents (safetensors)")->required();
  app.add_option("--dtype", options.dtype, "fp32 or bf16")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, torch::ScalarType>{{"fp32", torch::kFloat32}, {"bf16", torch::kBFloat16}}));
  app.add_option("--bug", options.bugs, "plant a bug (repeatable; see --list-bugs)");
  app.add_option("--variant", options.variants,
                 "change what may legitimately differ (repeatable; see --list-variants)");
  app.add_option("--layout", options.layouts, "lay out tensors or calls otherwise (repeatable; see --list-layouts)");
  auto* const capture =
      app.add_option("--capture", options.capture, "whole inputs and outputs of one module (safetensors)");
  app.add_option("--capture-module", options.capture_module, "which module; the transformer, if not given")
      ->needs(capture);
  app.add_option("--threads", options.threads, "threads of torch's operators")->check(CLI::PositiveNumber);
  auto* const budget =
      app.add_option("--offload-budget", options.offload.budget,
                     "bytes of memory for the weights of the blocks, e.g. 2G or 512MiB; 0: as few as will do")
          ->transform(CLI::AsSizeValue(/*kb_is_1000=*/true))
          ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{1} << 62));
  auto* const store =
      app.add_option("--offload-store", options.offload.store,
                     "where the weights rest: host (memory) or a path; the model's own checkpoint, if not given");
  auto* const prefetch = app.add_option("--offload-prefetch", options.offload.prefetch_depth,
                                        "blocks on their way ahead of the one in use")
                             ->capture_default_str();
  auto* const timeline =
      app.add_option("--offload-report", options.offload.report, "timeline for Perfetto (Chrome's trace format)");
  for (auto* option : {store, prefetch, timeline}) option->needs(budget);
  const auto add_list = [&](const char* flag, auto plantings, const char* description) {
    app.add_flag_callback(
        flag,
        [plantings] {
          list(plantings());
          throw CLI::Success();
        },
        description);
  };
  add_list("--list-bugs", &wan::all_bugs, "list the bugs that can be planted");
  add_list("--list-variants", &wan::all_variants, "list the variants");
  add_list("--list-layouts", &wan::all_layouts, "list the layouts");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kCouldNotRun;
  }

  fvhooks::set_warning_handler([](std::string_view message) { std::cerr << "wan: warning: " << message << '\n'; });
  try {
    run(options);
    return 0;
  } catch (const c10::Error& error) {
    std::cerr << "wan: " << error.what_without_backtrace() << '\n';
  } catch (const std::exception& error) {
    std::cerr << "wan: " << error.what() << '\n';
  }
  return kCouldNotRun;
}
