//! The command line of a linker: what is ours, and what lld reads.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use llvm_build::expand_response_files;

/// How our own options begin. lld has none that does, and never sees ours.
const PREFIX: &str = "--thinfarm-";

/// What a linker was given, without its own name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// For lld, in their order.
    pub lld: Vec<OsString>,
    /// Ours, which begin with `--thinfarm-`.
    pub own: Vec<OsString>,
    /// Options that lld gives to LLVM as it reads them: `-mllvm OPTION`, `-plugin-opt=-OPTION`.
    pub llvm: Vec<String>,
}

impl Arguments {
    /// Sorts `args`, among them what response files have (`@FILE`, by lld's rules).
    pub fn sort(args: impl IntoIterator<Item = OsString>) -> Self {
        let mut args: Vec<OsString> = args.into_iter().collect();
        if args.iter().any(|arg| arg.as_encoded_bytes().starts_with(b"@")) {
            args = expand_response_files(&args);
        }
        let mut sorted = Self::default();
        let mut args = args.into_iter().peekable();
        while let Some(arg) = args.next() {
            if arg.as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
                sorted.own.push(arg);
                continue;
            }
            sorted.llvm.extend(llvm_option(&arg, args.peek().map(OsString::as_os_str)));
            sorted.lld.push(arg);
        }
        sorted
    }

    /// Whether lld is to write LLVM-IR instead of native objects.
    pub fn emits_llvm(&self) -> bool {
        let is_one = |arg: &OsString| {
            ["--lto-emit-llvm", "--plugin-opt=emit-llvm", "-plugin-opt=emit-llvm"].iter().any(|it| arg == it)
        };
        let is_split = |pair: &[OsString]| {
            ["-plugin-opt", "--plugin-opt"].iter().any(|it| pair[0] == *it) && pair[1] == "emit-llvm"
        };
        self.lld.iter().any(is_one) || self.lld.windows(2).any(is_split)
    }

    /// Whether lld is to write objects, or these arguments, to other files than its output.
    pub fn keeps_objects(&self) -> bool {
        const OPTIONS: [&str; 4] = ["save-temps", "lto-obj-path", "obj-path", "reproduce"];
        let asks = |arg: &OsString| {
            let arg = arg.to_string_lossy();
            let name = arg.trim_start_matches('-');
            let name = name.strip_prefix("plugin-opt=").unwrap_or(name);
            OPTIONS.iter().any(|option| name.starts_with(option))
        };
        self.lld.iter().any(asks) || std::env::var_os("LLD_REPRODUCE").is_some()
    }

    /// The file that lld is to write, or `None` if none is named.
    pub fn output(&self) -> Option<&Path> {
        let mut output = None;
        let mut args = self.lld.iter();
        while let Some(arg) = args.next() {
            let text = arg.as_encoded_bytes();
            if ["-o", "--output"].iter().any(|it| arg == it) {
                output = args.next().map(Path::new);
            } else if let Some(value) = text.strip_prefix(b"--output=").or_else(|| text.strip_prefix(b"-o")) {
                output = Some(Path::new(OsStr::from_bytes(value)));
            }
        }
        output
    }

    /// Whether lld tells its version, or its options, among what it prints.
    pub fn asks_who(&self) -> bool {
        let asks =
            |arg: &OsString| ["-v", "-V", "--version", "-version", "--help"].iter().any(|it| arg == it);
        self.lld.iter().any(asks)
    }
}

/// The option for LLVM that `arg` is or, with its value in `next`, brings.
fn llvm_option(arg: &OsStr, next: Option<&OsStr>) -> Option<String> {
    let arg = arg.to_str()?;
    let name = arg.strip_prefix("--").or_else(|| arg.strip_prefix('-'))?;
    let next = || next.and_then(OsStr::to_str);
    let option = match name.split_once('=') {
        Some(("mllvm", value)) => return Some(value.to_owned()),
        Some(("plugin-opt", value)) => value,
        None if name == "mllvm" => return next().map(str::to_owned),
        None if name == "plugin-opt" => next()?,
        _ => return None,
    };
    option.starts_with('-').then(|| option.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(args: &[&str]) -> Arguments {
        Arguments::sort(args.iter().map(OsString::from))
    }

    #[test]
    fn some_links_keep_objects() {
        let keeping: [&[&str]; 7] = [
            &["--save-temps"],
            &["-save-temps=prelink"],
            &["-plugin-opt", "save-temps"],
            &["--plugin-opt=obj-path=x"],
            &["--lto-obj-path=x.o"],
            &["--reproduce=x.tar"],
            &["--reproduce", "x.tar"],
        ];
        for args in keeping {
            assert!(sorted(args).keeps_objects(), "{args:?}");
        }
        assert!(!sorted(&["-o", "x", "a.o", "--thinlto-cache-dir=d", "-plugin-opt=O2"]).keeps_objects());
    }

    #[test]
    fn the_last_output_is_the_one() {
        let forms: [&[&str]; 4] = [&["-o", "d/x"], &["-od/x"], &["--output", "d/x"], &["--output=d/x"]];
        for form in forms {
            let args = [&["-o", "first", "--omagic"], form, &["a.o"]].concat();
            assert_eq!(sorted(&args).output(), Some(Path::new("d/x")), "{args:?}");
        }
        assert_eq!(sorted(&["a.o", "--oformat=binary", "-o"]).output(), None);
    }

    #[test]
    fn ours_and_llds_are_told_apart() {
        let args = sorted(&["-o", "x", "--thinfarm-jobs=4", "a.o", "--thinfarm-verbose", "--lto-O3"]);
        assert_eq!(args.lld, ["-o", "x", "a.o", "--lto-O3"]);
        assert_eq!(args.own, ["--thinfarm-jobs=4", "--thinfarm-verbose"]);
        assert!(!args.asks_who());
        assert!(sorted(&["a.o", "--version"]).asks_who());
    }

    #[test]
    fn options_for_llvm_come_in_several_forms() {
        let args = sorted(&[
            "-mllvm",
            "-a=1",
            "--mllvm=-b",
            "-plugin-opt=-c",
            "--plugin-opt=O3",
            "-plugin-opt",
            "-d",
            "-plugin-opt=mcpu=x86-64",
            "-mllvm",
        ]);
        assert_eq!(args.llvm, ["-a=1", "-b", "-c", "-d"]);
        assert_eq!(args.lld.len(), 9);
    }

    #[test]
    fn llvm_ir_is_asked_for_in_several_ways() {
        for args in [
            &["--lto-emit-llvm"][..],
            &["--plugin-opt=emit-llvm"],
            &["-plugin-opt=emit-llvm"],
            &["a.o", "-plugin-opt", "emit-llvm"],
        ] {
            assert!(sorted(args).emits_llvm(), "{args:?}");
        }
        assert!(!sorted(&["-plugin-opt=emit-asm", "emit-llvm", "--save-temps"]).emits_llvm());
    }

    #[test]
    fn response_files_are_read_as_lld_reads_them() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("args");
        std::fs::write(&file, "--thinfarm-jobs=2 'a b.o'\n-mllvm -x c\\ d.o").unwrap();
        let args = sorted(&[&format!("@{}", file.display()), "@no-such-file"]);
        assert_eq!(args.lld, ["a b.o", "-mllvm", "-x", "c d.o", "@no-such-file"]);
        assert_eq!(args.own, ["--thinfarm-jobs=2"]);
        assert_eq!(args.llvm, ["-x"]);
    }
}
