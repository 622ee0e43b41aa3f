// Sums of lanes in float64, in the order of docs/statistics.md. Included by tile-inl.h, for each target.
#if defined(FVHOOKS_STATS_LANES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef FVHOOKS_STATS_LANES_INL_H
#undef FVHOOKS_STATS_LANES_INL_H
#else
#define FVHOOKS_STATS_LANES_INL_H
#endif

#include "stats/decode-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fvhooks::internal::HWY_NAMESPACE {

// a + b, on the units for multiplication where there are such: the product with 1 is exact, so that there is one
// rounding, of the sum. The units for addition alone would be the bottleneck.
template <class V>
HWY_INLINE V AddOnMultiplier(V a, V b) {
#if HWY_NATIVE_FMA
  return hn::MulAdd(a, hn::Set(hn::DFromV<V>(), 1), b);
#else
  return hn::Add(a, b);
#endif
}

// One float64 sum for each lane of a vector of T, as many as kVec<T>.
template <class T>
class LaneSums;

template <>
class LaneSums<double> {
 public:
  HWY_INLINE LaneSums() : sums_(hn::Zero(Tag<double>())) {}
  HWY_INLINE explicit LaneSums(const double* from) : sums_(hn::LoadU(Tag<double>(), from)) {}
  HWY_INLINE void Add(Vec<double> terms) { sums_ = AddOnMultiplier(terms, sums_); }
  // An exact product, for the bits not to depend on whether there are fused units.
  HWY_INLINE void AddExactProduct(Vec<double> terms, Vec<double> factor) { sums_ = hn::MulAdd(terms, factor, sums_); }
  HWY_INLINE void Store(double* to) const { hn::StoreU(sums_, Tag<double>(), to); }

 private:
  Vec<double> sums_;
};

#if HWY_TARGET == HWY_SCALAR  // vectors of one lane have no halves
template <class T>
class LaneSums : public LaneSums<double> {
 public:
  using LaneSums<double>::LaneSums;
  HWY_INLINE void Add(Vec<T> term) { LaneSums<double>::Add(hn::PromoteTo(Tag<double>(), term)); }
  HWY_INLINE void AddExactProduct(Vec<T> term, Vec<double> factor) {
    LaneSums<double>::AddExactProduct(hn::PromoteTo(Tag<double>(), term), factor);
  }
};
#else
template <class T>
class LaneSums {
 public:
  HWY_INLINE LaneSums() {}
  HWY_INLINE explicit LaneSums(const double* from) : lower_(from), upper_(from + kVec<double>) {}
  HWY_INLINE void Add(Vec<T> terms) {
    lower_.Add(Lower(terms));
    upper_.Add(Upper(terms));
  }
  HWY_INLINE void AddExactProduct(Vec<T> terms, Vec<double> factor) {
    lower_.AddExactProduct(Lower(terms), factor);
    upper_.AddExactProduct(Upper(terms), factor);
  }
  HWY_INLINE void Store(double* to) const {
    lower_.Store(to);
    upper_.Store(to + kVec<double>);
  }

 private:
  static HWY_INLINE Vec<double> Lower(Vec<T> terms) {
    return hn::PromoteTo(Tag<double>(), hn::LowerHalf(hn::Half<Tag<T> >(), terms));
  }
  static HWY_INLINE Vec<double> Upper(Vec<T> terms) {
    return hn::PromoteTo(Tag<double>(), hn::UpperHalf(hn::Half<Tag<T> >(), terms));
  }

  LaneSums<double> lower_, upper_;
};
#endif

// Lane l + lane l + 8, then l + 4, l + 2, l + 1.
HWY_INLINE double Reduced(const double* lanes) {
  alignas(64) double halves[kLanes / 2];
  for (std::size_t i = 0; i < kLanes / 2; i += kVec<double>) {
    const Tag<double> d;
    hn::Store(hn::Add(hn::LoadU(d, lanes + i), hn::LoadU(d, lanes + i + kLanes / 2)), d, halves + i);
  }
  return ((halves[0] + halves[4]) + (halves[2] + halves[6])) + ((halves[1] + halves[5]) + (halves[3] + halves[7]));
}

// Eight rows, one vector each, to one.
template <class V>
HWY_INLINE V Tree(V a0, V a1, V a2, V a3, V a4, V a5, V a6, V a7) {
  return hn::Add(hn::Add(hn::Add(a0, a1), hn::Add(a2, a3)), hn::Add(hn::Add(a4, a5), hn::Add(a6, a7)));
}

}  // namespace fvhooks::internal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
