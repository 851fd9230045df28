//! The options that clang has for LLVM's code generation are one list (`llvm-build/cpp/codegen_options.def`) and a few that
//! are no plain values. A field that a later LLVM or clang adds is in neither, and is to be thought about.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::fixture::llvm_tool;

/// Fields of `CodegenOptions` that are written out in the files that read the list.
const WRITTEN_OUT: [&str; 15] = [
    "bb_sections",
    "binutils_version",
    "clang_action_reason",
    "code_model",
    "codegen_level",
    "cpu",
    "cs_profile",
    "cs_profile_path",
    "features",
    "float_abi",
    "llvm_args",
    "no_dwarf_directory_asm",
    "output_asm_variant",
    "relocation_model",
    "triple",
];

/// A struct of LLVM's that options of clang or of lld go to.
struct Struct {
    header: &'static str,
    name: &'static str,
    /// What begins its members' names in the list.
    prefix: &'static str,
    /// Members that thin_backend.cpp sets by itself.
    written_out: &'static [&'static str],
    /// Members that neither clang's `BackendUtil.cpp` nor lld's `createConfig` set by options of their own, or that a job
    /// with such an option leaves to clang's own action or to lld: see `src/bridge.rs` and `onlyOwnBackends` of lld.cpp.
    left_alone: &'static [&'static str],
}

const STRUCTS: [Struct; 4] = [
    Struct {
        header: "llvm/Target/TargetOptions.h",
        name: "TargetOptions",
        prefix: "",
        written_out: &[
            "BinutilsVersion",
            "FloatABIType",
            "BBSections",
            "BBSectionsFuncListBuf",
            "ObjectFilenameForDebug",
            "MCOptions",
        ],
        left_alone: &[
            "NoTrappingFPMath",
            "NoSignedZerosFPMath",
            "HonorSignDependentRoundingFPMathOption",
            "GuaranteedTailCallOpt",
            "StackSymbolOrdering",
            "EnableFastISel",
            "EnableGlobalISel",
            "GlobalISelAbort",
            "XCOFFTracebackTable",
            "TrapUnreachable",
            "NoTrapAfterNoreturn",
            "EnableIPRA",
            "EnableMachineOutliner",
            "SupportsDefaultOutlining",
            "SupportsDebugEntryValues",
            "EnableDebugEntryValues",
            "ValueTrackingVariableLocations",
            "PPCGenScalarMASSEntries",
            "EnableCFIFixup",
            "VerifyArgABICompliance",
            "StackUsageOutput",
        ],
    },
    Struct {
        header: "llvm/MC/MCTargetOptions.h",
        name: "MCTargetOptions",
        prefix: "MCOptions.",
        written_out: &["OutputAsmVariant", "MCUseDwarfDirectory", "SplitDwarfFile", "IASSearchPaths"],
        left_alone: &[
            "MCNoDeprecatedWarn",
            "MCNoTypeCheck",
            "FDPIC",
            "ShowMCEncoding",
            "ShowMCInst",
            "DwarfVersion",
            "AssemblyLanguage",
            "Argv0",
            "CommandlineArgs",
            "InstPrinterOptions",
        ],
    },
    Struct {
        header: "llvm/LTO/Config.h",
        name: "Config",
        prefix: "",
        written_out: &[
            "CPU",
            "Options",
            "MAttrs",
            "RelocModel",
            "CodeModel",
            "CGOptLevel",
            "RunCSIRInstr",
            "CSIRProfile",
            "SplitDwarfFile",
            "SplitDwarfOutput",
            "DisableVerify",
            "PTO",
            // LinkHooks.
            "PGOWarnMismatch",
            "TimeTraceEnabled",
            "TimeTraceGranularity",
            "ShouldDiscardValueNames",
            "PreOptModuleHook",
            "PostPromoteModuleHook",
            "PostInternalizeModuleHook",
            "PostImportModuleHook",
            "PostOptModuleHook",
            "PreCodeGenModuleHook",
            // Files of jobs.
            "DwoDir",
        ],
        left_alone: &[
            "MllvmArgs",
            "PassPlugins",
            "PreCodeGenPassesHook",
            "CGFileType",
            "VerifyEach",
            "Freestanding",
            "CodeGenOnly",
            "HasWholeProgramVisibility",
            "ValidateAllVtablesHaveTypeInfos",
            "AllVtablesHaveTypeInfos",
            "AlwaysEmitRegularLTOObj",
            "KeepSymbolNameCopies",
            "Dtlto",
            "VisibilityScheme",
            "OptPipeline",
            "AAPipeline",
            "OverrideTriple",
            "DefaultTriple",
            "RemarksFilename",
            "RemarksPasses",
            "RemarksWithHotness",
            "RemarksHotnessThreshold",
            "RemarksFormat",
            "DebugPassManager",
            "StatsFile",
            "ThinLTOModulesToCompile",
            "DiagHandler",
            "AddFSDiscriminator",
            "ResolutionFile",
            "CombinedIndexHook",
        ],
    },
    Struct {
        header: "llvm/Passes/PassBuilder.h",
        name: "PipelineTuningOptions",
        prefix: "PTO.",
        written_out: &["LoopInterleaving", "CallGraphProfile"],
        left_alone: &[
            "ForgetAllSCEVInLoopUnroll",
            "LicmMssaOptCap",
            "LicmMssaNoAccForPromotionCap",
            "UnifiedLTO",
            "MergeFunctions",
            "InlinerThreshold",
            "EagerlyInvalidateAnalyses",
            "DevirtualizeSpeculatively",
        ],
    },
];

/// How many options for code generation clang has. Where a later one has more, `initTargetOptions` and
/// `runThinLTOBackend` of its `BackendUtil.cpp` tell whether they reach a backend.
const OPTIONS_OF_CLANG: usize = 255;

/// A line of the list: the field of `CodegenOptions`, and LLVM's member.
fn listed() -> Vec<(String, String)> {
    let list = read("llvm-build/cpp/codegen_options.def");
    let is_entry = |line: &&str| line.starts_with("TARGET_") || line.starts_with("CONFIG_");
    let entry = |line: &str| {
        let mut words = line.split(['(', ',', ')']).skip(1).map(|word| word.trim().to_owned());
        (words.next().expect("a field"), words.next().expect("a member"))
    };
    list.lines().filter(is_entry).map(entry).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path)
}

/// A header of the LLVM under test.
fn header(name: &str) -> String {
    let programs = llvm_tool("clang");
    let installed: PathBuf =
        programs.parent().and_then(Path::parent).expect("a prefix").join("include").join(name);
    fs::read_to_string(&installed).unwrap_or_else(|error| panic!("{}: {error}", installed.display()))
}

/// The names of the data members of `name`, which `text` defines.
fn members(text: &str, name: &str) -> BTreeSet<String> {
    let text: String =
        text.lines().map(|line| line.split("//").next().unwrap_or_default().to_owned() + "\n").collect();
    let begins = ["struct ", "class "].iter().find_map(|kind| text.find(&format!("{kind}{name} {{")));
    let body = &text[begins.unwrap_or_else(|| panic!("no definition of {name}"))..];
    // What is in no further braces, and in no template arguments.
    let (mut own, mut braces, mut angles) = (String::new(), 0, 0);
    for letter in body[body.find('{').expect("a body")..].chars() {
        match letter {
            '{' => {
                braces += 1;
                // Of a function or an initialiser.
                own.push_str(if braces == 2 { " = " } else { "" });
            }
            '}' => {
                braces -= 1;
                // Functions end without a semicolon.
                own.push_str(if braces == 1 { ";" } else { "" });
            }
            '<' if braces == 1 => angles += 1,
            '>' if braces == 1 => angles -= 1,
            _ if braces == 1 && angles == 0 => own.push(letter),
            _ => {}
        }
        if braces == 0 {
            break;
        }
    }
    let declared = own.split(';').filter_map(|statement| {
        let statement = statement.trim().trim_start_matches("public:").trim_start();
        let is_member = !["enum ", "friend ", "using "].iter().any(|word| statement.starts_with(word));
        let declaration =
            statement.split(" =").next().unwrap_or_default().split(" : ").next().unwrap_or_default();
        // A function has parentheses.
        let name = declaration.trim_end().rsplit([' ', '\n']).next().unwrap_or_default();
        (is_member && !declaration.contains(['(', ')']) && !name.is_empty()).then(|| name.to_owned())
    });
    declared.collect()
}

#[test]
fn every_option_is_listed_once() {
    let bridge = read("llvm-build/src/bridge.rs");
    let (_, fields) = bridge.split_once("pub struct CodegenOptions {").expect("the struct");
    let (fields, _) = fields.split_once("\n    }").expect("its end");
    let field = |line: &str| line.trim().split_once(": ").map(|(name, _)| name.to_owned());
    let fields: BTreeSet<String> =
        fields.lines().filter(|line| !line.contains("///")).filter_map(field).collect();
    let mut known: Vec<String> = WRITTEN_OUT.map(str::to_owned).into();
    known.extend(listed().into_iter().map(|(field, _)| field));
    known.sort();
    assert_eq!(known, fields.into_iter().collect::<Vec<_>>());
}

#[test]
fn every_member_of_llvms_structs_is_known() {
    let listed: Vec<String> = listed().into_iter().map(|(_, member)| member).collect();
    for Struct { header: path, name, prefix, written_out, left_alone } in STRUCTS {
        let members = members(&header(path), name);
        let in_list = |member: &&String| listed.contains(&format!("{prefix}{member}"));
        let known: BTreeSet<&str> = written_out.iter().chain(left_alone).copied().collect();
        let others: BTreeSet<&str> =
            members.iter().filter(|member| !in_list(member)).map(String::as_str).collect();
        assert_eq!(others, known, "members of {name} ({path})");
    }
    for member in &listed {
        let name = member.rsplit('.').next().unwrap_or(member);
        let is_there = |one: &Struct| members(&header(one.header), one.name).contains(name);
        assert!(STRUCTS.iter().any(is_there), "{member} is no member");
    }
}

#[test]
fn clang_has_no_further_options_of_code_generation() {
    let options = header("clang/Basic/CodeGenOptions.def");
    let is_option = |line: &&str| {
        let kind = line.split('(').next().unwrap_or_default();
        kind.ends_with("CODEGENOPT")
            && kind.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_')
    };
    assert_eq!(options.lines().filter(is_option).count(), OPTIONS_OF_CLANG);
}

#[test]
fn members_are_told_from_the_rest_of_a_struct() {
    let text = "struct Other {};\nclass Some {\npublic:\n  enum Kind { A };\n  Some() : One(false) {}\n  // int Not;\n  \
                unsigned One : 1;\n  std::pair<int, int> Two{0, 0};\n  std::function<void(int &)> Three;\n  \
                bool Four =\n      true;\n  int f() const;\n  Kind Five = A;\n};\nstruct Later { int Six; };";
    assert_eq!(
        members(text, "Some").into_iter().collect::<Vec<_>>(),
        ["Five", "Four", "One", "Three", "Two"]
    );
}
