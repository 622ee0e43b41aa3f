// Stored floats to vectors of elements, exactly (docs/statistics.md, Elements). Included by tile-inl.h, for each
// target.
#if defined(FVHOOKS_STATS_DECODE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef FVHOOKS_STATS_DECODE_INL_H
#undef FVHOOKS_STATS_DECODE_INL_H
#else
#define FVHOOKS_STATS_DECODE_INL_H
#endif

#include <cstddef>
#include <cstdint>

#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "stats/element.h"
#include "stats/tile.h"

HWY_BEFORE_NAMESPACE();
namespace fvhooks::internal::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A row of a tile, or as much of it as fits a vector.
template <class T>
using Tag = hn::CappedTag<T, kLanes>;
template <class T>
using Vec = hn::Vec<Tag<T>>;
template <class T>
inline constexpr std::size_t kVec = hn::MaxLanes(Tag<T>());

inline constexpr std::size_t kTree = 8 * kLanes;

// As many narrower numbers as a vector has floats.
template <class T>
using PartTag = hn::Rebind<T, Tag<float>>;

HWY_INLINE Vec<float> HalvesToFloats(hn::Vec<PartTag<std::uint16_t>> halves) {
#if (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2) || HWY_ARCH_ARM
  return hn::PromoteTo(Tag<float>(), hn::BitCast(PartTag<hwy::float16_t>(), halves));
#else  // Highway's own emulation does without infinities. See element(Half).
  const Tag<float> d;
  const Tag<std::uint32_t> bits;
  const auto wide = hn::PromoteTo(bits, halves);
  const auto sign = hn::ShiftLeft<16>(hn::And(wide, hn::Set(bits, 0x8000)));
  const auto magnitude = hn::BitCast(d, hn::ShiftLeft<13>(hn::And(wide, hn::Set(bits, 0x7FFF))));
  const auto infinity = hn::BitCast(d, hn::Set(bits, 0x7F800000));
  const auto is_special = hn::Ge(magnitude, hn::BitCast(d, hn::Set(bits, 0x7C00u << 13)));
  const auto finite = hn::Mul(magnitude, hn::Set(d, 0x1p112f));
  return hn::Or(hn::IfThenElse(is_special, hn::Or(magnitude, infinity), finite), hn::BitCast(d, sign));
#endif
}

// As many stored numbers as a vector has floats; at any address.
template <class Bits>
HWY_INLINE hn::Vec<PartTag<Bits>> Loaded(const std::byte* stored) {
  return hn::LoadU(PartTag<Bits>(), reinterpret_cast<const Bits*>(stored));
}

HWY_INLINE Vec<float> Decoded(BrainFloat, const std::byte* stored) {
  const auto wide = hn::PromoteTo(Tag<std::uint32_t>(), Loaded<std::uint16_t>(stored));
  return hn::BitCast(Tag<float>(), hn::ShiftLeft<16>(wide));
}

HWY_INLINE Vec<float> Decoded(Half, const std::byte* stored) { return HalvesToFloats(Loaded<std::uint16_t>(stored)); }

// The upper byte of a half.
HWY_INLINE Vec<float> Decoded(Float8E5M2, const std::byte* stored) {
  return HalvesToFloats(hn::ShiftLeft<8>(hn::PromoteTo(PartTag<std::uint16_t>(), Loaded<std::uint8_t>(stored))));
}

// As a half with 7 bits of its mantissa empty and an exponent of another bias: the value times 2^-8.
HWY_INLINE Vec<float> Decoded(Float8E4M3FN, const std::byte* stored) {
  const PartTag<std::uint16_t> d16;
  const Tag<float> d;
  const auto wide = hn::PromoteTo(d16, Loaded<std::uint8_t>(stored));
  const auto sign = hn::ShiftLeft<8>(hn::And(wide, hn::Set(d16, 0x80)));
  const auto magnitude = hn::ShiftLeft<7>(hn::And(wide, hn::Set(d16, 0x7F)));
  const auto value = hn::Mul(HalvesToFloats(hn::Or(sign, magnitude)), hn::Set(d, 0x1p8f));
  const auto is_finite = hn::Le(hn::Abs(value), hn::Set(d, 448.0f));  // the code above the largest is the NaN
  return hn::IfThenElse(is_finite, value, hn::NaN(d));
}

// How far ahead of a loop over a tensor its memory is asked for, in bytes: the processor's own prefetching ends with
// each page.
inline constexpr std::size_t kAhead = 8192;

template <std::size_t kBytes>
HWY_INLINE void PrefetchAhead(const void* from) {
  for (std::size_t line = 0; line < kBytes; line += 64) {
    hwy::Prefetch(static_cast<const std::byte*>(from) + kAhead + line);
  }
}

// Where a kernel's elements come from: they lie in memory as they are…
template <class T>
struct InPlace {
  const T* elements;

  HWY_INLINE Vec<T> operator()(std::size_t i) const { return hn::LoadU(Tag<T>(), elements + i); }
  HWY_INLINE void Prefetch(std::size_t i) const { PrefetchAhead<kTree * sizeof(T)>(elements + i); }
};

// … or are decoded as they are asked for, and kept for those who read them again.
template <class Stored>
struct Decoding {
  const std::byte* stored;
  float* elements;

  HWY_INLINE Vec<float> operator()(std::size_t i) const {
    const auto decoded = Decoded(Stored(), stored + i * sizeof(Stored));
    hn::Store(decoded, Tag<float>(), elements + i);
    return decoded;
  }
  HWY_INLINE void Prefetch(std::size_t i) const { PrefetchAhead<kTree * sizeof(Stored)>(stored + i * sizeof(Stored)); }
};

}  // namespace fvhooks::internal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
