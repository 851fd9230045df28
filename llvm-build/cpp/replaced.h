// Our functions in the places of LLVM's, compared with the originals. See src/replaced.rs.

#pragma once

#include "rust/cxx.h"

namespace thinfarm {

struct LinkObject;

// Each tells where they differ, and counts what was `Compared`. A bitstream that cannot be read to its end is not `Whole`.
rust::Vec<rust::String> differences_in_records(rust::Slice<const uint8_t> Bitcode, uint64_t &Compared,
                                               bool &Whole);
rust::Vec<rust::String> differences_of_abbreviations(uint64_t Seed, uint64_t Rounds, uint64_t &Compared);
rust::Vec<rust::String> differences_of_debug_info(rust::Slice<const uint8_t> Bitcode, uint64_t &Compared);
rust::Vec<rust::String> differences_of_passes(uint64_t &Compared);
rust::Vec<rust::String> differences_of_processors(uint64_t Seed, uint64_t Rounds, uint64_t &Compared);
rust::Vec<rust::String> differences_of_asm_registers(uint64_t Seed, uint64_t Rounds,
                                                     uint64_t &Compared);
rust::Vec<rust::String> differences_of_pruning(rust::Slice<const LinkObject> Objects, uint64_t Seed,
                                               uint64_t Rounds, uint64_t &Compared);
rust::Vec<rust::String> differences_of_caching(rust::Slice<const LinkObject> Objects, uint64_t Seed,
                                               uint64_t Rounds, uint64_t &Compared);

} // namespace thinfarm
