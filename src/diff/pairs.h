#pragma once
// The rows of a diff over its two traces: numbers at random access, and a second look at the records behind them.
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "diff/noise.h"
#include "diff/trace.h"
#include "fvhooks/comparison.h"

namespace fvhooks::internal {

using SharedTrace = std::shared_ptr<const Trace>;

class Pairs : public Comparisons {
 public:
  Pairs(SharedTrace reference, SharedTrace port, std::vector<Row> rows)
      : reference_(std::move(reference)), port_(std::move(port)), rows_(std::move(rows)) {}

  std::size_t size() const noexcept override { return rows_.size(); }
  const Row& row(std::size_t index) const override { return rows_[index]; }
  Row& row(std::size_t index) { return rows_[index]; }
  std::span<Row> rows() noexcept { return rows_; }
  RecordKey key(std::size_t index) const override;
  Comparison at(std::size_t index) const override;
  RecordPair records(std::size_t index) const override;

  // Of the reference, or of the port where there is none. Valid as long as these Pairs.
  const Name& name(std::size_t index) const;
  const Moment& moment(std::size_t index) const;
  std::uint64_t call(std::size_t index) const;

  // Reads the lines again. False, with `record` untouched: that side has none.
  bool read_reference(std::size_t index, Record& record) const;
  bool read_port(std::size_t index, Record& record) const;

  std::optional<NoiseFloors> noise;  // of the reference, if there are noise traces

  const Trace& reference() const noexcept { return *reference_; }
  const Trace& port() const noexcept { return *port_; }

 private:
  SharedTrace reference_, port_;
  std::vector<Row> rows_;
};

}  // namespace fvhooks::internal
