//! `thinfarm kbuild`: makefiles with which a Linux kernel is built through thinfarm.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::print;

/// Print makefiles that build a Linux kernel through thinfarm.
#[derive(Debug, Args)]
#[command(after_help = "\
Kernels with CONFIG_LTO_CLANG_THIN_DIST (7.2 and later), in the kernel's tree:
  scripts/config -e LTO_CLANG_THIN_DIST
  thinfarm kbuild makefile > scripts/Makefile.thinlto
  make LLVM=-22 -j8

Kernels with only CONFIG_LTO_CLANG_THIN (tested with 6.12); the tree stays as it is:
  scripts/config -e LTO_CLANG_THIN
  thinfarm kbuild overlay > ~/thinfarm.mk
  MAKEFILES=~/thinfarm.mk make LLVM=-22 -j8

Both work with O=DIR, V=1, make's jobserver and `make clean`. They compile only the objects whose
module, index, imports or options changed. THINFARM=PATH names the program if it is not on PATH.
lld compiles kernel modules (.ko).")]
pub(super) struct Kbuild {
    #[command(subcommand)]
    makefile: Makefile,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Makefile {
    /// Print the file that replaces scripts/Makefile.thinlto of a kernel with CONFIG_LTO_CLANG_THIN_DIST.
    Makefile,
    /// Print the file that make reads first, through MAKEFILES, to build a kernel with CONFIG_LTO_CLANG_THIN.
    Overlay,
}

impl Kbuild {
    pub(super) fn run(&self) -> ExitCode {
        print::answer(match self.makefile {
            Makefile::Makefile => include_str!("kbuild/Makefile.thinlto"),
            Makefile::Overlay => include_str!("kbuild/overlay.mk"),
        })
    }
}
