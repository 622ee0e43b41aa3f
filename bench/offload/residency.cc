// Seconds of a step of 40 simulated blocks of which half are resident, transfer twice as slow as computation: first
// spread evenly, as planned, then the leading half.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "fvhooks/offload.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBlocks = 40, kResident = 20, kSlots = 2, kBlockBytes = 4096;
constexpr std::chrono::milliseconds kCompute{10};
constexpr int kSteps = 3;

class SleepingTransfer : public fvhooks::Transfer {
 public:
  std::size_t blocks() const noexcept override { return kBlocks; }
  std::size_t bytes(std::size_t) const noexcept override { return kBlockBytes; }
  fvhooks::Expected<std::byte*> allocate(std::size_t bytes) override {
    memory_.resize(bytes);
    return memory_.data();
  }
  void release(std::byte*, std::size_t) noexcept override {}
  fvhooks::Expected<std::monostate> fetch(std::size_t, std::size_t, std::byte*) override {
    std::this_thread::sleep_for(2 * kCompute);
    return std::monostate();
  }
  fvhooks::Expected<std::monostate> put(std::size_t, std::size_t, const std::byte*) override {
    return std::monostate();
  }

 private:
  std::vector<std::byte> memory_;
};

void run_step(fvhooks::OffloadEngine& engine) {
  for (std::size_t block = 0; block < kBlocks; ++block) {
    const auto lease = engine.acquire(block).value();
    std::this_thread::sleep_for(kCompute);
  }
}

double seconds_a_step(const fvhooks::OffloadOptions& options) {
  const auto engine = fvhooks::OffloadEngine::open(std::make_shared<SleepingTransfer>(), options).value();
  run_step(*engine);  // resident blocks come once
  const auto begin = Clock::now();
  for (int step = 0; step < kSteps; ++step) run_step(*engine);
  return std::chrono::duration<double>(Clock::now() - begin).count() / kSteps;
}

}  // namespace

int main() {
  fvhooks::OffloadOptions options;
  options.budget = (kResident + kSlots) * kBlockBytes;
  const double evenly = seconds_a_step(options);
  options.resident.assign(kBlocks, false);
  for (std::size_t block = 0; block < kResident; ++block) options.resident[block] = true;
  std::printf("%.6f %.6f\n", evenly, seconds_a_step(options));
}
