// What the faster reading of bitcode leaves out.

#pragma once

namespace thinfarm {

// While one lives, the metadata that the thread reads leads to less: none is attached to declarations and variables,
// and compile units list nothing. With debug information these lead to most of a module's types, and who asks what a
// module says of itself needs none of them. Only a static link leaves them out.
class BriefMetadata {
public:
  BriefMetadata() { Current = true; }
  ~BriefMetadata() { Current = false; }
  BriefMetadata(const BriefMetadata &) = delete;

  static inline thread_local bool Current = false;
};

} // namespace thinfarm
