#include "diagnostics.h"
#include "guard.h"
#include "llvm-build/src/bridge.rs.h"

#include "clang/Basic/DiagnosticFrontend.h"
#include "clang/Basic/DiagnosticIDs.h"
#include "clang/Frontend/CompilerInvocation.h"
#include "clang/Frontend/TextDiagnosticPrinter.h"
#include "llvm/Demangle/Demangle.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/VirtualFileSystem.h"

using namespace clang;
using namespace llvm;

namespace thinfarm {

BackendDiagnostics::BackendDiagnostics(StringRef ModuleId, rust::Slice<const rust::String> Cc1,
                                       BackendResult &Result)
    : ModuleId(ModuleId), Cc1(Cc1), Result(Result), Text(Result.Diagnostics) {}

BackendDiagnostics::~BackendDiagnostics() = default;

namespace {

// Remembers how the engine classifies.
class Printer : public TextDiagnosticPrinter {
public:
  Printer(raw_ostream &OS, DiagnosticOptions &Options, DiagnosticsEngine::Level &Last)
      : TextDiagnosticPrinter(OS, Options), Last(Last) {}

  void HandleDiagnostic(DiagnosticsEngine::Level Level, const Diagnostic &Info) override {
    Last = Level;
    TextDiagnosticPrinter::HandleDiagnostic(Level, Info);
  }

private:
  DiagnosticsEngine::Level &Last;
};

} // namespace

DiagnosticsEngine &BackendDiagnostics::engine() {
  if (Engine)
    return *Engine;
  std::vector<std::string> Storage = strings(Cc1);
  std::vector<const char *> Argv;
  for (const std::string &Arg : Storage)
    Argv.push_back(Arg.c_str());
  Options = CreateAndPopulateDiagOpts(Argv);
  Engine = makeIntrusiveRefCnt<DiagnosticsEngine>(
      DiagnosticIDs::create(), *Options, new Printer(Text, *Options, Level));
  ProcessWarningOptions(*Engine, *Options, *vfs::getRealFileSystem(), /*ReportDiags=*/false);
  return *Engine;
}

// The four ids clang has for a kind of backend diagnostic.
struct SeverityIds {
  unsigned Error, Warning, Remark, Note;

  unsigned of(DiagnosticSeverity Severity) const {
    switch (Severity) {
    case DS_Error:
      return Error;
    case DS_Warning:
      return Warning;
    case DS_Remark:
      return Remark;
    case DS_Note:
      return Note;
    }
    llvm_unreachable("the switch covers every severity");
  }
};

static constexpr SeverityIds PluginIds = {diag::err_fe_backend_plugin, diag::warn_fe_backend_plugin,
                                          diag::remark_fe_backend_plugin,
                                          diag::note_fe_backend_plugin};
static constexpr SeverityIds LinkingIds = {diag::err_fe_linking_module,
                                           diag::warn_fe_linking_module,
                                           diag::remark_fe_backend_plugin,
                                           diag::note_fe_linking_module};
static constexpr SeverityIds InlineAsmIds = {diag::err_fe_inline_asm, diag::warn_fe_inline_asm,
                                             diag::remark_fe_backend_plugin,
                                             diag::note_fe_inline_asm};
static constexpr SeverityIds StackSizeIds = {
    diag::err_fe_backend_frame_larger_than, diag::warn_fe_backend_frame_larger_than,
    diag::remark_fe_backend_plugin, diag::note_fe_backend_frame_larger_than};

static std::string print(const DiagnosticInfo &Info) {
  std::string Message;
  raw_string_ostream OS(Message);
  DiagnosticPrinterRawOStream Printer(OS);
  Info.print(Printer);
  return Message;
}

void BackendDiagnostics::wordAsLld(const DiagnosticInfo &Info) {
  if (Level == DiagnosticsEngine::Ignored)
    return;
  LinkMessage Message;
  Message.severity = Level >= DiagnosticsEngine::Error     ? Severity::Error
                     : Level == DiagnosticsEngine::Warning ? Severity::Warning
                                                           : Severity::Note;
  std::string Words;
  // `lld::diagnosticHandler` (lld/Common/ErrorHandler.cpp).
  if (auto *Source = dyn_cast<DiagnosticInfoSrcMgr>(&Info); Source && Source->isInlineAsmDiag())
    Words = Source->getModuleName().str() + " ";
  Words += print(Info);
  Message.text = text(Words);
  Result.Messages.push_back(std::move(Message));
}

bool BackendDiagnostics::handleDiagnostics(const DiagnosticInfo &Info) {
  DiagnosticsEngine &Diags = engine();
  Level = DiagnosticsEngine::Ignored;
  switch (Info.getKind()) {
  case DK_InlineAsm:
    Diags.Report(InlineAsmIds.of(Info.getSeverity()))
        << cast<DiagnosticInfoInlineAsm>(Info).getMsgStr().str();
    break;
  case DK_SrcMgr:
    // Without the source that the assembly came from, clang shows LLVM's words and this.
    cast<DiagnosticInfoSrcMgr>(Info).getSMDiag().print(nullptr, Text, /*ShowColors=*/false);
    Diags.Report(InlineAsmIds.of(Info.getSeverity())) << "cannot compile inline asm";
    break;
  case DK_StackSize:
    Diags.Report(StackSizeIds.of(Info.getSeverity())) << print(Info);
    break;
  case DK_Linker:
    Diags.Report(LinkingIds.of(Info.getSeverity())) << ModuleId << print(Info);
    break;
  case DK_Unsupported:
    Diags.Report(Info.getSeverity() == DS_Error ? diag::err_fe_backend_unsupported
                                                : diag::warn_fe_backend_unsupported)
        << print(Info);
    break;
  case DK_DontCall: {
    const auto &Call = cast<DiagnosticInfoDontCall>(Info);
    Diags.Report(Info.getSeverity() == DS_Error ? diag::err_fe_backend_error_attr
                                                : diag::warn_fe_backend_warning_attr)
        << demangle(Call.getFunctionName().str()) << Call.getNote();
    break;
  }
  case DK_OptimizationFailure:
    Diags.Report(diag::warn_fe_backend_optimization_failure)
        << AddFlagValue(cast<DiagnosticInfoOptimizationFailure>(Info).getPassName())
        << print(Info);
    break;
  default:
    Diags.Report(PluginIds.of(Info.getSeverity())) << print(Info);
    break;
  }
  wordAsLld(Info);
  count();
  return true;
}

void BackendDiagnostics::count() {
  Result.Warnings = engine().getClient()->getNumWarnings();
  Result.Errors = engine().getClient()->getNumErrors();
  if (Result.Errors > 0 && Result.Error.empty())
    Result.Error = "the backend reported errors";
}

} // namespace thinfarm
