// Prints the microseconds that a trace adds to one call of a C++ module, traced as the environment says.
#include <fvhooks/torch/activation_trace.h>
#include <fvhooks/torch/nn.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr int kCalls = 2000;
constexpr int kRepeats = 7;

double microseconds(fvhooks::nn::Identity& module, const torch::Tensor& x) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kCalls; ++i) module->forward(x);
  const std::chrono::duration<double, std::micro> taken = std::chrono::steady_clock::now() - start;
  return taken.count() / kCalls;
}

double median(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  return samples[samples.size() / 2];
}

}  // namespace

int main() {
  torch::set_num_threads(1);
  const auto x = torch::ones({1});
  fvhooks::nn::Identity plain, traced;
  fvhooks::nn::Sequential model(traced);
  const auto trace = fvhooks::attach_activation_trace(model);
  if (!trace) {
    std::fputs("hooked_call: FASTVIDEO_TRACE_ACTIVATIONS is not set\n", stderr);
    return EXIT_FAILURE;
  }
  microseconds(plain, x);
  microseconds(traced, x);
  std::vector<double> off, on;
  for (int i = 0; i < kRepeats; ++i) {
    off.push_back(microseconds(plain, x));
    on.push_back(microseconds(traced, x));
  }
  std::printf("%.4f\n", median(on) - median(off));
}
