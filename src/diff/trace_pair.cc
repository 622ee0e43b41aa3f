#include "diff/trace_pair.h"

#include <tuple>

#include "diff/error.h"
#include "diff/trace_indexer.h"

namespace fvhooks::internal {
namespace {

bool is_in_step(const Record& a, const Record& b) {
  const auto parts = [](const Record& record) {
    return std::tie(record.tensor, record.module, record.step, record.call, record.rank, record.root);
  };
  return parts(a) == parts(b);
}

Expected<TracePair> read_one_by_one(const std::string& reference, std::vector<OpenFile> of_reference,
                                    const std::string& port, std::vector<OpenFile> of_port,
                                    const std::function<void(double)>& progress) {
  const auto half = [&](double offset) {
    return [&progress, offset](double fraction) {
      if (progress) progress(offset + fraction / 2);
    };
  };
  auto first = Trace::read(reference, std::move(of_reference), half(0));
  if (!first) return first.error();
  auto second = Trace::read(port, std::move(of_port), half(0.5));
  if (!second) return second.error();
  return TracePair{*std::move(first), *std::move(second), {}};
}

// Of one file on either side.
Expected<TracePair> read_in_step(const std::string& reference, OpenFile of_reference, const std::string& port,
                                 OpenFile of_port, const std::function<void(double)>& progress) {
  const auto fraction_of = [](const RecordReader& records) {
    const auto total = records.source().total().value_or(0);
    return total == 0 ? 0 : static_cast<double>(records.source().consumed()) / static_cast<double>(total);
  };
  double read_of_reference = 0, read_of_port = 0;
  const auto report = [&](double& part) {
    return [&](const RecordReader& records) {
      part = fraction_of(records);
      if (progress) progress((read_of_reference + read_of_port) / 2);
    };
  };
  const TraceIndexer::OnProgress report_reference = report(read_of_reference), report_port = report(read_of_port);

  TraceIndexer first, second;
  first.open(RecordReader(std::move(of_reference.source), of_reference.path), std::nullopt);
  second.open(RecordReader(std::move(of_port.source), of_port.path), std::nullopt);
  std::vector<Row> in_step;
  Record a, b;
  while (first.next(a, report_reference) && second.next(b, report_port) && is_in_step(a, b)) {
    in_step.push_back(measured_row(a, b));
    in_step.back().is_measured = true;
  }
  first.close(report_reference);
  second.close(report_port);

  auto first_trace = first.finish(reference);
  if (!first_trace) return first_trace.error();
  auto second_trace = second.finish(port);
  if (!second_trace) return second_trace.error();
  first_trace->summary.files = {of_reference.path};
  second_trace->summary.files = {of_port.path};
  if (!first_trace->is_as_read || !second_trace->is_as_read) in_step = {};
  return TracePair{*std::move(first_trace), *std::move(second_trace), std::move(in_step)};
}

}  // namespace

Expected<TracePair> read_pair(const std::string& reference, const std::string& port,
                              const std::function<void(double)>& progress) {
  auto of_reference = open_files(reference), of_port = open_files(port);
  if (!of_reference) return of_reference.error();
  if (!of_port) return of_port.error();
  if (of_reference->size() != 1 || of_port->size() != 1) {
    return read_one_by_one(reference, *std::move(of_reference), port, *std::move(of_port), progress);
  }
  return read_in_step(reference, std::move(of_reference->front()), port, std::move(of_port->front()), progress);
}

}  // namespace fvhooks::internal
