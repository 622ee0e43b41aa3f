// Scale, shift and gate by the timestep, and the residual stream that they are added to.
#include "../modulation.h"

#include "bugs.h"

namespace wan {
namespace {

class ShiftAndScaleSwapped : public Modulation {
  Tensor scale_and_shift(const Tensor& normalized, const Tensor& scale, const Tensor& shift) const override {
    return Modulation::scale_and_shift(normalized, shift, scale);
  }
};

class WithoutOne : public Modulation {
  Tensor scale_and_shift(const Tensor& normalized, const Tensor& scale, const Tensor& shift) const override {
    return normalized * scale + shift;
  }
};

class GateFirst : public Modulation {
  std::vector<Tensor> chunks(const Tensor& scale_shift_table, const Tensor& temb) const override {
    auto chunks = Modulation::chunks(scale_shift_table, temb);
    std::rotate(chunks.begin(), chunks.begin() + 2, chunks.begin() + 3);
    std::rotate(chunks.begin() + 3, chunks.begin() + 5, chunks.end());
    return chunks;
  }
};

class WithoutTable : public Modulation {
  std::vector<Tensor> chunks(const Tensor& scale_shift_table, const Tensor& temb) const override {
    return Modulation::chunks(torch::zeros_like(scale_shift_table), temb);
  }
};

class WithoutGate : public Modulation {
  Tensor add_gated(const Tensor& hidden_states, const Tensor& output, const Tensor& gate) const override {
    return Modulation::add_gated(hidden_states, output, torch::ones_like(gate));
  }
};

class WithoutResidual : public Modulation {
  Tensor add_gated(const Tensor& hidden_states, const Tensor& output, const Tensor& gate) const override {
    return Modulation::add_gated(torch::zeros_like(hidden_states), output, gate);
  }
};

template <class Buggy>
void set_in_blocks(Port& port) {
  for (auto& block : port.model.blocks) block->set_modulation(std::make_shared<Buggy>());
}

constexpr Planting kBugs[] = {
    {"modulation-swapped", "shift and scale change places", &set_in_blocks<ShiftAndScaleSwapped>},
    {"modulation-without-one", "scale multiplies, in place of 1 + scale", &set_in_blocks<WithoutOne>},
    {"modulation-order", "chunks are taken as gate, shift, scale", &set_in_blocks<GateFirst>},
    {"modulation-without-table", "the block's own table is not added to the timestep's embedding",
     &set_in_blocks<WithoutTable>},
    {"gate-missing", "outputs are added without their gate", &set_in_blocks<WithoutGate>},
    {"residual-dropped", "in one block, outputs replace the residual stream instead of being added to it",
     [](Port& port) { port.model.blocks.at(2)->set_modulation(std::make_shared<WithoutResidual>()); }},
    {"final-modulation-swapped", "shift and scale change places after the output norm",
     [](Port& port) { port.model.set_modulation(std::make_shared<ShiftAndScaleSwapped>()); }},
};

}  // namespace

std::span<const Planting> modulation_bugs() { return kBugs; }

}  // namespace wan
