//! BOLT: `llvm-bolt` and `merge-fdata` of the LLVM that is linked.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use thinfarm_corpora::{Invocation, Toolchain};

use crate::program::Program;
use crate::run::Counted;

/// Functions, as C++ spells them, that no training reaches: targets other than the two that it compiles for, and what
/// only clang's front end does. Left out, because BOLT needs 20 GiB to instrument all. What this misses costs
/// memory, what it names in error stays as it was linked.
const UNTRAINED: &str = ".*(AMDGPU|GCN|SIIns|SITarget|SILow|R600|Hexagon|Mips|PPC|PowerPC|RISCV|SystemZ|NVPTX|Sparc\
    |LoongArch|WebAssembly|MSP430|XCore|Lanai|AVR|M68k|Xtensa|DirectX|SPIRV|polly|isl_).*,\
    .*5clang(4Sema|6Parser|4ento|4Expr|4Stmt|4Decl|6interp|13serialization|10ASTContext|11ASTImporter|9ASTReader\
    |9ASTWriter|12threadSafety|7CodeGen|10targets).*,\
    .*(SemaObj|TreeTransform|RecursiveASTVisitor).*";

/// How the program is laid out.
const LAYOUT: [&str; 7] = [
    "-reorder-blocks=ext-tsp",
    "-reorder-functions=cdsort",
    "-split-functions",
    "-split-all-cold",
    "-split-eh",
    "-icf=1",
    // Else strip(1) breaks the program.
    "-use-gnu-stack",
];

/// The tools.
pub struct Bolt {
    bolt: PathBuf,
    merge: PathBuf,
}

impl Bolt {
    /// Finds them.
    pub fn find(toolchain: &Toolchain) -> Result<Self> {
        let missing = "make release needs BOLT (on Debian: apt-get install bolt-22 libbolt-22-dev); \
                       make build does without";
        let tool = |name| toolchain.tool(name).context(missing);
        Ok(Bolt { bolt: tool("llvm-bolt")?, merge: tool("merge-fdata")? })
    }

    /// Makes a copy of `program` that writes `counts` at the end of each of its processes.
    pub fn instrument(&self, program: &Program, copy: &Program, counts: &Counted) -> Result<()> {
        self.rewrite(program, copy)
            .args(["-instrument", "-instrumentation-file-append-pid"])
            .arg(format!("-instrumentation-file={}", counts.prefix().display()))
            // Where it looks otherwise, not everyone may.
            .arg(format!("-instrumentation-binpath={}", copy.path().display()))
            .arg(format!("-skip-funcs={UNTRAINED}"))
            .capture()?;
        Ok(())
    }

    /// The sum of all `counts`.
    pub fn merge(&self, counts: &Counted) -> Result<PathBuf> {
        let sum = counts.dir().join("sum");
        let parts = counts.files()?;
        Invocation::new(&self.merge, counts.dir()).arg("-o").arg(&sum).args(&parts).capture()?;
        parts.iter().try_for_each(fs::remove_file)?;
        Ok(sum)
    }

    /// Writes `program` to `optimised`, laid out by `profile`.
    pub fn optimise(&self, program: &Program, profile: &Path, optimised: &Program) -> Result<()> {
        let mut data = OsString::from("-data=");
        data.push(profile);
        self.rewrite(program, optimised).arg(data).args(LAYOUT).capture()?;
        Ok(())
    }

    fn rewrite(&self, from: &Program, to: &Program) -> Invocation {
        Invocation::new(&self.bolt, "/").arg(from.path()).arg("-o").arg(to.path())
    }
}
