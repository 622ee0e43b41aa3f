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

// Row x holds, for each lane, that lane XOR x.
template <class Index, std::size_t kWidth>
struct ExchangedLanes {
  constexpr ExchangedLanes() {
    for (std::size_t x = 0; x < kWidth; ++x) {
      for (std::size_t lane = 0; lane < kWidth; ++lane) rows[x][lane] = static_cast<Index>(lane ^ x);
    }
  }

  alignas(64) Index rows[kWidth][kWidth]{};
};
template <class T>
inline constexpr ExchangedLanes<hwy::MakeSigned<T>, kVec<T>> kExchangedLanes;

// The 64 elements of a group that are in one block of buckets, read by buckets, times plus or minus `factor`. An XOR
// with a number of several bits is an XOR with its upper bits, a permuted address, and one with its lower bits, a
// permutation of lanes.
template <class T>
class SignedBlock {
 public:
  HWY_INLINE SignedBlock(const T* group, GroupHash hash, std::size_t block_of_buckets, Vec<T> factor)
      : plus_(factor), minus_(hn::Neg(factor)) {
    const std::size_t block = block_of_buckets ^ hash.block_exchange();
    const std::size_t exchange = hash.lane_exchange(block);
    elements_ = group + kBlock * block;
    signs_ = hash.signs(block);
    upper_exchange_ = exchange & ~(kVec<T> - 1);
    const auto* const lanes = kExchangedLanes<T>.rows[exchange & (kVec<T> - 1)];
    lanes_ = hn::IndicesFromVec(Tag<T>(), hn::Load(Tag<Index>(), lanes));
  }

  // Of the block's buckets [bucket, bucket + kVec<T>).
  HWY_INLINE Vec<T> operator()(std::size_t bucket) const {
    const std::size_t first = bucket ^ upper_exchange_;
    const auto x = hn::LoadU(Tag<T>(), elements_ + first);
    return hn::TableLookupLanes(hn::Mul(x, hn::IfThenElse(Negative(first), minus_, plus_)), lanes_);
  }

 private:
  using Index = hwy::MakeSigned<T>;

  HWY_INLINE hn::Mask<Tag<T>> Negative(std::size_t first) const {
    static_assert(std::endian::native == std::endian::little);
    const std::uint64_t bits = signs_ >> first;
    return hn::LoadMaskBits(Tag<T>(), reinterpret_cast<const std::uint8_t*>(&bits));
  }

  Vec<T> plus_, minus_;
  const T* elements_;
  std::uint64_t signs_;
  std::size_t upper_exchange_;
  decltype(hn::IndicesFromVec(Tag<T>(), Vec<Index>())) lanes_;
};

// Elements are finite, and kTile of them.
HWY_INLINE void AddWideToSketch(const double* elements, const TileHash& hash, double* sums) {
  const auto one = hn::Set(Tag<double>(), 1.0);
  for (std::size_t block = 0; block < kGroup / kBlock; ++block) {
    for (std::size_t group = 0; group < TileHash::kGroups; group += 2) {
      const SignedBlock<double> a(elements + kGroup * group, hash.group(group), block, one);
      const SignedBlock<double> b(elements + kGroup * (group + 1), hash.group(group + 1), block, one);
      for (std::size_t bucket = 0; bucket < kBlock; bucket += kVec<double>) {
        double* const to = sums + kBlock * block + bucket;
        LaneSums<double> lanes(to);
        lanes.Add(hn::Add(a(bucket), b(bucket)));
        lanes.Store(to);
      }
    }
  }
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

// The sums that a tile has for one block of buckets, in units of 1 / factor. They stay in registers while the elements
// of the four groups are added.
class FixedPointBlock {
 public:
  HWY_INLINE FixedPointBlock(const float* elements, const TileHash& hash, std::size_t block, Vec<float> factor) {
    HWY_UNROLL(4)
    for (std::size_t group = 0; group < TileHash::kGroups; ++group) {
      const SignedBlock<float> x(elements + kGroup * group, hash.group(group), block, factor);
      HWY_UNROLL(8)
      for (std::size_t i = 0; i < kVectors; ++i) {
        const auto rounded = Rounded(x(i * kVec<float>));
        sums_[i] = group == 0 ? rounded : hn::Add(sums_[i], rounded);
      }
    }
  }

  HWY_INLINE void AddTo(double* sums, Vec<double> units) const {
    for (std::size_t i = 0; i < kVectors; ++i) {
      LaneSums<std::int32_t> lanes(sums + i * kVec<float>);
      lanes.AddExactProduct(sums_[i], units);
      lanes.Store(sums + i * kVec<float>);
    }
  }

 private:
  static constexpr std::size_t kVectors = kBlock / kVec<float>;
  Vec<std::int32_t> sums_[kVectors];
};

// In fixed point. Elements are narrow, and kTile of them.
HWY_INLINE void AddNarrowToSketch(const float* elements, double abs_max, const TileHash& hash, double* sums) {
  if (abs_max == 0) return;
  constexpr std::uint64_t kExponent = 0x7FF0000000000000;
  const double unit = std::bit_cast<double>(std::bit_cast<std::uint64_t>(abs_max) & kExponent) * 0x1p-28;
  const auto units = hn::Set(Tag<double>(), unit);
  const auto factor = hn::Set(Tag<float>(), static_cast<float>(1 / unit));
  for (std::size_t block = 0; block < kGroup / kBlock; ++block) {
    FixedPointBlock(elements, hash, block, factor).AddTo(sums + kBlock * block, units);
  }
}

}  // namespace fvhooks::internal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
