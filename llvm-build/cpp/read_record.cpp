// Reading a record of bitcode, or skipping one, faster.
//
// Every module that a job loads or imports from is read record by record, most of it numbers in pieces of six
// bits; LLVM asks for each piece through two calls that may fail. The usual record is read here without:
// where a whole machine word can be loaded at every position, nothing can run over the end. For all else (blobs,
// the end of the buffer, whatever is malformed) the position stays as it was and LLVM's own function is
// called, so its errors are LLVM's too.
//
// A static link takes this definition, because the copy of LLVM's that is linked has another name
// (build/link.rs). The shared library keeps its own.

#include "originals.h"
#include "read_record.h"

#include "llvm/Bitcode/LLVMBitCodes.h"
#include "llvm/Bitstream/BitstreamReader.h"
#include "llvm/Support/Endian.h"

using namespace llvm;

static_assert(thinfarm::IsOriginal<decltype(thinfarm::original::readRecord),
                                   decltype(&BitstreamCursor::readRecord)>);
static_assert(thinfarm::IsOriginal<decltype(thinfarm::original::skipRecord),
                                   decltype(&BitstreamCursor::skipRecord)>);

void thinfarm::linkReadRecord() {}

namespace {

// Reads bits at any position. Once anything is not as usual it stays `bad`, and what it returns means nothing.
class BitReader {
public:
  BitReader(ArrayRef<uint8_t> Bytes, uint64_t Position)
      : Bytes(Bytes.data()), Position(Position),
        End(Bytes.size() < Margin ? 0 : (Bytes.size() - Margin) * 8) {}

  bool isBad() const { return Bad; }
  void setBad() { Bad = true; }
  uint64_t position() const { return Position; }
  // More elements than bits cannot follow.
  bool canHold(uint64_t Elements) const { return Elements < End - std::min(Position, End); }

  uint64_t fixed(unsigned Width) {
    if (LLVM_UNLIKELY(Position >= End)) {
      Bad = true;
      return 0;
    }
    return bits(Width);
  }

  uint64_t variable(unsigned Width) {
    // Pieces of one bit hold nothing, and any number of them may follow.
    if (LLVM_UNLIKELY(Width < 2)) {
      Bad = true;
      return 0;
    }
    uint64_t Piece = fixed(Width);
    const uint64_t More = uint64_t(1) << (Width - 1);
    uint64_t Value = Piece & (More - 1);
    for (unsigned Shift = Width - 1; Piece & More; Shift += Width - 1) {
      if (LLVM_UNLIKELY(Shift >= 64)) {
        Bad = true;
        return 0;
      }
      Piece = bits(Width);
      Value |= (Piece & (More - 1)) << Shift;
    }
    return Value;
  }

  void skip(uint64_t Width) {
    Position += Width;
    Bad |= Position >= End;
  }

  // A code or a count. What takes more than 32 bits is for LLVM to judge, and so are more pieces than hold as many, were
  // they empty.
  unsigned number() {
    constexpr unsigned Width = 6, Pieces = 7;
    const uint64_t Begin = Position;
    uint64_t Value = variable(Width);
    Bad |= Value > std::numeric_limits<uint32_t>::max() || Position - Begin > Pieces * Width;
    return Value;
  }

private:
  // A value takes 16 bytes at most (64 pieces of two bits), and a word is loaded where it ends.
  static constexpr size_t Margin = 24;

  // Widths are 32 at most, so with the bits before the first one it is within one word.
  uint64_t bits(unsigned Width) {
    uint64_t Word = support::endian::read64le(Bytes + Position / 8) >> (Position % 8);
    Position += Width;
    return Word & ((uint64_t(1) << Width) - 1);
  }

  const uint8_t *const Bytes;
  uint64_t Position;
  // The first position that is too near the end of the bytes.
  const uint64_t End;
  bool Bad = false;
};

} // namespace

static uint64_t readScalar(BitReader &Bits, const BitCodeAbbrevOp &Field) {
  switch (Field.getEncoding()) {
  case BitCodeAbbrevOp::Fixed:
    return Bits.fixed(Field.getEncodingData());
  case BitCodeAbbrevOp::VBR:
    return Bits.variable(Field.getEncodingData());
  case BitCodeAbbrevOp::Char6:
    return BitCodeAbbrevOp::DecodeChar6(Bits.fixed(6));
  default:
    Bits.setBad();
    return 0;
  }
}

// As many values as the number at the position says, each read by `Read`.
template <typename Fn>
static void readElements(BitReader &Bits, SmallVectorImpl<uint64_t> &Values, Fn Read) {
  unsigned Count = Bits.number();
  if (Bits.isBad() || !Bits.canHold(Count)) {
    Bits.setBad();
    return;
  }
  size_t First = Values.size();
  Values.resize_for_overwrite(First + Count);
  for (uint64_t &Value : MutableArrayRef(Values).drop_front(First))
    Value = Read();
}

static void readArray(BitReader &Bits, SmallVectorImpl<uint64_t> &Values,
                      const BitCodeAbbrevOp &Element) {
  // Also of an array that is empty.
  if (Element.isLiteral() || Element.getEncoding() == BitCodeAbbrevOp::Array ||
      Element.getEncoding() == BitCodeAbbrevOp::Blob)
    Bits.setBad();
  else if (Element.getEncoding() == BitCodeAbbrevOp::VBR)
    readElements(Bits, Values, [&, Width = unsigned(Element.getEncodingData())] {
      return Bits.variable(Width);
    });
  else
    readElements(Bits, Values, [&] { return readScalar(Bits, Element); });
}

// The record's code.
static unsigned readAbbreviated(BitReader &Bits, SmallVectorImpl<uint64_t> &Values,
                                const BitCodeAbbrev &Abbreviation) {
  unsigned Count = Abbreviation.getNumOperandInfos();
  const BitCodeAbbrevOp &CodeField = Abbreviation.getOperandInfo(0);
  unsigned Code = CodeField.isLiteral() ? CodeField.getLiteralValue() : readScalar(Bits, CodeField);
  for (unsigned I = 1; I != Count && !Bits.isBad(); ++I) {
    const BitCodeAbbrevOp &Field = Abbreviation.getOperandInfo(I);
    if (Field.isLiteral())
      Values.push_back(Field.getLiteralValue());
    else if (Field.getEncoding() != BitCodeAbbrevOp::Array)
      Values.push_back(readScalar(Bits, Field));
    else if (I + 2 == Count)
      readArray(Bits, Values, Abbreviation.getOperandInfo(++I));
    else
      Bits.setBad();
  }
  return Code;
}

static unsigned readUnabbreviated(BitReader &Bits, SmallVectorImpl<uint64_t> &Values) {
  unsigned Code = Bits.number();
  readElements(Bits, Values, [&] { return Bits.variable(6); });
  return Code;
}

// See `BriefMetadata`; the record is of a block of metadata. Positions are those that LLVM's `MetadataLoader`
// (llvm/lib/Bitcode/Reader) reads.
static void shorten(unsigned Code, MutableArrayRef<uint64_t> Record, SmallVectorImpl<uint64_t> &Values) {
  if (Code == bitc::METADATA_GLOBAL_DECL_ATTACHMENT && !Record.empty())
    // The first says what the others are attached to.
    Values.truncate(Values.size() - Record.size() + 1);
  else if (Code == bitc::METADATA_COMPILE_UNIT)
    // Enumerations, retained types, subprograms, variables, imports and macros.
    for (size_t List : {9, 10, 11, 12, 13, 16})
      if (List < Record.size())
        Record[List] = 0;
}

Expected<unsigned> BitstreamCursor::readRecord(unsigned AbbreviationId,
                                               SmallVectorImpl<uint64_t> &Values, StringRef *Blob) {
  const size_t Before = Values.size();
  const uint64_t Position = GetCurrentBitNo();
  const unsigned Index = AbbreviationId - bitc::FIRST_APPLICATION_ABBREV;
  BitReader Bits(getBitcodeBytes(), Position);
  unsigned Code = 0;
  if (AbbreviationId == bitc::UNABBREV_RECORD)
    Code = readUnabbreviated(Bits, Values);
  else if (Index < CurAbbrevs.size())
    Code = readAbbreviated(Bits, Values, *CurAbbrevs[Index]);
  else
    Bits.setBad();
  if (Bits.isBad()) {
    Values.truncate(Before);
    return thinfarm::original::readRecord(this, AbbreviationId, Values, Blob);
  }
  if (Error E = JumpToBit(Bits.position()))
    return std::move(E);
  if (LLVM_UNLIKELY(thinfarm::BriefMetadata::Current.holds(getBitcodeBytes().data(), Position)))
    shorten(Code, MutableArrayRef(Values).drop_front(Before), Values);
  return Code;
}

// --- Skipping

static void skipArray(BitReader &Bits, const BitCodeAbbrevOp &Element) {
  const uint64_t Count = Bits.number();
  if (Bits.isBad() || !Bits.canHold(Count) || Element.isLiteral()) {
    Bits.setBad();
    return;
  }
  switch (Element.getEncoding()) {
  case BitCodeAbbrevOp::Fixed:
    Bits.skip(Count * Element.getEncodingData());
    break;
  case BitCodeAbbrevOp::Char6:
    Bits.skip(Count * 6);
    break;
  case BitCodeAbbrevOp::VBR:
    for (uint64_t I = 0; I != Count && !Bits.isBad(); ++I)
      Bits.variable(Element.getEncodingData());
    break;
  default:
    Bits.setBad();
  }
}

static unsigned skipAbbreviated(BitReader &Bits, const BitCodeAbbrev &Abbreviation) {
  const unsigned Count = Abbreviation.getNumOperandInfos();
  const BitCodeAbbrevOp &CodeField = Abbreviation.getOperandInfo(0);
  const unsigned Code = CodeField.isLiteral() ? CodeField.getLiteralValue() : readScalar(Bits, CodeField);
  for (unsigned I = 1; I != Count && !Bits.isBad(); ++I) {
    const BitCodeAbbrevOp &Field = Abbreviation.getOperandInfo(I);
    if (Field.isLiteral())
      continue;
    if (Field.getEncoding() != BitCodeAbbrevOp::Array)
      readScalar(Bits, Field);
    else if (I + 2 == Count)
      skipArray(Bits, Abbreviation.getOperandInfo(++I));
    else
      Bits.setBad();
  }
  return Code;
}

static unsigned skipUnabbreviated(BitReader &Bits) {
  const unsigned Code = Bits.number();
  const uint64_t Count = Bits.number();
  if (!Bits.canHold(Count))
    Bits.setBad();
  for (uint64_t I = 0; I != Count && !Bits.isBad(); ++I)
    Bits.variable(6);
  return Code;
}

Expected<unsigned> BitstreamCursor::skipRecord(unsigned AbbreviationId) {
  const unsigned Index = AbbreviationId - bitc::FIRST_APPLICATION_ABBREV;
  BitReader Bits(getBitcodeBytes(), GetCurrentBitNo());
  unsigned Code = 0;
  if (AbbreviationId == bitc::UNABBREV_RECORD)
    Code = skipUnabbreviated(Bits);
  else if (Index < CurAbbrevs.size())
    Code = skipAbbreviated(Bits, *CurAbbrevs[Index]);
  else
    Bits.setBad();
  if (Bits.isBad())
    return thinfarm::original::skipRecord(this, AbbreviationId);
  if (Error E = JumpToBit(Bits.position()))
    return std::move(E);
  return Code;
}
