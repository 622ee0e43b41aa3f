#pragma once
// A value that many threads read while others replace it.
#include <atomic>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <utility>

namespace fvhooks::internal {

// Readers take no lock and wait for nobody: one atomic step begins a reading, one ends it. What was replaced lives
// until its last reader has gone, and dies with that reader or with the replacement. At most 65,535 readings at a time.
//
// The address of the value and the number of its readings share a word, so that one step takes the address and counts
// the reading. The count goes down there again while the value is current; when it is replaced, those that are left
// over are handed to the value itself. There is no way back to having no value: a reading of none, which nothing keeps
// track of, would take the second such time for its own.
template <class T>
class Snapshot {
  struct Node {
    explicit Node(T held) : value(std::move(held)) {}
    const T value;
    std::atomic<std::int64_t> handed_over{0};  // zero again with the last of the readings that outlive the replacement
  };

 public:
  // Converts to false if there was no value yet.
  class Reading {
   public:
    explicit Reading(std::atomic<std::uint64_t>& current) noexcept
        : current_(current), node_(node_in(current.fetch_add(1, std::memory_order_acquire))) {}
    ~Reading() {
      auto word = current_.load(std::memory_order_relaxed);
      while (node_in(word) == node_)
        if (current_.compare_exchange_weak(word, word - 1, std::memory_order_release, std::memory_order_relaxed))
          return;
      if (node_) hand_over(node_, -1);
    }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

    explicit operator bool() const noexcept { return node_ != nullptr; }
    const T& operator*() const noexcept { return node_->value; }
    const T* operator->() const noexcept { return &node_->value; }

   private:
    std::atomic<std::uint64_t>& current_;
    Node* const node_;
  };

  Snapshot() = default;
  ~Snapshot() { publish(0); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  // Must end before the Snapshot does.
  Reading read() const noexcept { return Reading(current_); }

  void replace(T value) {
    auto node = std::make_unique<Node>(std::move(value));
    const auto address = reinterpret_cast<std::uintptr_t>(node.get());
    // A program gets longer ones only if it asks the kernel for them.
    if (address >> kAddressBits != 0) throw std::length_error("an address of more than 48 bits");
    publish(address << kCountBits);
    static_cast<void>(node.release());
  }

 private:
  static constexpr int kCountBits = 16, kAddressBits = 48;
  static_assert(sizeof(std::uintptr_t) * 8 == kCountBits + kAddressBits);

  static Node* node_in(std::uint64_t word) noexcept { return reinterpret_cast<Node*>(word >> kCountBits); }

  // Whoever makes it zero is the last to know the node.
  static void hand_over(Node* node, std::int64_t readings) noexcept {
    if (node->handed_over.fetch_add(readings, std::memory_order_acq_rel) + readings == 0) delete node;
  }

  void publish(std::uint64_t word) noexcept {
    const auto before = current_.exchange(word, std::memory_order_acq_rel);
    constexpr std::uint64_t kCount = (std::uint64_t{1} << kCountBits) - 1;
    if (auto* const node = node_in(before)) hand_over(node, static_cast<std::int64_t>(before & kCount));
  }

  mutable std::atomic<std::uint64_t> current_{0};
};

}  // namespace fvhooks::internal
