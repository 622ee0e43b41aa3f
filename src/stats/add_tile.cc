#include "stats/add_tile.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "stats/element.h"
#include "stats/merge.h"

namespace fvhooks::internal {
namespace {

template <class T>
using Tile = std::array<T, kTile>;

template <class Stored>
Stored load(const std::byte* stored, std::size_t i) {
  Stored value;
  std::memcpy(&value, stored + i * sizeof(Stored), sizeof(Stored));
  return value;
}

template <class T, std::size_t kSize, class Convert>
void convert(std::array<T, kSize>& to, std::size_t count, Convert value_at) {
  for (std::size_t i = 0; i < count; ++i) to[i] = value_at(i);
  std::fill(to.begin() + static_cast<std::ptrdiff_t>(count), to.end(), T{0});
}

template <class T>
void sketch_tile(const T* x, const Census& found, std::uint64_t tile, Chunk& chunk) {
  double* sums = chunk.sketch[tile / kTilesPerChunk % chunk.sketch.size()].data();
  if (std::is_same_v<T, double> ? found.all_finite() : is_narrow(found)) {
    add_to_sketch(x, tile, sums);
    return;
  }
  alignas(64) Tile<double> finite;
  convert(finite, kTile, [&](std::size_t i) { return std::isfinite(x[i]) ? static_cast<double>(x[i]) : 0.0; });
  add_to_sketch(finite.data(), tile, sums);
}

Moments moments_of(const Tile<double>& x, std::size_t count, const Census&) { return moments(x.data(), count); }

Moments moments_of(const Tile<float>& x, std::size_t count, const Census& found) {
  if (is_narrow(found)) return moments(x.data(), count);
  alignas(64) Tile<double> wide;
  convert(wide, kTile, [&](std::size_t i) { return static_cast<double>(x[i]); });
  return moments(wide.data(), count);
}

template <class Stored>
void add_real(const TileSource& source, std::uint64_t tile, Chunk& chunk) {
  using T = decltype(element(Stored{}));
  const std::size_t count = source.count(tile);
  Gather::Scratch scratch;
  const std::byte* stored = source.gather.tile(tile * kTile, count, scratch);
  alignas(64) Tile<T> x;
  if (source.tensor.negative) {
    convert(x, count, [&](std::size_t i) { return -element(load<Stored>(stored, i)); });
  } else {
    convert(x, count, [&](std::size_t i) { return element(load<Stored>(stored, i)); });
  }
  const Census found = census(x.data(), count);
  merge(chunk.census, found);
  merge(chunk.moments, moments_of(x, count, found));
  if (source.sketch) sketch_tile(x.data(), found, tile, chunk);
}

// `Part` is what a real or imaginary part is stored as.
template <class Part>
void add_complex(const TileSource& source, std::uint64_t tile, Chunk& chunk) {
  using T = decltype(element(Part{}));
  const std::size_t count = source.count(tile);
  Gather::Scratch scratch;
  const std::byte* stored = source.gather.tile(tile * kTile, count, scratch);
  const T re_sign = source.tensor.negative ? T{-1} : T{1};
  const T im_sign = source.tensor.conjugate ? -re_sign : re_sign;
  alignas(64) std::array<T, 2 * kTile> parts;
  convert(parts, 2 * count,
          [&](std::size_t i) { return element(load<Part>(stored, i)) * (i % 2 == 0 ? re_sign : im_sign); });
  alignas(64) Tile<double> moduli;
  convert(moduli, count, [&](std::size_t i) {
    return modulus(static_cast<double>(parts[2 * i]), static_cast<double>(parts[2 * i + 1]));
  });
  merge(chunk.census, census(moduli.data(), count));
  merge(chunk.moments, moments(moduli.data(), count));
  if (!source.sketch) return;
  for (std::size_t half = 0; half < 2 && half * kTile < 2 * count; ++half) {
    const T* x = parts.data() + half * kTile;
    sketch_tile(x, census(x, std::min(kTile, 2 * count - half * kTile)), 2 * tile + half, chunk);
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
void add_integers(const TileSource& source, std::uint64_t tile, Chunk& chunk) {
  using Integer = decltype(integer(Stored{}));
  const std::size_t count = source.count(tile);
  Gather::Scratch scratch;
  const std::byte* stored = source.gather.tile(tile * kTile, count, scratch);
  alignas(64) Tile<Integer> x;
  convert(x, count, [&](std::size_t i) { return integer(load<Stored>(stored, i)); });
  if (source.tensor.negative) {
    // Wraps, as torch.neg does.
    using Unsigned = std::make_unsigned_t<Integer>;
    for (Integer& value : x) value = static_cast<Integer>(Unsigned{0} - static_cast<Unsigned>(value));
  }
  merge(chunk.integers, integer_sums(x.data(), count));
  alignas(64) Tile<double> wide;
  convert(wide, kTile, [&](std::size_t i) { return static_cast<double>(x[i]); });
  merge(chunk.moments, moments(wide.data(), count));
  if (source.sketch) sketch_tile(wide.data(), Census{}, tile, chunk);
}

}  // namespace

AddTile tile_adder(DType dtype) {
  switch (dtype) {
    case DType::Float64:
      return add_real<double>;
    case DType::Float32:
      return add_real<float>;
    case DType::Float16:
      return add_real<Half>;
    case DType::BFloat16:
      return add_real<BrainFloat>;
    case DType::Float8E4M3FN:
      return add_real<Float8E4M3FN>;
    case DType::Float8E5M2:
      return add_real<Float8E5M2>;
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
      return add_complex<Half>;
    case DType::Complex64:
      return add_complex<float>;
    case DType::Complex128:
      return add_complex<double>;
  }
  return nullptr;
}

}  // namespace fvhooks::internal
