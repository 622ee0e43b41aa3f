#pragma once
// Which process of which run this is.
#include <cstdint>
#include <optional>
#include <string>

namespace fvhooks {

// 8 hexadecimal digits, one a process, new in a forked child.
std::string run_id();

// Rank under torch.distributed, written into each record and capture of this process from now on; nullopt (the
// default): none.
void set_rank(std::optional<std::int64_t> rank) noexcept;
std::optional<std::int64_t> process_rank() noexcept;

}  // namespace fvhooks
