#include "stats/add_tile.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "stats/element.h"
#include "stats/merge.h"

namespace fvhooks::internal {
namespace {

template <class Stored>
Stored load(const std::byte* stored, std::size_t i) {
  Stored value;
  std::memcpy(&value, stored + i * sizeof(Stored), sizeof(Stored));
  return value;
}

// The stored elements of a tile, one after the other.
class StoredTile {
 public:
  StoredTile(const TileSource& source, std::uint64_t tile, Gather::Scratch& scratch)
      : count(source.count(tile)), bytes(source.gather.tile(tile * kTile, count, scratch)), scratch_(scratch) {}

  // Of `parts` numbers of `item` bytes, changes the sign of every `step`th, from the first on: of floats, their last
  // bit.
  void negate(std::size_t parts, std::size_t item, std::size_t first, std::size_t step) {
    if (bytes != scratch_.tile.data()) std::memcpy(scratch_.tile.data(), bytes, parts * item);
    bytes = scratch_.tile.data();
    for (std::size_t i = first; i < parts; i += step) scratch_.tile[(i + 1) * item - 1] ^= std::byte{0x80};
  }

  const std::size_t count;
  const std::byte* bytes;

 private:
  Gather::Scratch& scratch_;
};

double* sketch_sums(const Chunk& chunk, std::uint64_t tile) {
  auto* const sums = chunk.sketch[tile / kTilesPerChunk % chunk.sketch.size()];
  return sums ? sums->data() : nullptr;
}

template <DType kDType>
void add_real(const TileSource& source, std::uint64_t tile, Gather::Scratch& scratch, Chunk& chunk) {
  StoredTile stored(source, tile, scratch);
  if (source.tensor.negative) stored.negate(stored.count, item_size(kDType), 0, 1);
  double* const sketch = chunk.sketch[0] ? chunk.sketch[0]->data() : nullptr;
  const TileSums sums = add_tile(kDType, stored.bytes, stored.count, tile, sketch);
  merge(chunk.census, sums.census);
  merge(chunk.moments, sums.moments);
}

// `Part` is what a real or imaginary part is stored as, `kPart` its dtype.
template <class Part, DType kPart>
void add_complex(const TileSource& source, std::uint64_t tile, Gather::Scratch& scratch, Chunk& chunk) {
  StoredTile stored(source, tile, scratch);
  const std::size_t parts = 2 * stored.count;
  if (source.tensor.negative) stored.negate(parts, sizeof(Part), 0, 2);
  if (source.tensor.negative != source.tensor.conjugate) stored.negate(parts, sizeof(Part), 1, 2);
  alignas(64) std::array<double, kTile> moduli;
  for (std::size_t i = 0; i < stored.count; ++i) {
    moduli[i] = modulus(static_cast<double>(element(load<Part>(stored.bytes, 2 * i))),
                        static_cast<double>(element(load<Part>(stored.bytes, 2 * i + 1))));
  }
  const auto sums =
      add_tile(DType::Float64, reinterpret_cast<const std::byte*>(moduli.data()), stored.count, tile, nullptr);
  merge(chunk.census, sums.census);
  merge(chunk.moments, sums.moments);
  if (!chunk.sketch[0]) return;
  for (std::size_t half = 0; half < 2 && half * kTile < parts; ++half) {
    const std::uint64_t of_parts = 2 * tile + half;
    add_tile(kPart, stored.bytes + half * kTile * sizeof(Part), std::min(kTile, parts - half * kTile), of_parts,
             sketch_sums(chunk, of_parts));
  }
}

struct Boolean {
  std::uint8_t byte;
};

std::uint8_t integer(Boolean value) { return value.byte != 0; }
template <class Integer>
Integer integer(Integer value) {
  return value;
}

template <class Stored>
void add_integers(const TileSource& source, std::uint64_t tile, Gather::Scratch& scratch, Chunk& chunk) {
  using Integer = decltype(integer(Stored{}));
  const StoredTile stored(source, tile, scratch);
  alignas(64) std::array<Integer, kTile> x;
  for (std::size_t i = 0; i < stored.count; ++i) x[i] = integer(load<Stored>(stored.bytes, i));
  if (source.tensor.negative) {
    // Wraps, as torch.neg does.
    using Unsigned = std::make_unsigned_t<Integer>;
    for (std::size_t i = 0; i < stored.count; ++i) {
      x[i] = static_cast<Integer>(Unsigned{0} - static_cast<Unsigned>(x[i]));
    }
  }
  merge(chunk.integers, integer_sums(x.data(), stored.count));
  alignas(64) std::array<double, kTile> wide;
  for (std::size_t i = 0; i < stored.count; ++i) wide[i] = static_cast<double>(x[i]);
  const auto sums = add_tile(DType::Float64, reinterpret_cast<const std::byte*>(wide.data()), stored.count, tile,
                             chunk.sketch[0] ? chunk.sketch[0]->data() : nullptr);
  merge(chunk.moments, sums.moments);
}

}  // namespace

AddTile tile_adder(DType dtype) {
  switch (dtype) {
    case DType::Float64:
      return add_real<DType::Float64>;
    case DType::Float32:
      return add_real<DType::Float32>;
    case DType::Float16:
      return add_real<DType::Float16>;
    case DType::BFloat16:
      return add_real<DType::BFloat16>;
    case DType::Float8E4M3FN:
      return add_real<DType::Float8E4M3FN>;
    case DType::Float8E5M2:
      return add_real<DType::Float8E5M2>;
    case DType::Int64:
      return add_integers<std::int64_t>;
    case DType::Int32:
      return add_integers<std::int32_t>;
    case DType::Int16:
      return add_integers<std::int16_t>;
    case DType::Int8:
      return add_integers<std::int8_t>;
    case DType::UInt8:
      return add_integers<std::uint8_t>;
    case DType::Bool:
      return add_integers<Boolean>;
    case DType::Complex32:
      return add_complex<Half, DType::Float16>;
    case DType::Complex64:
      return add_complex<float, DType::Float32>;
    case DType::Complex128:
      return add_complex<double, DType::Float64>;
  }
  return nullptr;
}

}  // namespace fvhooks::internal
