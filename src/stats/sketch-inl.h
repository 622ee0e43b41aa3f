// A tile's share of the sketch (docs/sketch.md). Included by tile-inl.h, for each target.
#if defined(FVHOOKS_STATS_SKETCH_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef FVHOOKS_STATS_SKETCH_INL_H
#undef FVHOOKS_STATS_SKETCH_INL_H
#else
#define FVHOOKS_STATS_SKETCH_INL_H
#endif

#include <bit>

#include "stats/lanes-inl.h"
#include "stats/sketch_hash.h"

HWY_BEFORE_NAMESPACE();
namespace fvhooks::internal::HWY_NAMESPACE {

// The 64 elements of a group that are in one block of buckets, read by buckets. An XOR with a number of several bits is
// an XOR with its upper bits, a permuted address, and one with its lower bits, a permutation of lanes.
template <class T>
class SignedBlock {
 public:
  HWY_INLINE SignedBlock(const T* group, GroupHash hash, std::size_t block_of_buckets) {
    const std::size_t block = block_of_buckets ^ hash.block_exchange();
    elements_ = group + kBlock * block;
    signs_ = &hash.signs(block);
    exchange_ = hash.lane_exchange(block);
    lanes_ = hn::IndicesFromVec(Tag<T>(), ExchangedLanes(exchange_));
  }

  // The signed elements of the block's buckets [bucket, bucket + kVec<T>).
  HWY_INLINE Vec<T> operator()(std::size_t bucket) const {
    const Tag<T> d;
    const std::size_t first = bucket ^ (exchange_ & ~(kVec<T> - 1));
    const auto x = hn::LoadU(d, elements_ + first);
    return hn::TableLookupLanes(hn::IfThenElse(Negative(first), hn::Neg(x), x), lanes_);
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

  const T* elements_;
  const std::uint64_t* signs_;
  std::size_t exchange_;
  decltype(hn::IndicesFromVec(Tag<T>(), Vec<Index>())) lanes_;
};

// Elements are finite, and kTile of them.
template <class T>
HWY_INLINE void AddToSketch(const T* elements, const TileHash& hash, double* sums) {
  for (std::size_t block = 0; block < kGroup / kBlock; ++block, sums += kBlock) {
    const SignedBlock<T> a(elements, hash.group(0), block), b(elements + kGroup, hash.group(1), block);
    const SignedBlock<T> c(elements + 2 * kGroup, hash.group(2), block), d(elements + 3 * kGroup, hash.group(3), block);
    for (std::size_t bucket = 0; bucket < kBlock; bucket += kVec<T>) {
      LaneSums<T> lanes(sums + bucket);
      lanes.Add(hn::Add(a(bucket), b(bucket)));
      lanes.Add(hn::Add(c(bucket), d(bucket)));
      lanes.Store(sums + bucket);
    }
  }
}

}  // namespace fvhooks::internal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
