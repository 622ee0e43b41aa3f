// Traces two runs of a computation of one's own, no torch anywhere, and compares them:
//   compare_runs reference.jsonl port.jsonl
#include <fvhooks/config.h>
#include <fvhooks/diff.h>
#include <fvhooks/tracer.h>

#include <array>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

namespace {

constexpr std::array<std::int64_t, 2> kSizes{8, 16};
constexpr std::array<std::int64_t, 2> kStrides{16, 1};

// The layer under test; the port forgets the bias.
std::vector<float> layer(const std::vector<float>& in, float bias) {
  std::vector<float> out;
  for (const float x : in) out.push_back(2 * x + bias);
  return out;
}

void run(const std::string& path, float bias) {
  fvhooks::TraceConfig config;
  config.enabled = true;
  config.stats = {fvhooks::Stat::AbsMean, fvhooks::Stat::Mean, fvhooks::Stat::Shape, fvhooks::Stat::DType};
  config.output = path;
  const auto tracer = fvhooks::Tracer::open(config).value();
  const auto record = [&](std::string_view module, const std::vector<float>& values) {
    const fvhooks::TensorView view{values.data(), fvhooks::DType::Float32, kSizes, kStrides};
    tracer->record(module, tracer->enter(module), fvhooks::Label{nullptr, std::string_view("out")}, view);
  };

  std::vector<float> x(8 * 16);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 7) - 3;
  record("embed", x);
  record("layer", layer(x, bias));
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::cerr << "usage: compare_runs reference.jsonl port.jsonl\n";
    return 2;
  }
  run(argv[1], 0.5f);
  run(argv[2], 0);
  const auto verdict = fvhooks::diff_traces(argv[1], argv[2]).value();
  if (verdict.first_diverged) std::cout << "first divergent: " << verdict.key(*verdict.first_diverged).module << "\n";
  return verdict.passed ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 2;
}
