#pragma once
// A transformer of toys: the control flow of the real one (own code between submodules, residuals, guidance, steps),
// with cheap functions in place of layers, and the bugs that people plant when they port.
#include <set>
#include <string>
#include <utility>

#include "diff/testing/traced_run.h"

namespace fvhooks::internal::testing {

enum class Bug {
  None,
  RopeHalf,         // rotates other pairs, in attn1's own code between to_q and to_out.0
  LeafWeight,       // blocks.1.ffn.up has another weight
  LeafBias,         // blocks.1.ffn.up has another bias
  ResidualDropped,  // blocks.1 forgets to add its input
  WrongArgument,    // blocks.0 hands attn2 its hidden state in place of the text
  Unpatchify,       // the root's own code at its end
  LeafMissing,      // blocks.0.norm is not called, and its job not done
  StaleStep,        // from the second step on, blocks.1.time gets the first step's time
  ExtraModule,      // calls a dropout that the reference has not
  SwappedOrder,     // calls to_k before to_q
  WrongModelInput,  // the caller hands other latents over
  NotANumber,       // blocks.1.ffn.down overflows
};

class ToyTransformer {
 public:
  ToyTransformer(TracedRun& run, std::set<Bug> bugs) : run_(run), bugs_(std::move(bugs)) {}

  void forward(const Values& latents, const Values& text, float time) {
    auto hidden = latents;
    if (has(Bug::WrongModelInput)) hidden[0] += 5;
    const auto call = run_.enter("", {hidden, text});
    hidden = run_.leaf("patch", {hidden}, scaled(hidden, 1.5F));
    for (int index = 0; index < 2; ++index) hidden = block("blocks." + std::to_string(index), hidden, text, time);
    hidden = run_.leaf("head", {hidden}, scaled(hidden, 0.5F));
    run_.leave(call, has(Bug::Unpatchify) ? rotated(hidden, 1) : hidden);
  }

  // Two steps of two guidance passes.
  void run() {
    for (const std::int64_t step : {0, 1}) {
      run_.step = step;
      const auto latents = random_values(10 + static_cast<unsigned>(step));
      for (const unsigned pass : {0U, 1U}) forward(latents, random_values(20 + pass), static_cast<float>(step + 1));
    }
  }

 private:
  static Values scaled(Values values, float factor) {
    for (auto& value : values) value *= factor;
    return values;
  }
  static Values sum(Values a, const Values& b) {
    for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
    return a;
  }
  static Values rotated(const Values& values, std::size_t by) {
    Values result(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) result[(i + by) % values.size()] = values[i];
    return result;
  }

  Values attention(const std::string& name, const Values& hidden, const Values& context) {
    const auto call = run_.enter(name, {hidden, context});
    Values query, key;
    if (has(Bug::SwappedOrder)) {
      key = run_.leaf(name + ".to_k", {context}, scaled(context, 0.9F));
      query = run_.leaf(name + ".to_q", {hidden}, scaled(hidden, 1.1F));
    } else {
      query = run_.leaf(name + ".to_q", {hidden}, scaled(hidden, 1.1F));
      key = run_.leaf(name + ".to_k", {context}, scaled(context, 0.9F));
    }
    const bool is_wrong = has(Bug::RopeHalf) && name == "blocks.0.attn1";
    const auto mixed = sum(rotated(query, is_wrong ? 2 : 1), key);
    return run_.leave(call, run_.leaf(name + ".to_out.0", {mixed}, scaled(mixed, 0.7F)));
  }

  Values feed_forward(const std::string& name, const Values& hidden, bool is_buggy_block) {
    const auto call = run_.enter(name, {hidden});
    auto up = scaled(hidden, 2);
    if (is_buggy_block && has(Bug::LeafWeight)) up[3] *= 4;
    if (is_buggy_block && has(Bug::LeafBias)) {
      for (auto& value : up) value += 0.05F;
    }
    up = run_.leaf(name + ".up", {hidden}, up);
    auto down = scaled(up, 0.3F);
    if (is_buggy_block && has(Bug::NotANumber)) down[5] = std::nanf("");
    return run_.leave(call, run_.leaf(name + ".down", {up}, down));
  }

  Values block(const std::string& name, const Values& hidden, const Values& text, float time) {
    const auto call = run_.enter(name, {hidden, text});
    const bool is_second = name == "blocks.1";
    const float own_time = has(Bug::StaleStep) && is_second ? 1.0F : time;
    const Values embedded(8, own_time);
    run_.leaf(name + ".time", {embedded}, scaled(embedded, 3));
    auto normed = scaled(hidden, 0.8F * own_time);
    if (has(Bug::LeafMissing) && name == "blocks.0") {
      normed = hidden;
    } else {
      normed = run_.leaf(name + ".norm", {hidden}, normed);
    }
    if (has(Bug::ExtraModule)) run_.leaf(name + ".dropout", {normed}, normed);
    auto result = sum(hidden, attention(name + ".attn1", normed, normed));
    const bool is_wrong_argument = has(Bug::WrongArgument) && name == "blocks.0";
    result = sum(result, attention(name + ".attn2", result, is_wrong_argument ? result : text));
    const auto fed = feed_forward(name + ".ffn", result, is_second);
    return run_.leave(call, has(Bug::ResidualDropped) && is_second ? fed : sum(result, fed));
  }

  bool has(Bug bug) const { return bugs_.contains(bug); }

  TracedRun& run_;
  std::set<Bug> bugs_;
};

inline TracedRun traced(Bug bug, float noise = 0, bool inputs = true, bool root = true, unsigned seed = 7) {
  TracedRun run;
  run.seed_noise(seed);
  run.noise = noise;
  run.inputs = inputs;
  run.root = root;
  ToyTransformer(run, {bug}).run();
  return run;
}

// With those bugs, under injection of what the clean one returns; its inputs as well, if so asked.
inline TracedRun injected(std::set<Bug> bugs, float noise = 0, bool with_inputs = false) {
  const auto reference = traced(Bug::None);
  TracedRun run;
  run.noise = noise;
  run.injects(reference, with_inputs);
  ToyTransformer(run, std::move(bugs)).run();
  return run;
}

}  // namespace fvhooks::internal::testing
