// The transformer's own code: patches to tokens and back, and the loop over blocks.
#include "bugs.h"

namespace wan {
namespace {

// [batch, tokens, (p_t p_h p_w channels)], as if it were [batch, tokens, (channels p_t p_h p_w)].
void unpatchify_channels_first(Port& port) {
  const auto channels = port.model.config().out_channels;
  port.caller_uses(*port.model.proj_out, [channels](const Tensor&, const Tensor& output) {
    return output.unflatten(-1, {channels, -1}).transpose(-1, -2).flatten(-2);
  });
}

void unpatchify_width_first(Port& port) {
  const auto [p_t, p_h, p_w] = port.model.config().patch_size;
  port.caller_uses(*port.model.proj_out, [=](const Tensor&, const Tensor& output) {
    return output.unflatten(-1, {p_t, p_w, p_h, -1}).transpose(-2, -3).flatten(-4);
  });
}

constexpr Planting kBugs[] = {
    {"patchify-axes", "tokens run through height before width",
     [](Port& port) {
       port.caller_uses(*port.model.patch_embedding,
                        [](const Tensor&, const Tensor& patches) { return patches.transpose(3, 4); });
     }},
    {"unpatchify-channels", "a token is unfolded with its channels first", &unpatchify_channels_first},
    {"unpatchify-axes", "a token is unfolded with its width before its height", &unpatchify_width_first},
    {"block-skipped", "the last block is skipped", [](Port& port) { port.model.blocks.pop_back(); }},
    {"block-twice", "a block runs twice",
     [](Port& port) { port.model.blocks.insert(port.model.blocks.begin() + 1, port.model.blocks.at(1)); }},
    {"blocks-out-of-order", "two blocks run in the wrong order",
     [](Port& port) { std::swap(port.model.blocks.at(1), port.model.blocks.at(2)); }},
};

}  // namespace

std::span<const Planting> patch_and_block_bugs() { return kBugs; }

}  // namespace wan
