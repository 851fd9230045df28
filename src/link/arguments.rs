//! The command line of a linker: what is ours, and what lld reads.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use llvm_build::expand_response_files;

/// How our own options begin. lld has none that does, and never sees ours.
const PREFIX: &str = "--thinfarm-";

/// What a linker was given, without its own name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arguments {
    /// For lld, in their order.
    pub lld: Vec<OsString>,
    /// Ours, which begin with `--thinfarm-`.
    pub own: Vec<OsString>,
    /// Options that lld gives to LLVM as it reads them: `-mllvm OPTION`, `-plugin-opt=-OPTION`.
    pub llvm: Vec<String>,
}

/// A response file (`@FILE`) that cannot be expanded; why, in lld's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ResponseFileError {
    pub(crate) reason: String,
}

impl Arguments {
    /// Sorts `args`, among them what response files have (`@FILE`, by lld's rules).
    ///
    /// # Errors
    /// A response file cannot be expanded.
    pub fn sort(args: impl IntoIterator<Item = OsString>) -> Result<Self, ResponseFileError> {
        let mut args: Vec<OsString> = args.into_iter().collect();
        if args.iter().any(|arg| arg.as_encoded_bytes().starts_with(b"@")) {
            args = match expand_response_files(&args) {
                Ok(expanded) => expanded,
                // Whoever calls lld by `ld.lld` looks for an emulation first; where one is, lld's own driver reads
                // the files, tells of the error itself, and goes on.
                Err(_) if args.iter().any(|arg| arg == "-m") => args,
                Err(reason) => return Err(ResponseFileError { reason }),
            };
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
        Ok(sorted)
    }

    /// The last option that begins with `name` after its dashes, as it was given.
    pub(super) fn last_that_begins(&self, name: &str) -> Option<String> {
        let texts = self.lld.iter().rev().filter_map(|arg| arg.to_str());
        let mut found = texts.filter(|text| without_dashes(text).is_some_and(|text| text.starts_with(name)));
        found.next().map(str::to_owned)
    }

    /// Whether the option `name` is there, after one dash or two.
    pub(super) fn has(&self, name: &str) -> bool {
        self.lld.iter().any(|arg| arg.to_str().and_then(without_dashes) == Some(name))
    }

    /// The file that lld writes.
    pub fn output(&self) -> PathBuf {
        let mut output = Path::new("a.out");
        let mut args = self.lld.iter();
        while let Some(arg) = args.next() {
            let text = arg.to_str().unwrap_or_default();
            let joined = text.strip_prefix("--output=").or_else(|| {
                let joined = text.strip_prefix("-o")?;
                // Long options may have one dash.
                let is_long =
                    ["rphan-handling", "ptimize-bb-jumps"].iter().any(|name| joined.starts_with(name));
                (!is_long && !joined.is_empty()).then_some(joined)
            });
            if let Some(joined) = joined {
                output = Path::new(joined);
            } else if matches!(text, "-o" | "--output")
                && let Some(next) = args.next()
            {
                output = Path::new(next);
            }
        }
        output.to_owned()
    }

    /// The option for LLVM `word` as it was given to the linker.
    pub(super) fn spelling(&self, word: &str) -> String {
        let texts: Vec<&str> = self.lld.iter().filter_map(|arg| arg.to_str()).collect();
        let is_one = |text: &&str| {
            let option = without_dashes(text).and_then(|text| text.split_once('='));
            option.is_some_and(|(name, value)| matches!(name, "mllvm" | "plugin-opt") && value == word)
        };
        match texts.iter().rfind(|text| is_one(text)) {
            Some(text) => (*text).to_owned(),
            None => match texts.windows(2).rfind(|pair| pair[1] == word) {
                Some(pair) => pair.join(" "),
                None => word.to_owned(),
            },
        }
    }

    /// Whether lld is to say nothing but errors (`--no-warnings`).
    #[doc(hidden)]
    pub fn has_no_warnings(&self) -> bool {
        self.lld.iter().any(|arg| ["--no-warnings", "-no-warnings", "-w"].iter().any(|it| arg == it))
    }

    /// Whether what is said is to be in colours: what lld was told, and nothing if that is to look at the terminal.
    #[doc(hidden)]
    pub fn has_colours(&self) -> Option<bool> {
        let texts = self.lld.iter().rev().filter_map(|arg| without_dashes(arg.to_str()?));
        for text in texts {
            match text {
                "color-diagnostics" | "color-diagnostics=always" => return Some(true),
                "no-color-diagnostics" | "color-diagnostics=never" => return Some(false),
                "color-diagnostics=auto" => return None,
                _ => {}
            }
        }
        None
    }

    /// The target of Windows that is asked for (`-m i386pep`), by the names that lld gives to its MinGW driver.
    #[doc(hidden)]
    pub fn mingw_target(&self) -> Option<&str> {
        const NAMES: [&str; 7] =
            ["i386pe", "i386pep", "thumb2pe", "arm64pe", "arm64ecpe", "arm64xpe", "mipspe"];
        let at = self.lld.iter().position(|arg| arg == "-m")?;
        self.lld.get(at + 1)?.to_str().filter(|name| NAMES.contains(name))
    }

    /// Whether lld is to write LLVM-IR instead of native objects.
    pub(crate) fn emits_llvm(&self) -> bool {
        let is_one = |arg: &OsString| {
            ["--lto-emit-llvm", "--plugin-opt=emit-llvm", "-plugin-opt=emit-llvm"].iter().any(|it| arg == it)
        };
        let is_split = |pair: &[OsString]| {
            ["-plugin-opt", "--plugin-opt"].iter().any(|it| pair[0] == *it) && pair[1] == "emit-llvm"
        };
        self.lld.iter().any(is_one) || self.lld.windows(2).any(is_split)
    }

    /// Whether lld is to write objects, or these arguments, to other files than its output.
    pub(crate) fn keeps_objects(&self) -> bool {
        const OPTIONS: [&str; 4] = ["save-temps", "lto-obj-path", "obj-path", "reproduce"];
        let asks = |arg: &OsString| {
            let arg = arg.to_string_lossy();
            let name = arg.trim_start_matches('-');
            let name = name.strip_prefix("plugin-opt=").unwrap_or(name);
            OPTIONS.iter().any(|option| name.starts_with(option))
        };
        self.lld.iter().any(asks) || std::env::var_os("LLD_REPRODUCE").is_some()
    }

    /// Whether lld tells its version, or its options, among what it prints.
    #[doc(hidden)]
    pub fn asks_who(&self) -> bool {
        let asks =
            |arg: &OsString| ["-v", "-V", "--version", "-version", "--help"].iter().any(|it| arg == it);
        self.lld.iter().any(asks)
    }
}

/// An option without the one dash or two that it begins with.
fn without_dashes(arg: &str) -> Option<&str> {
    arg.strip_prefix("--").or_else(|| arg.strip_prefix('-'))
}

/// The option for LLVM that `arg` is or, with its value in `next`, brings.
fn llvm_option(arg: &OsStr, next: Option<&OsStr>) -> Option<String> {
    let arg = arg.to_str()?;
    let name = without_dashes(arg)?;
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
        Arguments::sort(args.iter().map(OsString::from)).expect("no response files")
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
    fn what_lld_writes_and_how_it_speaks() {
        for (args, output) in [
            (&["x.o"][..], "a.out"),
            (&["-o", "p", "x.o"], "p"),
            (&["-op", "-orphan-handling=place"], "p"),
            (&["-o", "p", "--output=q"], "q"),
            (&["--output", "q", "-O2", "-optimize-bb-jumps"], "q"),
            (&["-o", "p", "--omagic", "-od/q"], "d/q"),
            (&["-o", "p", "--output", "d/q", "x.o"], "d/q"),
            (&["x.o", "--oformat=binary", "-o"], "a.out"),
        ] {
            assert_eq!(sorted(args).output(), Path::new(output), "{args:?}");
        }
        assert_eq!(sorted(&["x.o"]).has_colours(), None);
        assert_eq!(sorted(&["--color-diagnostics", "-color-diagnostics=never"]).has_colours(), Some(false));
        assert_eq!(sorted(&["--no-color-diagnostics", "--color-diagnostics"]).has_colours(), Some(true));
        assert_eq!(sorted(&["--color-diagnostics", "--color-diagnostics=auto"]).has_colours(), None);
        assert!(sorted(&["-w"]).has_no_warnings() && !sorted(&["-wrap", "-W"]).has_no_warnings());
        assert_eq!(sorted(&["-m", "i386pep"]).mingw_target(), Some("i386pep"));
        // lld's driver looks at the first only.
        assert_eq!(sorted(&["-m", "elf_x86_64", "-m", "i386pep"]).mingw_target(), None);
        assert_eq!(sorted(&["-mi386pep", "-m"]).mingw_target(), None);
    }

    #[test]
    fn options_are_named_as_they_were_given() {
        let args = sorted(&["-mllvm", "-a=1", "--mllvm=-b", "-plugin-opt=-c", "--lto-O1", "-plugin-opt=O3"]);
        for (word, spelling) in
            [("-a=1", "-mllvm -a=1"), ("-b", "--mllvm=-b"), ("-c", "-plugin-opt=-c"), ("-x", "-x")]
        {
            assert_eq!(args.spelling(word), spelling);
        }
        assert_eq!(args.last_that_begins("lto-O").as_deref(), Some("--lto-O1"));
        assert_eq!(args.last_that_begins("lto-CGO"), None);
        assert!(args.has("lto-O1") && !args.has("lto-O"));
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
