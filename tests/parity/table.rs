//! The cases, a line each. A line is run on every group it names: `c` on Lua, `cxx` on Formula, `both` on both,
//! and `all` on RocksDB as well, which only a full run adds to the others of C++. Flags reach the front end and
//! the backends alike, as a build system's would, unless a line says `front` or `backend`; `full` leaves a line
//! to `-- --full`.

use crate::case::Group::{Filter, Formula, Frame, Lua, RocksDb, Zstd};
use crate::case::Link::{Program, Relocatable};
use crate::case::{Case, all, both, c, cxx, on};
use crate::profile::Profile;

/// Every case.
pub fn cases() -> impl Iterator<Item = Case> {
    [
        OPTIMISATION,
        CODE_MODEL,
        DEBUG_INFO,
        SECTIONS,
        PROCESSOR,
        ARITHMETIC,
        SYMBOLS,
        UNWINDING,
        HARDENING,
        SANITIZERS,
        WHOLE_PROGRAM,
        PROFILES,
        THREAD_LOCAL,
        ASSEMBLER,
        KERNEL,
        TARGETS,
        LLVM_OPTIONS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

const OPTIMISATION: &[Case] = &[
    all("-O0 -fPIC").apart(),
    both("-O1 -fPIC"),
    all("-O2 -fPIC"),
    both("-O3 -fPIC"),
    both("-Os -fPIC"),
    both("-Oz -fPIC"),
    both("-Og -fPIC").full(),
    both("-O2 -fPIC").backend("-O0"),
    both("-O2 -fPIC").backend("-O3"),
    on(&[Zstd, Lua], "-O3 -fPIC -fno-vectorize"),
    on(&[Zstd, Filter], "-O3 -fPIC -fno-slp-vectorize"),
    on(&[Zstd, Filter], "-O3 -fPIC -fno-unroll-loops"),
    on(&[Zstd, Filter], "-O2 -fPIC -funroll-loops").full(),
    on(&[Zstd, Lua], "-O2 -fPIC -fno-jump-tables"),
    both("-O2 -fPIC -fno-builtin"),
    both("-O2 -fPIC -fno-inline").apart().full(),
    both("-O2 -fPIC -fno-strict-aliasing -fwrapv -fno-delete-null-pointer-checks").full(),
    both("-O2 -fPIC -ftrivial-auto-var-init=pattern").full(),
    both("-O2 -fPIC -fno-optimize-sibling-calls").full(),
    both("-O2 -fPIC -falign-functions=64 -falign-loops=32"),
    on(&[Lua], "-O2 -fPIC -mllvm -inline-threshold=1"),
    on(&[Zstd], "-O2 -fPIC -mllvm -unroll-threshold=1 -mllvm -enable-misched=false").full(),
    cxx("-O2 -fPIC -fstrict-vtable-pointers").full(),
    cxx("-O2 -fPIC -fno-use-cxa-atexit -fno-use-init-array").full(),
    cxx("-O2 -fPIC -fno-threadsafe-statics -ffunction-sections").full(),
];

const CODE_MODEL: &[Case] = &[
    both("-O2 -fPIE"),
    both("-O2 -fPIE").linked_as(Program),
    both("-O2 -fpie -fno-direct-access-external-data").linked_as(Program).full(),
    both("-O2 -fno-pic").linked_as(Program),
    both("-O2 -fno-pic").linked_as(Relocatable),
    both("-O2 -fno-pic -mcmodel=small").linked_as(Program),
    both("-O2 -fPIC -mcmodel=medium"),
    both("-O2 -fPIC -mcmodel=medium -mlarge-data-threshold=16"),
    both("-O2 -fPIC -mcmodel=large"),
    both("-O2 -fno-pic -mcmodel=large").linked_as(Program),
    on(&[Lua, Frame], "-O2 -fno-pic -mcmodel=kernel").linked_as(Relocatable),
];

const DEBUG_INFO: &[Case] = &[
    both("-O2 -fPIC -g0"),
    both("-O2 -fPIC -g1"),
    all("-O2 -fPIC -g"),
    both("-O0 -fPIC -g").apart(),
    both("-O2 -fPIC -g3").full(),
    both("-O2 -fPIC -g -gdwarf-4"),
    both("-O2 -fPIC -g -gdwarf-5"),
    both("-O2 -fPIC -g -gdwarf-3").full(),
    both("-O2 -fPIC -g -gdwarf64").full(),
    all("-O2 -fPIC -g -gsplit-dwarf"),
    both("-O2 -fPIC -g -gdwarf-4 -gsplit-dwarf"),
    both("-O2 -fPIC -g -gsplit-dwarf=single"),
    both("-O2 -fPIC -g -gsplit-dwarf -gz=zlib").full(),
    both("-O2 -fPIC -g -gz"),
    both("-O2 -fPIC -g -gz=zstd"),
    both("-O2 -fPIC -g -fdebug-types-section"),
    both("-O2 -fPIC -g -gdwarf-4 -fdebug-types-section").full(),
    both("-O2 -fPIC -g -ggnu-pubnames").full(),
    both("-O2 -fPIC -g -glldb").full(),
    both("-O2 -fPIC -g -gsce").full(),
    both("-O2 -fPIC -g -gdwarf-aranges").full(),
    both("-O2 -fPIC -g -gembed-source").full(),
    both("-O2 -fPIC -g -fstandalone-debug").full(),
    both("-O2 -fPIC -g -fdebug-prefix-map=/=/source/"),
    both("-O2 -fPIC -g -fdebug-compilation-dir=.").full(),
    both("-O2 -fPIC -g -frecord-command-line").full(),
    cxx("-O2 -fPIC -g -gsimple-template-names").full(),
];

const SECTIONS: &[Case] = &[
    both("-O2 -fPIC -ffunction-sections"),
    both("-O2 -fPIC -fdata-sections"),
    both("-O2 -fPIC").backend("-ffunction-sections -fdata-sections"),
    both("-O2 -fPIC -ffunction-sections").backend("-fno-function-sections"),
    both("-O2 -fPIC -ffunction-sections -fdata-sections -fno-unique-section-names"),
    both("-O2 -fPIC -ffunction-sections -fseparate-named-sections").full(),
    both("-O2 -fPIC -fbasic-block-sections=all"),
    both("-O2 -fPIC -fbasic-block-sections=all -funique-basic-block-section-names").full(),
    both("-O2 -fPIC -fbasic-block-address-map"),
    both("-O2 -fPIC -fstack-size-section"),
    both("-O2 -fPIC -fno-zero-initialized-in-bss").full(),
    both("-O2 -fPIC -fno-ident").full(),
];

const PROCESSOR: &[Case] = &[
    on(&[Filter, Formula], "-O2 -fPIC -march=x86-64-v3").more(&[RocksDb]),
    on(&[Filter, Zstd], "-O2 -fPIC -march=skylake-avx512 -mprefer-vector-width=512"),
    on(&[Filter, Formula, Zstd, RocksDb], "-O2 -fPIC -march=native"),
    on(&[Filter, Lua], "-O2 -fPIC -mtune=znver4"),
    on(&[Filter, Formula], "-O2 -fPIC -mavx2 -mbmi2 -mfma").more(&[RocksDb]),
    on(&[Filter, Zstd], "-O2 -fPIC").backend("-march=haswell"),
    on(&[Lua], "-O2 -fPIC -mno-sse4 -mno-popcnt").full(),
    on(&[Lua], "-O2 -fPIC -mstackrealign -mstack-alignment=32").full(),
    on(&[Lua], "-O2 -fPIC -mbranches-within-32B-boundaries").full(),
    on(&[Lua], "-O2 -fPIC -mfentry -pg").full(),
];

const ARITHMETIC: &[Case] = &[
    on(&[Filter, Lua, Formula], "-O3 -fPIC -ffast-math").more(&[RocksDb]),
    on(&[Filter], "-O2 -fPIC -mfma -ffp-contract=off"),
    on(&[Filter, Lua], "-O2 -fPIC -mfma -ffp-contract=on"),
    on(&[Filter, Formula], "-O2 -fPIC -mfma -ffp-contract=fast").more(&[RocksDb]),
    on(&[Filter], "-O2 -fPIC -mfma -ffp-contract=fast-honor-pragmas"),
    on(&[Filter], "-O2 -fPIC").backend("-mfma -ffp-contract=fast"),
    on(&[Filter], "-O3 -fPIC -ffast-math -fveclib=libmvec"),
    on(&[Filter], "-O2 -fPIC -fveclib=libmvec").full(),
    on(&[Filter], "-O2 -fPIC -fno-math-errno -fno-signed-zeros -freciprocal-math").full(),
    on(&[Filter], "-O2 -fPIC -fdenormal-fp-math=preserve-sign").full(),
    on(&[Filter], "-O2 -fPIC -frounding-math -ftrapping-math").full(),
    on(&[Filter], "-O2 -fPIC -mrecip=all -ffast-math").full(),
];

const SYMBOLS: &[Case] = &[
    both("-O2 -fPIC -fno-plt"),
    both("-O2 -fPIC -fno-semantic-interposition"),
    both("-O2 -fPIC -fsemantic-interposition"),
    both("-O2 -fPIC -fvisibility=hidden").linked_as(Relocatable),
    cxx("-O2 -fPIC -fvisibility-inlines-hidden").full(),
    both("-O2 -fPIC -faddrsig"),
    both("-O2 -fPIC -fno-addrsig"),
    both("-O2 -fPIC").backend("-fno-addrsig"),
    both("-O2 -fPIC -fno-common").full(),
    both("-O2 -fPIC -Wa,-mrelax-relocations=no").full(),
];

const UNWINDING: &[Case] = &[
    both("-O2 -fPIC -fexceptions"),
    c("-O2 -fPIC -fno-exceptions"),
    c("-O2 -fPIC -fno-asynchronous-unwind-tables"),
    c("-O2 -fPIC -fno-asynchronous-unwind-tables -fno-unwind-tables"),
    c("-O2 -fPIC -g -fno-asynchronous-unwind-tables -fno-unwind-tables").full(),
    cxx("-O2 -fPIC -fno-asynchronous-unwind-tables"),
    on(&[RocksDb], "-O2 -fPIC -fno-rtti -fno-exceptions -DROCKSDB_LITE").full(),
    both("-O2 -fPIC -fno-omit-frame-pointer"),
    both("-O2 -fPIC -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer").full(),
    both("-O2 -fPIC -femit-dwarf-unwind=always").full(),
];

const HARDENING: &[Case] = &[
    both("-O2 -fPIC -fstack-protector-strong"),
    both("-O2 -fPIC -fstack-protector-all").full(),
    both("-O2 -fPIC -fcf-protection"),
    both("-O2 -fPIC -fcf-protection=branch").full(),
    both("-O2 -fPIC -mretpoline"),
    both("-O2 -fPIC -mharden-sls=all -mindirect-branch-cs-prefix").full(),
    both("-O2 -fPIC -mspeculative-load-hardening").full(),
    both("-O2 -fPIC -fstack-clash-protection"),
    both("-O2 -fPIC -fzero-call-used-regs=used-gpr"),
    both("-O2 -fPIC -fpatchable-function-entry=5,2"),
    both("-O2 -fPIC -fxray-instrument -fxray-instruction-threshold=1"),
    both("-O2 -fPIC -finstrument-functions").full(),
];

const SANITIZERS: &[Case] = &[
    both("-O2 -fPIC -fsanitize=kcfi"),
    both("-O2 -fPIC -fsanitize=undefined -fsanitize-trap=undefined"),
    all("-O2 -fPIC -fsanitize=address").apart(),
    both("-O2 -fPIC -fsanitize=thread"),
    both("-O1 -fPIC -g -fsanitize=address -fsanitize-address-use-after-scope").apart().full(),
    both("-O2 -fPIC -fsanitize=hwaddress -mllvm -hwasan-generate-tags-with-calls").apart().full(),
    both("-O2 -fPIC -fsanitize=safe-stack").full(),
    both("-O2 -fPIC -fsanitize-coverage=trace-pc-guard").apart().full(),
];

const WHOLE_PROGRAM: &[Case] = &[
    both("-O2 -fPIC -fvisibility=hidden")
        .front("-fsanitize=cfi -fno-sanitize-ignorelist -fsplit-lto-unit")
        .linked_as(Program),
    both("-O2 -fno-pic -fvisibility=hidden")
        .front("-fsanitize=cfi -fno-sanitize-ignorelist -fsplit-lto-unit")
        .linked_as(Program),
    c("-O2 -fPIC -fsplit-lto-unit").full(),
    on(&[Formula, RocksDb], "-O2 -fPIC")
        .front("-fwhole-program-vtables")
        .lld("--lto-whole-program-visibility"),
    cxx("-O2 -fPIC")
        .front("-fwhole-program-vtables -fno-split-lto-unit")
        .lld("--lto-whole-program-visibility"),
    both("-O2 -fPIC -fvisibility=hidden").linked_as(Program).lld("--lto-whole-program-visibility"),
    both("-O2 -fPIE -ffunction-sections").linked_as(Program).lld("--gc-sections").full(),
];

const PROFILES: &[Case] = &[
    both("-O2 -fPIC -fprofile-instr-use={profile}").profile(Profile::FrontEnd),
    all("-O2 -fPIC -fprofile-use={profile}").profile(Profile::Ir),
    both("-O2 -fPIC -fprofile-use={profile} -fcs-profile-generate").apart().profile(Profile::Ir),
    both("-O2 -fPIC -fprofile-use={profile}").profile(Profile::ContextSensitive),
    both("-O2 -fPIC -g1 -fprofile-sample-use={profile}").profile(Profile::Sample),
    both("-O2 -fPIC -g1 -fdebug-info-for-profiling").full(),
    both("-O2 -fPIC -fprofile-use={profile} -fsplit-machine-functions").profile(Profile::Ir),
    both("-O2 -fPIC -fprofile-generate").apart().full(),
    both("-O2 -fPIC -fprofile-instr-generate -fcoverage-mapping").apart().full(),
];

const THREAD_LOCAL: &[Case] = &[
    on(&[Frame, Formula], "-O2 -fPIC -ftls-model=global-dynamic").more(&[RocksDb]),
    on(&[Frame, Formula], "-O2 -fPIC -ftls-model=local-dynamic").more(&[RocksDb]),
    on(&[Frame, Formula], "-O2 -fPIC -ftls-model=initial-exec").more(&[RocksDb]),
    on(&[Frame, Formula], "-O2 -fPIE -ftls-model=local-exec").more(&[RocksDb]).linked_as(Program),
    on(&[Frame, Formula], "-O2 -fPIC -femulated-tls").more(&[RocksDb]),
    on(&[Frame], "-O2 -fPIC -mtls-dialect=gnu2"),
];

const ASSEMBLER: &[Case] = &[
    both("-O2 -fPIC -g -Wa,--compress-debug-sections"),
    both("-O2 -fPIC -g -Wa,--compress-debug-sections=zstd").full(),
    both("-O2 -fPIC -Wa,--noexecstack"),
    both("-O2 -fPIC -Wa,--noexecstack -Wa,--crel,--allow-experimental-crel").full(),
    both("-O2 -fPIC -mrelax-all"),
    both("-O2 -fPIC -fno-dwarf2-cfi-asm").full(),
    both("-O2 -fPIC -masm=intel").full(),
];

/// What kernels and firmware compile with: no floating point, no red zone, traps and pads for patching.
const KERNEL: &[Case] = &[
    on(&[Frame, Zstd], "-Os -fno-pic -mcmodel=kernel -mno-red-zone -mno-sse -mno-mmx -mno-sse2 -mno-avx -msoft-float -mno-80387").linked_as(Relocatable),
    on(&[Frame], "-O2 -fno-pic -mcmodel=kernel -mgeneral-regs-only -mno-red-zone").linked_as(Relocatable),
    on(&[Frame], "-O2 -fno-pic -mcmodel=kernel -mno-red-zone -fsanitize=kcfi -fpatchable-function-entry=16,16 -fcf-protection=branch -fno-jump-tables").linked_as(Relocatable),
    on(&[Frame], "-O2 -fno-pic -mcmodel=kernel -mstack-alignment=8 -mskip-rax-setup -mretpoline-external-thunk -fno-asynchronous-unwind-tables").linked_as(Relocatable),
    on(&[Frame], "-O2 -fno-pic -mno-red-zone -mfentry -pg").linked_as(Relocatable).full(),
    on(&[Frame], "-O2 -fno-pic -mstack-protector-guard=tls -fstack-protector-strong").linked_as(Relocatable).full(),
];

/// Each architecture's own ways to be compiled for.
const TARGETS: &[Case] = &[
    on(&[Frame, Filter], "--target=x86_64-linux-gnu -O2 -fPIC -g"),
    on(&[Frame, Filter], "--target=x86_64-linux-gnux32 -O2 -fPIC").full(),
    on(&[Frame, Filter], "--target=i386-linux-gnu -O2 -fPIC -g"),
    on(&[Frame], "--target=i386-linux-gnu -O2 -fno-pic -mregparm=3 -mno-sse").linked_as(Relocatable),
    on(&[Frame, Filter], "--target=aarch64-linux-gnu -O2 -fPIC -g"),
    on(&[Frame, Filter], "--target=aarch64-linux-gnu -O3 -fPIC -mcpu=neoverse-v2 -msve-vector-bits=256"),
    on(
        &[Frame],
        "--target=aarch64-linux-gnu -O2 -fPIC -mbranch-protection=standard -fsanitize=shadow-call-stack -ffixed-x18",
    ),
    on(
        &[Frame],
        "--target=aarch64-linux-gnu -Os -fno-pic -mcmodel=large -mgeneral-regs-only -mno-outline-atomics",
    )
    .linked_as(Relocatable),
    on(&[Frame], "--target=aarch64-linux-gnu -O2 -fPIC -moutline").full(),
    on(&[Frame], "--target=aarch64_be-linux-gnu -O2 -fPIC -g").full(),
    on(&[Frame, Filter], "--target=riscv64-linux-gnu -O2 -fPIC -g"),
    on(&[Frame, Filter], "--target=riscv64-linux-gnu -O3 -fPIC -march=rv64gcv_zba_zbb"),
    on(
        &[Frame],
        "--target=riscv64-linux-gnu -Os -fno-pic -mabi=lp64 -march=rv64imac -mcmodel=medany -mno-relax",
    )
    .linked_as(Relocatable),
    on(&[Frame], "--target=riscv64-linux-gnu -O2 -fPIC -msave-restore -msmall-data-limit=8").full(),
    on(&[Frame], "--target=riscv32-linux-gnu -O2 -fPIC -g").full(),
    on(&[Frame, Filter], "--target=loongarch64-linux-gnu -O2 -fPIC -g"),
    on(&[Frame, Filter], "--target=loongarch64-linux-gnu -O3 -fPIC -march=la664 -mlasx"),
    on(&[Frame], "--target=loongarch64-linux-gnu -O2 -fno-pic -mcmodel=extreme -mno-relax")
        .linked_as(Relocatable)
        .full(),
    on(&[Frame, Filter], "--target=arm-linux-gnueabihf -O2 -fPIC -g"),
    on(&[Frame, Filter], "--target=armv7a-linux-gnueabihf -Os -fPIC -mthumb -mfpu=neon"),
    on(&[Frame], "--target=armv7a-linux-gnueabi -O2 -fno-pic -mfloat-abi=soft -mno-unaligned-access")
        .linked_as(Relocatable)
        .full(),
    on(&[Frame], "--target=armebv7-linux-gnueabihf -O2 -fPIC").full(),
    on(&[Frame, Filter], "--target=powerpc64le-linux-gnu -O2 -fPIC -g"),
    on(&[Frame, Filter], "--target=powerpc64le-linux-gnu -O3 -fPIC -mcpu=power10").full(),
    on(&[Frame, Filter], "--target=powerpc64-linux-gnu -O2 -fPIC -g"),
    on(&[Frame], "--target=powerpc-linux-gnu -O2 -fPIC -g").full(),
    on(&[Frame], "--target=s390x-linux-gnu -O2 -fPIC -g -march=z15").full(),
    on(&[Frame], "--target=mips64el-linux-gnuabi64 -O2 -fPIC -g").full(),
];

/// Flags for which clang's driver adds `-mllvm` options of its own, which LLVM keeps for the whole process.
/// Hexagon gets one with any flags.
const LLVM_OPTIONS: &[Case] = &[
    on(&[Frame], "--target=armv7a-linux-gnueabihf -O2 -fPIC -mthumb -mrestrict-it"),
    on(&[Frame], "--target=armv7a-linux-gnueabihf -O2 -fPIC -mthumb -mno-restrict-it"),
    on(&[Frame], "--target=aarch64-linux-gnu -O2 -fPIC -mno-global-merge"),
    on(&[Frame], "--target=aarch64-linux-gnu -O2 -fPIC -mglobal-merge").full(),
    on(&[Frame], "--target=loongarch64-linux-gnu -O2 -fPIC -mannotate-tablejump"),
    on(&[Frame, Filter], "--target=hexagon-unknown-linux-musl -O2 -fPIC"),
    on(&[Frame], "--target=mips-linux-gnu -O2 -fno-pic -mno-abicalls -mno-check-zero-division -G8 -mgpopt")
        .linked_as(Relocatable),
];
