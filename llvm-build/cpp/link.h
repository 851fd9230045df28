// What a job has to know of the link it is a part of.

#pragma once

namespace llvm::lto {
struct Config;
}

namespace thinfarm {

struct CodegenOptions;

// lld's configuration while `link` has its objects made; null otherwise.
const llvm::lto::Config *configOfLink();

// What `Conf` says about code generation; the triple is each module's.
CodegenOptions optionsOfLink(const llvm::lto::Config &Conf);

// The part of it that LLVM's options decide, as they are now, before lld has its own say.
CodegenOptions optionsOfFlags();

// To be called before lld reads its command line: see codegen_words.cpp.
void rememberFlags();

} // namespace thinfarm
