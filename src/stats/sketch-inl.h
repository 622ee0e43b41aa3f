// A tile's share of the sketch (docs/sketch.md). Included by tile-inl.h, for each target.
#if defined(FVHOOKS_STATS_SKETCH_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef FVHOOKS_STATS_SKETCH_INL_H
#undef FVHOOKS_STATS_SKETCH_INL_H
#else
#define FVHOOKS_STATS_SKETCH_INL_H
#endif

#include <bit>
#include <cmath>

#include "stats/lanes-inl.h"
#include "stats/sketch_hash.h"

HWY_BEFORE_NAMESPACE();
namespace fvhooks::internal::HWY_NAMESPACE {

// The 64 elements of a group that are in one block of buckets, read by buckets, times plus or minus `factor`. An XOR
// with a number of several bits is an XOR with its upper bits, a permuted address, and one with its lower bits, a
// permutation of lanes.
template <class T>
class SignedBlock {
 public:
  HWY_INLINE SignedBlock(const T* group, GroupHash hash, std::size_t block_of_buckets, Vec<T> factor)
      : plus_(factor), minus_(hn::Neg(factor)) {
    const std::size_t block = block_of_buckets ^ hash.block_exchange();
    elements_ = group + kBlock * block;
    signs_ = &hash.signs(block);
    exchange_ = hash.lane_exchange(block);
    lanes_ = hn::IndicesFromVec(Tag<T>(), ExchangedLanes(exchange_));
  }

  // Of the block's buckets [bucket, bucket + kVec<T>).
  HWY_INLINE Vec<T> operator()(std::size_t bucket) const {
    const std::size_t first = bucket ^ (exchange_ & ~(kVec<T> - 1));
    const auto x = hn::LoadU(Tag<T>(), elements_ + first);
    return hn::TableLookupLanes(hn::Mul(x, hn::IfThenElse(Negative(first), minus_, plus_)), lanes_);
  }

 private:
  using Index = hwy::MakeSigned<T>;

  static HWY_INLINE Vec<Index> ExchangedLanes(std::uint64_t exchange) {
    const Tag<Index> d;
    return hn::Xor(hn::Iota(d, 0), hn::Set(d, static_cast<Index>(exchange & (kVec<T> - 1))));
  }

  HWY_INLINE hn::Mask<Tag<T>> Negative(std::size_t first) const {
    static_assert(std::endian::native == std::endian::little);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(signs_) + first / 8;
    if constexpr (kVec<T> >= 8) return hn::LoadMaskBits(Tag<T>(), bytes);
    const auto bits = static_cast<std::uint8_t>(*bytes >> (first % 8));
    return hn::LoadMaskBits(Tag<T>(), &bits);
  }

  Vec<T> plus_, minus_;
  const T* elements_;
  const std::uint64_t* signs_;
  std::size_t exchange_;
  decltype(hn::IndicesFromVec(Tag<T>(), Vec<Index>())) lanes_;
};

// Calls add(a, b, c, d, i) for sums i … i + kVec<T> − 1, with the signed elements times `factor` that the four groups
// have for them.
template <class T, class Add>
HWY_INLINE void ForEachBuckets(const T* x, const TileHash& hash, T factor, Add add) {
  const auto f = hn::Set(Tag<T>(), factor);
  for (std::size_t block = 0; block < kGroup / kBlock; ++block) {
    const SignedBlock<T> a(x, hash.group(0), block, f), b(x + kGroup, hash.group(1), block, f);
    const SignedBlock<T> c(x + 2 * kGroup, hash.group(2), block, f), d(x + 3 * kGroup, hash.group(3), block, f);
    for (std::size_t i = 0; i < kBlock; i += kVec<T>) add(a(i), b(i), c(i), d(i), kBlock * block + i);
  }
}

// Elements are finite, and kTile of them.
HWY_INLINE void AddWideToSketch(const double* elements, const TileHash& hash, double* sums) {
  using V = Vec<double>;
  ForEachBuckets(elements, hash, 1.0, [=](V a, V b, V c, V d, std::size_t i) HWY_ATTR {
    LaneSums<double> lanes(sums + i);
    lanes.Add(hn::Add(a, b));
    lanes.Add(hn::Add(c, d));
    lanes.Store(sums + i);
  });
}

// To the nearest, halves to even. Within int32's range: Highway's NearestInt, which also mends what is beyond, takes
// three instructions more on x86.
HWY_INLINE Vec<std::int32_t> Rounded(Vec<float> x) {
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128  // Highway's takes the number below 0.5 to 1
  float lanes[kVec<float>];
  std::int32_t rounded[kVec<float>];
  hn::StoreU(x, Tag<float>(), lanes);
  for (std::size_t i = 0; i < kVec<float>; ++i) rounded[i] = static_cast<std::int32_t>(std::nearbyint(lanes[i]));
  return hn::LoadU(Tag<std::int32_t>(), rounded);
#elif HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
  return Vec<std::int32_t>{_mm512_cvtps_epi32(x.raw)};
#elif HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  return Vec<std::int32_t>{_mm256_cvtps_epi32(x.raw)};
#elif HWY_ARCH_X86
  return Vec<std::int32_t>{_mm_cvtps_epi32(x.raw)};
#else
  return hn::NearestInt(x);
#endif
}

// In fixed point. Elements are narrow, and kTile of them.
HWY_INLINE void AddNarrowToSketch(const float* elements, double abs_max, const TileHash& hash, double* sums) {
  if (abs_max == 0) return;
  constexpr std::uint64_t kExponent = 0x7FF0000000000000;
  const double unit = std::bit_cast<double>(std::bit_cast<std::uint64_t>(abs_max) & kExponent) * 0x1p-28;
  const auto units = hn::Set(Tag<double>(), unit);
  using V = Vec<float>;
  ForEachBuckets(elements, hash, static_cast<float>(1 / unit), [=](V a, V b, V c, V d, std::size_t i) HWY_ATTR {
    LaneSums<std::int32_t> lanes(sums + i);
    lanes.AddExactProduct(hn::Add(hn::Add(Rounded(a), Rounded(b)), hn::Add(Rounded(c), Rounded(d))), units);
    lanes.Store(sums + i);
  });
}

}  // namespace fvhooks::internal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
