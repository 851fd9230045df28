// The reading of records compared with LLVM's. See src/replaced.rs.

#include "comparison.h"
#include "guard.h"
#include "originals.h"
#include "replaced.h"

#include "llvm/Bitstream/BitstreamReader.h"
#include "llvm/Bitstream/BitstreamWriter.h"

using namespace llvm;

namespace thinfarm {

namespace {

// All that a reading of a record comes to.
struct ReadRecord {
  unsigned Code = 0;
  SmallVector<uint64_t, 0> Values;
  StringRef Blob;
  uint64_t End = 0;
  std::string Error;

  bool operator==(const ReadRecord &Other) const {
    return Code == Other.Code && Values == Other.Values && Blob.data() == Other.Blob.data() &&
           Blob.size() == Other.Blob.size() && End == Other.End && Error == Other.Error;
  }
};

class RecordComparison {
public:
  RecordComparison(StringRef Bitcode, Differences &Found) : Stream(Bitcode), Found(Found) {
    Stream.setBlockInfo(&Abbreviations);
  }

  // Whether all was read.
  bool run() {
    if (Expected<SimpleBitstreamCursor::word_t> Magic = Stream.Read(32); !Magic)
      return failed(Magic.takeError());
    unsigned Depth = 0;
    while (!Stream.AtEndOfStream()) {
      Expected<BitstreamEntry> Entry = Stream.advance();
      if (!Entry)
        return failed(Entry.takeError());
      switch (Entry->Kind) {
      case BitstreamEntry::Error:
        return false;
      case BitstreamEntry::EndBlock:
        if (Depth-- == 0)
          return false;
        break;
      case BitstreamEntry::SubBlock:
        if (!enter(Entry->ID, Depth))
          return false;
        break;
      case BitstreamEntry::Record:
        if (!compare(Entry->ID))
          return false;
        break;
      }
    }
    return true;
  }

  // Reads records of a block of so many abbreviations at any positions.
  void runAnywhere(size_t Abbreviations, Random &Draw) {
    Expected<SimpleBitstreamCursor::word_t> Magic = Stream.Read(32);
    Expected<BitstreamEntry> Block = Magic ? Stream.advance() : Magic.takeError();
    if (!Block || Block->Kind != BitstreamEntry::SubBlock) {
      Found.tell("there is no block");
      return;
    }
    unsigned Depth = 0;
    if (!enter(Block->ID, Depth))
      return;
    // LLVM reads all abbreviations before the first of what follows.
    if (Expected<BitstreamEntry> First = Stream.advance(); !First)
      consumeError(First.takeError());
    const uint64_t End = Stream.SizeInBytes() * 8;
    for (int Time = 0; Time < 32; ++Time) {
      // Often where the end is near.
      const uint64_t Most = Draw.oneIn(2) ? std::min<uint64_t>(End, 512) : End;
      if (Error E = Stream.JumpToBit(End - 1 - Draw.below(Most)))
        consumeError(std::move(E));
      else
        compare(bitc::UNABBREV_RECORD + Draw.below(Abbreviations + 2));
    }
  }

private:
  static bool failed(Error E) {
    consumeError(std::move(E));
    return false;
  }

  bool enter(unsigned Block, unsigned &Depth) {
    if (Block == bitc::BLOCKINFO_BLOCK_ID) {
      Expected<std::optional<BitstreamBlockInfo>> Info = Stream.ReadBlockInfoBlock();
      if (!Info)
        return failed(Info.takeError());
      if (*Info)
        Abbreviations = std::move(**Info);
      return Info->has_value();
    }
    ++Depth;
    Error E = Stream.EnterSubBlock(Block);
    return E ? failed(std::move(E)) : true;
  }

  // Calls a function on a copy of the stream.
  ReadRecord outcome(function_ref<Expected<unsigned>(BitstreamCursor &, ReadRecord &)> Call) const {
    BitstreamCursor Cursor = Stream;
    ReadRecord Result;
    // What was there before is to stay.
    Result.Values.push_back(7);
    GuardOutcome Guard = runGuarded([&] {
      Expected<unsigned> Code = Call(Cursor, Result);
      if (Code)
        Result.Code = *Code;
      else
        Result.Error = toString(Code.takeError());
    });
    if (!Guard.Error.empty())
      Result.Error = Guard.Error;
    if (Result.Error.empty())
      Result.End = Cursor.GetCurrentBitNo();
    else
      // Neither means anything after an error.
      Result.Values.clear();
    return Result;
  }

  void compare(StringRef What, unsigned Abbreviation, const ReadRecord &Ours, const ReadRecord &Theirs) {
    Found.compare(Ours, Theirs,
                  What + Twine(" of abbreviation ") + Twine(Abbreviation) + " at bit " +
                      Twine(Stream.GetCurrentBitNo()) + ": \"" + Ours.Error + "\", LLVM: \"" +
                      Theirs.Error + "\"");
  }

  // Whether there may be more records.
  bool compare(unsigned Abbreviation) {
    compare("the record that is skipped,", Abbreviation, outcome([&](BitstreamCursor &Cursor, ReadRecord &) {
              return Cursor.skipRecord(Abbreviation);
            }),
            outcome([&](BitstreamCursor &Cursor, ReadRecord &) {
              return original::skipRecord(&Cursor, Abbreviation);
            }));
    ReadRecord Theirs = outcome([&](BitstreamCursor &Cursor, ReadRecord &Result) {
      return original::readRecord(&Cursor, Abbreviation, Result.Values, &Result.Blob);
    });
    compare("the record", Abbreviation, outcome([&](BitstreamCursor &Cursor, ReadRecord &Result) {
              return Cursor.readRecord(Abbreviation, Result.Values, &Result.Blob);
            }),
            Theirs);
    if (!Theirs.Error.empty())
      return false;
    Error E = Stream.JumpToBit(Theirs.End);
    return E ? failed(std::move(E)) : true;
  }

  BitstreamBlockInfo Abbreviations;
  BitstreamCursor Stream;
  Differences &Found;
};

} // namespace

rust::Vec<rust::String> differences_in_records(rust::Slice<const uint8_t> Bitcode, uint64_t &Compared,
                                               bool &Whole) {
  Differences Found(Compared);
  StringRef Bytes(reinterpret_cast<const char *>(Bitcode.data()), Bitcode.size());
  // What else LLVM makes of malformed bytes is not ours.
  runGuarded([&] { Whole = RecordComparison(Bytes, Found).run(); });
  return Found.take();
}

// --- Abbreviations

static BitCodeAbbrevOp someField(Random &Draw) {
  switch (Draw.below(16)) {
  case 0:
    return BitCodeAbbrevOp(Draw.next());
  case 1:
    return BitCodeAbbrevOp(BitCodeAbbrevOp::Array);
  case 2:
    return BitCodeAbbrevOp(BitCodeAbbrevOp::Blob);
  case 3:
    return BitCodeAbbrevOp(BitCodeAbbrevOp::Char6);
  default: {
    const auto Encoding = Draw.oneIn(2) ? BitCodeAbbrevOp::Fixed : BitCodeAbbrevOp::VBR;
    return BitCodeAbbrevOp(Encoding, Draw.below(Draw.oneIn(2) ? 4 : 1 + BitstreamCursor::MaxChunkSize));
  }
  }
}

// Also such as no writer makes.
static std::shared_ptr<BitCodeAbbrev> someAbbreviation(Random &Draw) {
  auto Result = std::make_shared<BitCodeAbbrev>();
  for (size_t Count = 1 + Draw.below(4); Count > 0; --Count)
    Result->Add(someField(Draw));
  if (Draw.oneIn(2)) {
    Result->Add(BitCodeAbbrevOp(BitCodeAbbrevOp::Array));
    Result->Add(someField(Draw));
  }
  return Result;
}

rust::Vec<rust::String> differences_of_abbreviations(uint64_t Seed, uint64_t Rounds, uint64_t &Compared) {
  static constexpr unsigned Block = bitc::FIRST_APPLICATION_BLOCKID, Width = 5;
  Differences Found(Compared);
  Random Draw(Seed);
  for (uint64_t Round = 0; Round < Rounds; ++Round) {
    SmallVector<char, 0> Bytes;
    const size_t Abbreviations = 1 + Draw.below(8);
    {
      BitstreamWriter Writer(Bytes);
      Writer.Emit(0, 32);
      Writer.EnterSubblock(Block, Width);
      for (size_t I = 0; I < Abbreviations; ++I)
        Writer.EmitAbbrev(someAbbreviation(Draw));
      // Any bits, among them numbers that are small, such as do not end, and such as have empty pieces.
      for (size_t Words = Draw.below(64); Words > 0; --Words) {
        if (Draw.oneIn(8))
          for (size_t Pieces = Draw.below(12); Pieces > 0; --Pieces)
            Writer.Emit(1 << 5, 6);
        Writer.Emit(Draw.oneIn(4) ? 0 : Draw.oneIn(4) ? ~uint32_t(0) : uint32_t(Draw.next()), 32);
      }
      if (Draw.oneIn(2))
        Writer.ExitBlock();
      else
        // A number that goes on where the bytes end.
        for (size_t Words = Draw.below(16); Words > 0; --Words)
          Writer.Emit(~uint32_t(0), 32);
    }
    RecordComparison(StringRef(Bytes.data(), Bytes.size()), Found).runAnywhere(Abbreviations, Draw);
  }
  return Found.take();
}

} // namespace thinfarm
