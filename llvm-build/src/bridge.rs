//! The declarations both sides of the bridge share; everything that crosses is plain data or an
//! opaque handle, and errors are values (no C++ exception ever reaches Rust).

use crate::compile::StageListener;
use crate::lld::LinkCallbacks;
use crate::mapped::Mapped;
use crate::process::llvm_programs;

#[cxx::bridge(namespace = "thinfarm")]
#[allow(clippy::too_many_arguments)]
pub(crate) mod ffi {
    /// Every value of a clang command line that reaches a ThinLTO backend, and nothing else.
    ///
    /// The fields are those that clang 22's `BackendUtil.cpp` (`initTargetOptions` and
    /// `runThinLTOBackend`) copies into `llvm::TargetOptions` and `llvm::lto::Config`; each is
    /// named after the clang field it holds. Two command lines with equal `CodegenOptions` compile
    /// the same module to the same bytes. Paths that differ from file to file are not here but in
    /// [`JobFiles`].
    ///
    /// What `BackendUtil.cpp` sets and this does not hold, and why it cannot matter:
    /// - `MCOptions.Argv0` and `CommandlineArgs` are only written to CodeView's `S_BUILDINFO` (COFF);
    /// - `OptimizeSize` (-Os, -Oz) and `TuneCPU` reach the backend as function attributes in the
    ///   bitcode, `runThinLTOBackend` does not read them;
    /// - `DebugPassManager`, `VerifyEach`, remarks, statistics and plugins do not change the code:
    ///   a command line that asks for one is run through clang's own action, see
    ///   [`CodegenOptions::clang_action_reason`].
    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub struct CodegenOptions {
        /// Target triple, normalised; it overrides the module's, as in clang.
        triple: String,
        /// Target CPU after clang's defaults (`-march=`, `-mcpu=`).
        cpu: String,
        /// Every target feature clang derives from CPU and flags, `+name` or `-name`, in its order.
        features: Vec<String>,
        /// Target ABI (`-mabi=`), empty for the target's default.
        abi: String,
        /// `-O0` to `-O3`; -Os and -Oz are 2.
        optimization_level: u32,
        /// That of code generation; only lld (`--lto-CGO`) has another than `optimization_level`.
        codegen_level: u32,
        /// `static`, `pic`, `dynamic-no-pic`, `ropi`, `rwpi`, `ropi-rwpi`.
        relocation_model: String,
        /// `tiny`, `small`, `kernel`, `medium`, `large`, or `default`: the module's or target's own.
        code_model: String,
        /// `posix` or `single`.
        thread_model: String,
        /// `soft`, `softfp`, `hard`, or empty.
        float_abi: String,
        /// How far the backend fuses floating-point operations: `standard` or `fast`; `strict` from lld only.
        fp_op_fusion: String,
        /// `-fbinutils-version=`, for example `2.35`; empty for the newest known.
        binutils_version: String,
        /// `.init_array` rather than `.ctors`.
        use_init_array: bool,
        /// Assembly is left to another assembler (`-fno-integrated-as`).
        disable_integrated_as: bool,
        /// `default`, `4`, `5`, `gnu`, or `unknown`.
        eabi_version: String,
        /// `none`, `dwarf`, `sjlj`, `seh`, `wasm`.
        exception_model: String,
        /// Infinities need not be honoured.
        no_infs_fp_math: bool,
        /// NaNs need not be honoured.
        no_nans_fp_math: bool,
        /// Zero-initialised data stays out of `.bss`.
        no_zero_initialized_in_bss: bool,
        /// `-fbasic-block-address-map`.
        bb_addr_map: bool,
        /// `-fbasic-block-sections=`: `all`, `none`, or `list=PATH`.
        bb_sections: String,
        /// `-fsplit-machine-functions`.
        split_machine_functions: bool,
        /// `-fpartition-static-data-sections`.
        partition_static_data_sections: bool,
        /// `-ffunction-sections`.
        function_sections: bool,
        /// `-fdata-sections`.
        data_sections: bool,
        /// `-mignore-xcoff-visibility`.
        ignore_xcoff_visibility: bool,
        /// `-funique-section-names`.
        unique_section_names: bool,
        /// `-funique-basic-block-section-names`.
        unique_basic_block_section_names: bool,
        /// `-fseparate-named-sections`.
        separate_named_sections: bool,
        /// `-mtls-size=`, bits.
        tls_size: u32,
        /// `-mtls-dialect=gnu2|desc`.
        enable_tlsdesc: bool,
        /// `-femulated-tls`.
        emulated_tls: bool,
        /// `default`, `gdb`, `lldb`, `sce`, `dbx`.
        debugger_tuning: String,
        /// `-fstack-size-section`.
        stack_size_section: bool,
        /// `-faddrsig`.
        addrsig: bool,
        /// `-fforce-dwarf-frame`.
        force_dwarf_frame_section: bool,
        /// `-fexperimental-call-graph-section`.
        call_graph_section: bool,
        /// Call site information for debuggers (`-O1` and up with `-g`).
        emit_call_site_info: bool,
        /// `-mabi=vec-extabi` on AIX.
        enable_aix_extended_altivec_abi: bool,
        /// `-fxray-function-index`.
        xray_function_index: bool,
        /// `-falign-loops=`, log2 of bytes.
        loop_alignment: u32,
        /// `-gstrict-dwarf`.
        debug_strict_dwarf: bool,
        /// `-fms-hotpatch`.
        hotpatch: bool,
        /// `-fjmc`.
        jmc_instrument: bool,
        /// `-mxcoff-roptr`.
        xcoff_read_only_pointers: bool,
        /// `-fveclib=`: LLVM's name of the vector library, `none` without one.
        vector_library: String,
        /// `auto`, `always` or `never`.
        swift_async_frame_pointer: String,
        /// `-femit-dwarf-unwind=`: `always`, `no-compact-unwind` or `default`.
        emit_dwarf_unwind: String,
        /// `-femit-compact-unwind-non-canonical`.
        emit_compact_unwind_non_canonical: bool,
        /// `-Wa,--gsframe`.
        emit_sframe_unwind: bool,
        /// `-mrelax-all`.
        relax_all: bool,
        /// `-Wa,-L`.
        save_temp_labels: bool,
        /// `-fno-dwarf-directory-asm`.
        no_dwarf_directory_asm: bool,
        /// `-Wa,--noexecstack`.
        no_exec_stack: bool,
        /// `-mincremental-linker-compatible`.
        incremental_linker_compatible: bool,
        /// `-Wa,--fatal-warnings`.
        fatal_warnings: bool,
        /// `-Wa,--no-warn`.
        no_warn: bool,
        /// Comments in assembly output.
        asm_verbose: bool,
        /// `-gdwarf64`.
        dwarf64: bool,
        /// Comments of inline assembly are kept.
        preserve_asm_comments: bool,
        /// `-Wa,--crel`.
        crel: bool,
        /// `-Wa,-mmapsyms=implicit`.
        implicit_map_syms: bool,
        /// `-Wa,-mrelax-relocations=`.
        x86_relax_relocations: bool,
        /// `-Wa,-msse2avx`.
        x86_sse2avx: bool,
        /// `-gz=`: `none`, `zlib` or `zstd`.
        compress_debug_sections: String,
        /// `-masm=`: 0 AT&T, 1 Intel, 3 not given.
        output_asm_variant: u32,
        /// Full register names in PowerPC assembly.
        ppc_use_full_register_names: bool,
        /// `-Wmisexpect` needs the backend's help.
        mis_expect: bool,
        /// Log of `.secure_log_unique`.
        as_secure_log_file: String,
        /// `-funroll-loops`; interleaving follows it, for historical reasons.
        unroll_loops: bool,
        /// `-floop-interchange`.
        interchange_loops: bool,
        /// `-fexperimental-loop-fusion`.
        fuse_loops: bool,
        /// `-fvectorize`.
        vectorize_loops: bool,
        /// `-fslp-vectorize`.
        vectorize_slp: bool,
        /// Context-sensitive profile: `none`, `generate` or `use`.
        cs_profile: String,
        /// Where a context-sensitive profile is written to or read from.
        cs_profile_path: String,
        /// `-fprofile-sample-use=`.
        sample_profile: String,
        /// `-fprofile-remapping-file=`.
        profile_remapping: String,
        /// `-mllvm` options, which LLVM keeps for the whole process.
        llvm_args: Vec<String>,
        /// Why such a job is run through clang's own code generation action rather than the thin
        /// backend alone: empty, or the feature, for example `-S`. Same bytes, fewer shortcuts.
        clang_action_reason: String,
    }

    /// The paths of one command line that belong to one file rather than to how it is compiled.
    #[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub struct JobFiles {
        /// `-fthinlto-index=`, empty without one.
        index: String,
        /// `-o`; empty or `-` is standard output.
        output: String,
        /// The input, as given.
        input: String,
        /// The name of the `.dwo` as the object records it; empty without split DWARF.
        split_dwarf_file: String,
        /// Where the `.dwo` is written; empty for none.
        split_dwarf_output: String,
        /// Name of the object recorded in CodeView debug information.
        object_filename_for_debug: String,
        /// Where inline assembly's `.include` and `.incbin` look.
        assembler_search_paths: Vec<String>,
        /// Files written beside the object: optimisation record, time trace, stack usage.
        side_outputs: Vec<String>,
    }

    /// What clang's driver made of a command line.
    #[derive(Clone, Debug, Default)]
    pub struct DriverOutcome {
        /// The cc1 command line of the one compile job; empty on failure.
        cc1: Vec<String>,
        /// Diagnostics as clang prints them, one or more lines.
        diagnostics: String,
        /// Why the command line cannot be one in-process job; empty when it can.
        refusal: String,
        /// The driver did everything itself (`--version`).
        compiles_nothing: bool,
        /// The arguments with `@file`s expanded.
        arguments: Vec<String>,
        /// Where each option starts in `arguments`, then their number.
        option_starts: Vec<u32>,
    }

    /// What a cc1 command line means to a backend.
    pub struct Cc1Outcome {
        /// Whether the command line is valid.
        ok: bool,
        /// Diagnostics as clang prints them.
        diagnostics: String,
        /// The options, meaningful if `ok`.
        options: CodegenOptions,
        /// The files, meaningful if `ok`.
        files: JobFiles,
    }

    /// What a backend needs of a compile command.
    pub struct BackendFlags {
        /// The arguments that are left.
        flags: Vec<String>,
        /// Where each option starts in `flags`, then their number.
        starts: Vec<u32>,
        /// DWARF is split by options that were dropped because they name the front end's files.
        splits_dwarf: bool,
        /// The directory whose files the flags name, empty for that of this process.
        directory: String,
        /// The flags or the directory depend on where the command may have run.
        depends_on_places: bool,
        /// Files that a backend would read and that are not there; their options were dropped.
        missing: Vec<MissingFile>,
        /// A response file cannot be read; empty if all can.
        error: String,
    }

    /// What a word of a command line is, where no option before it takes it as a value.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct WordShape {
        /// How many of the words after it are its values.
        values: u32,
        /// All of them are.
        takes_all: bool,
        /// It names a directory in which headers are looked for, here or in the word after it: `-I`.
        is_include_directory: bool,
        /// It is of the front end alone: with or without it and its values, the rest of the command line says the
        /// same to a backend.
        is_front_ends: bool,
    }

    /// A file that an option names and that is not there.
    #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
    pub struct MissingFile {
        /// The option as it is written, with its values.
        option: String,
        /// Where the file was looked for.
        path: String,
        /// When a backend reads it: `if it was …`; empty if always.
        only: String,
    }

    /// An option of clang that has a value of its own, as clang's table has it.
    #[derive(Clone, Debug)]
    pub struct ClangOption {
        /// With its dashes, and the `=` if it ends in one.
        name: String,
        /// The value may stand in the same word.
        is_joined: bool,
        /// The value may be the next word.
        is_separate: bool,
        /// clang's driver has it.
        is_clangs: bool,
        /// cc1 has it.
        is_cc1s: bool,
    }

    /// Facts of one bitcode module, read without building IR.
    #[derive(Clone, Debug, Default)]
    pub struct ModuleFacts {
        /// Target triple.
        triple: String,
        /// Producer, for example `LLVM22.1.8`.
        producer: String,
        /// Whether the file has a module with a ThinLTO summary.
        is_thin_lto: bool,
        /// Whether the module is a section of a native object (FatLTO).
        is_embedded: bool,
    }

    /// What a module remembers of how it was made. Reading it builds a part of the IR.
    #[derive(Clone, Debug, Default)]
    pub struct ModuleRecord {
        /// The name of the source, as the compiler was given it.
        source_file: String,
        /// `!llvm.commandline`: clang command lines, blanks and backslashes escaped by backslashes.
        command_lines: Vec<String>,
        /// The same, as compile units of debug information keep it (`-grecord-command-line`).
        debug_flags: Vec<String>,
        /// `.llvmcmd`: the cc1 command line, `-cc1` first, without files and warnings.
        embedded_cc1: Vec<String>,
        /// The directory that compile units of debug information name; empty without any.
        directory: String,
        /// Target CPU of the first function that is defined; may be empty.
        target_cpu: String,
        /// Target features of that function, comma-separated.
        target_features: String,
        /// 2 if every function is optimised for minimal size, 1 for size, else 0.
        size_level: u32,
        /// `PIC Level` and `PIE Level` of the module's flags, 0 without.
        pic_level: u32,
        /// See `pic_level`.
        pie_level: u32,
        /// LLVM's name of the code model the module asks for; empty without.
        code_model: String,
    }

    /// What an index imports.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Imports {
        /// Module ids to import from, each once, sorted.
        sources: Vec<String>,
        /// Functions whose definition is imported.
        functions: u32,
        /// Instructions of the module's own functions and of those.
        instructions: u64,
        /// The index says that nothing of this module is needed: an empty object is written.
        skip: bool,
    }

    /// What an index says, whatever its modules are called.
    #[derive(Clone, Debug, Default)]
    pub struct IndexMeaning {
        /// Of everything in the index but module ids, and of the order of these; equal for indexes with
        /// which modules of equal content compile to equal objects.
        hash: [u8; 32],
        /// The modules it names, each once, in the order of their ids. Their content is no part of the hash.
        modules: Vec<String>,
        /// Why it cannot be told; empty if it can.
        error: String,
    }

    /// Seconds of one stage.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
    pub struct StageTime {
        /// Wall seconds.
        wall: f64,
        /// CPU seconds of the thread.
        cpu: f64,
    }

    /// Where a backend job spent its time; see `cpp/clock.h`, the only place it is measured.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
    pub struct StageTimes {
        /// Reading the module's bitcode.
        load: StageTime,
        /// Reading the index, promoting, internalising and importing.
        import: StageTime,
        /// The optimisation pipeline.
        optimise: StageTime,
        /// Code generation into memory, and freeing the IR.
        codegen: StageTime,
    }

    /// One argument of a command line, which need not be UTF-8.
    #[derive(Clone, Debug, Default)]
    pub struct Argument {
        /// As the kernel passed it, without the final zero.
        bytes: Vec<u8>,
    }

    /// A command line, with response files replaced by what is in them.
    pub struct ExpandedArguments {
        /// The arguments.
        arguments: Vec<Argument>,
        /// Why there are none, in the words of lld; empty if there are.
        error: String,
    }

    /// A stage of a backend job; they come in this order.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    #[repr(u8)]
    pub enum Stage {
        /// The module is opened and read.
        Load,
        /// Functions of other modules are moved in.
        Import,
        /// The pipeline of passes runs.
        Optimise,
        /// Machine code is made.
        Codegen,
        /// The outputs are written and get their names.
        Write,
    }

    /// What a message is.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[repr(u8)]
    pub enum Severity {
        /// The link fails.
        Error,
        /// It does not.
        Warning,
        /// A remark or a note.
        Note,
    }

    /// A diagnostic of a backend as lld words it.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub struct LinkMessage {
        /// What the options of the job, and of the link, make of it.
        severity: Severity,
        /// Without a program's name; more than one line, perhaps.
        text: String,
    }

    /// An option for LLVM of a link, which decides about code generation by way of lld's configuration only.
    #[derive(Clone, Debug)]
    pub struct CodegenWord {
        /// As it was given to LLVM.
        word: String,
        /// What options for LLVM say of code generation. lld may decide otherwise.
        with: CodegenOptions,
        /// The same without this one.
        without: CodegenOptions,
    }

    /// What lld decided about the ThinLTO backends of a link.
    #[derive(Clone)]
    pub struct LinkConfig {
        /// lld's `llvm::lto::Config`. Without a triple, which is each module's, and without `llvm_args`; an
        /// empty relocation model is each module's.
        codegen: CodegenOptions,
        /// The part that is no plain data, see [`LinkConfig::link_hooks`].
        hooks: SharedPtr<LinkHooks>,
        /// `--plugin-opt=dwo_dir=`.
        dwo_directory: String,
        /// `--thinlto-jobs=` or `--threads=`; 0 without.
        threads: u32,
        /// `--thinlto-cache-dir=`.
        cache_directory: String,
        /// What makes an object, or what is told of it, more than its inputs decide; empty without any.
        not_cacheable: String,
        /// `--fatal-warnings`.
        fatal_warnings: bool,
        /// `--no-warnings`.
        no_warnings: bool,
        /// Because of what only LLVM's own backends can do the work; empty if others can.
        only_own_backends: String,
        /// The modules of the link; empty if not all of their names are text.
        modules: Vec<String>,
    }

    /// How the backends of a link begin.
    #[derive(Clone, Debug, Default)]
    pub struct LinkBeginning {
        /// What is removed if the process ends early.
        directory: String,
        /// LLVM's own backends are to do the work.
        is_left_to_llvm: bool,
        /// Objects are cached as lld would, so its warnings about the cache are due.
        caches_as_lld: bool,
        /// Why the link fails; empty if it does not.
        failure: String,
    }

    /// What lld does before it asks for objects.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum LinkStep {
        /// Reads its inputs' symbols, decides which definition each symbol has, and gives LLVM the modules that it
        /// takes. What came before is its command line and the opening of files.
        Resolution,
        /// LLVM's analysis of all modules together.
        ThinLink,
        /// An index for each module.
        Indexes,
    }

    /// One backend job of a link.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct LinkJob {
        /// LLVM's number of the job, which is the place of its object in the link.
        task: u32,
        /// The module id.
        module: String,
        /// The index.
        index: Vec<u8>,
        /// Instructions of the module's own functions and of those it imports, before optimisation.
        instructions: u64,
    }

    /// What a backend job of a link made.
    #[derive(Debug)]
    pub struct LinkObject {
        /// See [`LinkJob::task`].
        task: u32,
        /// See [`LinkJob::module`].
        module: String,
        /// The native object, which lld may refer to until the process ends.
        contents: Box<Mapped>,
    }

    extern "Rust" {
        /// A part of a file in memory.
        type Mapped;

        /// The bytes.
        fn bytes(self: &Mapped) -> &[u8];
        /// The same bytes, for whoever keeps them.
        fn share(self: &Mapped) -> Box<Mapped>;

        /// The directory of the linked LLVM's programs.
        fn llvm_programs() -> &'static str;

        /// Who is told of the stages of a job.
        type StageListener<'a>;

        /// A stage begins; whether the job is to go on.
        fn reached(self: &mut StageListener<'_>, stage: Stage) -> bool;

        /// Who compiles the modules of a link.
        type LinkCallbacks<'a>;

        /// lld begins with `step`.
        fn reached(self: &mut LinkCallbacks<'_>, step: LinkStep);
        /// The thin link begins.
        fn begin(self: &mut LinkCallbacks<'_>, config: &LinkConfig) -> LinkBeginning;
        /// Makes the objects; returns why there are not all of them, or nothing.
        fn compile(
            self: &mut LinkCallbacks<'_>,
            jobs: &mut Vec<LinkJob>,
            objects: &mut Vec<LinkObject>,
        ) -> String;
        /// lld has the objects.
        fn finish(self: &mut LinkCallbacks<'_>);
    }

    unsafe extern "C++" {
        include!("llvm-build/cpp/bridge.h");

        /// A parsed combined index of one module.
        type SummaryIndex;
        /// The bitcode module of one file that backends compile and import from.
        type BitcodeModule;
        /// The modules that one job may import from.
        type ImportMap;
        /// What a job made: object bytes, diagnostics, times.
        type BackendResult;
        /// What lld wants of all jobs of a link besides their objects.
        type LinkHooks;

        /// Registers every target and the crash handlers; idempotent.
        fn initialize();
        /// What a crash tells besides what LLVM knows: the arguments of this program, and advice.
        fn contain_crashes();
        fn contains_crashes() -> bool;
        fn describe_program(args: &[Argument], advice: &str);
        /// Returns when a crash is about to end the process, which waits for `crash_is_cleared_up`.
        fn wait_for_crash();
        fn crash_is_cleared_up();
        /// Removes the outputs of lld and clang that are not whole.
        fn remove_files_of_llvm();

        /// The calling thread runs a job, until `unwatch_job_thread` is told the number returned.
        fn watch_job_thread() -> u64;
        fn unwatch_job_thread(id: u64);
        /// LLVM has crashed in a guarded call.
        fn has_crashed() -> bool;
        /// Returns once it has.
        fn wait_for_crash_in_job();
        /// Ends jobs that have used no processor time in `patience` calls of this.
        fn watch_jobs(patience: u32);

        /// Applies `-mllvm` options; returns LLVM's complaint or an empty string.
        fn set_llvm_args(args: &[String]) -> String;
        /// Gives every option of LLVM its default again.
        fn reset_llvm_args();
        /// The first of `-mllvm` options that LLVM does not know, or an empty string.
        fn unknown_llvm_arg(args: &[String]) -> String;
        /// The commit or release of the linked clang, for example `Debian clang version 22.1.8`.
        fn clang_version() -> String;

        /// Forgets the most memory that the calling thread has had.
        fn reset_thread_peak();
        /// The most that it has allocated since then, bytes; 0 if the allocator does not tell.
        fn thread_peak() -> u64;

        fn run_driver(args: &[String], clang: &str, program: &str, check_inputs: bool) -> DriverOutcome;
        fn parse_cc1(args: &[String]) -> Cc1Outcome;
        /// See [`crate::backend_flags`]; with `places`, the directory is one of them, and not known.
        fn backend_flags(args: &[String], program: &str, directory: &str, places: &[String]) -> BackendFlags;
        fn clang_options() -> Vec<ClangOption>;
        /// See [`crate::word_shape`].
        fn word_shape(word: &str, is_cc1: bool) -> WordShape;
        fn option_groups(args: &[String]) -> BackendFlags;
        /// Everything that a cc1 command line says about diagnostics, option by option.
        fn diagnostic_options(cc1: &[String]) -> Vec<String>;
        /// The files among it.
        fn diagnostic_files(cc1: &[String]) -> Vec<String>;

        fn open_bitcode(bytes: &[u8], id: &str, error: &mut String) -> UniquePtr<BitcodeModule>;
        fn facts(self: &BitcodeModule) -> ModuleFacts;
        /// Whether a record of it may have a command line.
        fn may_have_command(self: &BitcodeModule) -> bool;
        fn record(self: &BitcodeModule, error: &mut String) -> ModuleRecord;
        /// Inline assembly with a directive that may read a file.
        fn assembly(self: &BitcodeModule, error: &mut String) -> Vec<String>;
        fn bytes(self: &BitcodeModule) -> &[u8];
        /// Whether these bytes begin as a native object does: ELF, COFF or Mach-O.
        fn has_object_magic(bytes: &[u8]) -> bool;
        /// Whether these bytes are a whole native object without bitcode for ThinLTO.
        fn is_native_object(bytes: &[u8]) -> bool;
        /// Whether bitcode is a module rather than an index: only modules name a target.
        fn is_module(bytes: &[u8]) -> bool;
        fn read_index(bytes: &[u8], id: &str, error: &mut String) -> UniquePtr<SummaryIndex>;
        fn imports(self: &SummaryIndex, module_id: &str) -> Imports;
        /// What an index says to the module `module_id`.
        fn index_meaning(bytes: &[u8], module_id: &str) -> IndexMeaning;
        /// What compiling the module `module_id` with an index imports, without building the index.
        fn index_imports(bytes: &[u8], module_id: &str, error: &mut String) -> Imports;

        fn new_import_map() -> UniquePtr<ImportMap>;
        fn add(self: Pin<&mut ImportMap>, module: &BitcodeModule);

        fn run_thin_backend(
            module: &BitcodeModule,
            index: UniquePtr<SummaryIndex>,
            imports: UniquePtr<ImportMap>,
            options: &CodegenOptions,
            files: &JobFiles,
            cc1: &[String],
            trust_debug_info: bool,
            hooks: &SharedPtr<LinkHooks>,
            listener: &mut StageListener<'_>,
        ) -> UniquePtr<BackendResult>;
        fn run_clang_action(
            cc1: &[String],
            module: &[u8],
            output: &str,
            split_dwarf_output: &str,
        ) -> UniquePtr<BackendResult>;

        /// What is wrong with a policy for pruning a cache, or nothing.
        fn check_pruning_policy(policy: &str) -> String;
        /// Prunes a cache directory if it is time to; returns why it could not, or nothing.
        fn prune_cache(directory: &[u8], policy: &str, pruned: &mut bool) -> String;

        /// Replaces `@FILE` by the arguments in it, as lld does.
        fn expand_response_files(args: &[Argument]) -> ExpandedArguments;
        /// Those of `words`, the options that lld gave to LLVM, that say something of code generation to lld alone.
        fn codegen_words(words: &[String]) -> Vec<CodegenWord>;
        /// Whether lld, told of something like that now, ends the process: it is one error too many.
        fn ends_process(severity: Severity) -> bool;
        /// Says something in the form of lld, which is linking, and counts errors as its own.
        fn say_as_lld(severity: Severity, text: &str);
        /// Whether `ld.lld ARGS` succeeded; fatal errors of lld end the process.
        fn link(args: &[Argument], may_lend: bool, callbacks: &mut LinkCallbacks<'_>) -> bool;
        /// The first native object of the link that has ended with bitcode beside its machine code, by lld's name for
        /// it, or nothing.
        fn first_fat_object() -> String;
        /// Whether the link has compiled bitcode.
        fn has_run_lto() -> bool;
        /// Ends the process as lld does, without running destructors.
        fn exit_as_lld(code: i32);

        fn ok(self: &BackendResult) -> bool;
        fn crashed(self: &BackendResult) -> bool;
        fn error(self: &BackendResult) -> String;
        fn doing(self: &BackendResult) -> String;
        fn diagnostics(self: &BackendResult) -> String;
        fn warnings(self: &BackendResult) -> u32;
        fn errors(self: &BackendResult) -> u32;
        fn messages(self: &BackendResult) -> Vec<LinkMessage>;
        fn object(self: &BackendResult) -> &[u8];
        fn times(self: &BackendResult) -> StageTimes;
    }
}
