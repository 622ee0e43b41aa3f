#include "diff/common_keys.h"

#include <algorithm>
#include <array>
#include <set>

namespace fvhooks::internal {
namespace {

// The names and moments of one trace, and how many records each has.
class Side {
 public:
  Side(const Trace& trace, std::string_view what)
      : trace_(trace), what_(what), of_name_(trace.names().size()), of_moment_(trace.moments().size()) {
    for (std::uint32_t i = 0; i < trace.size(); ++i) {
      ++of_name_[trace.entry(i).name];
      ++of_moment_[trace.entry(i).moment];
    }
    for (std::uint32_t id = 0; id < of_name_.size(); ++id) {
      if (trace.names()[id].is_left_out) of_name_[id] = 0;
    }
  }

  std::string_view what() const { return what_; }
  const Trace& trace() const { return trace_; }
  bool has_name(std::uint32_t id) const { return of_name_[id] != 0; }
  bool has_moment(std::uint32_t id) const { return of_moment_[id] != 0; }

  template <class Belongs>
  std::size_t count(const Belongs& belongs) const {
    std::size_t records = 0;
    for (std::uint32_t id = 0; id < of_name_.size(); ++id) records += belongs(trace_.names()[id]) ? of_name_[id] : 0;
    return records;
  }
  std::size_t count() const {
    return count([](const Name&) { return true; });
  }
  template <class Belongs>
  void leave_out(const Belongs& belongs) {
    for (std::uint32_t id = 0; id < of_name_.size(); ++id) {
      if (belongs(trace_.names()[id])) of_name_[id] = 0;
    }
  }
  void keep_rank(const std::optional<std::int64_t>& rank) {
    for (std::uint32_t id = 0; id < of_moment_.size(); ++id) {
      if (trace_.moments()[id].rank != rank) of_moment_[id] = 0;
    }
  }

  std::set<std::string> roots() const {
    std::set<std::string> found;
    for (std::uint32_t id = 0; id < of_name_.size(); ++id) {
      if (has_name(id)) found.insert(trace_.names()[id].root);
    }
    return found;
  }
  std::set<std::optional<std::int64_t>> ranks() const {
    std::set<std::optional<std::int64_t>> found;
    for (std::uint32_t id = 0; id < of_moment_.size(); ++id) {
      if (has_moment(id)) found.insert(trace_.moments()[id].rank);
    }
    return found;
  }

 private:
  const Trace& trace_;
  std::string_view what_;
  std::vector<std::size_t> of_name_, of_moment_;
};

std::string quoted(const std::string& name) { return name.empty() ? "an unnamed root" : "root \"" + name + "\""; }

class Matcher {
 public:
  Matcher(const Trace& reference, const Trace& port) : reference_(reference, "reference"), port_(port, "port") {}

  CommonKeys match() {
    leave_out_one_sided([](const Name& name) { return is_input(name.tensor); }, "inputs were",
                        "FASTVIDEO_TRACE_INPUTS=1");
    leave_out_one_sided([](const Name& name) { return name.module.empty(); }, "the root module was",
                        "FASTVIDEO_TRACE_ROOT=1");
    compare_roots();
    compare_ranks();
    common_.reference = keys_of(reference_);
    common_.port = keys_of(port_);
    return std::move(common_);
  }

 private:
  // Leaves out, of the side that has them, records that the other side's settings did not trace.
  template <class Belongs>
  void leave_out_one_sided(const Belongs& belongs, const std::string& what, const std::string& setting) {
    const auto in_reference = reference_.count(belongs), in_port = port_.count(belongs);
    if ((in_reference == 0) == (in_port == 0)) return;
    auto& owner = in_reference != 0 ? reference_ : port_;
    const auto records = std::max(in_reference, in_port);
    if (records == owner.count()) return;
    owner.leave_out(belongs);
    common_.notes.push_back(what + " traced in the " + std::string(owner.what()) + " only: " + std::to_string(records) +
                            " records were left out (" + setting + " on both sides compares them)");
  }

  // One root on each side under two names is one model.
  void compare_roots() {
    const auto in_reference = reference_.roots(), in_port = port_.roots();
    ignores_root_ = in_reference.size() == 1 && in_port.size() == 1 && in_reference != in_port;
    if (!ignores_root_) return;
    common_.notes.push_back("the reference's " + quoted(*in_reference.begin()) + " was compared with the port's " +
                            quoted(*in_port.begin()));
  }

  // A side without ranks is compared with the other side's first one.
  void compare_ranks() {
    const auto in_reference = reference_.ranks(), in_port = port_.ranks();
    if (in_reference.empty() || in_port.empty()) return;
    const bool reference_has = in_reference.rbegin()->has_value(), port_has = in_port.rbegin()->has_value();
    ignores_rank_ = reference_has != port_has;
    if (!ignores_rank_) return;
    const auto& ranks = reference_has ? in_reference : in_port;
    if (ranks.size() == 1) return;
    (reference_has ? reference_ : port_).keep_rank(*ranks.begin());
    common_.notes.push_back(std::string("the ") + (reference_has ? "port" : "reference") +
                            " has no ranks: it was compared with the first rank of the other side");
  }

  SideKeys keys_of(const Side& side) {
    const auto& trace = side.trace();
    SideKeys keys;
    keys.names.assign(trace.names().size(), SideKeys::kLeftOut);
    for (std::uint32_t id = 0; id < keys.names.size(); ++id) {
      const auto& name = trace.names()[id];
      const std::string_view root = ignores_root_ ? std::string_view() : name.root;
      if (side.has_name(id)) keys.names[id] = names_.id({root, name.module, name.tensor});
    }
    keys.moments.assign(trace.moments().size(), SideKeys::kLeftOut);
    for (std::uint32_t id = 0; id < keys.moments.size(); ++id) {
      const auto& moment = trace.moments()[id];
      const auto rank = ignores_rank_ ? std::nullopt : moment.rank;
      if (side.has_moment(id)) keys.moments[id] = moments_.id({rank, moment.step, {}, moment.high_call});
    }
    return keys;
  }

  Side reference_, port_;
  bool ignores_root_ = false, ignores_rank_ = false;
  Interner<Name, NameView> names_;
  Interner<Moment, MomentView> moments_;
  CommonKeys common_;
};

}  // namespace

CommonKeys common_keys(const Trace& reference, const Trace& port) { return Matcher(reference, port).match(); }

}  // namespace fvhooks::internal
