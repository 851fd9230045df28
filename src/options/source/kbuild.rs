//! The `kbuild` source: `.NAME.o.cmd` beside the object, as the Linux kernel's build leaves it.
//!
//! Kernels with CONFIG_LTO_CLANG_THIN_DIST write a line `saved_c_flags_OBJECT := FLAGS` for their own
//! backends (scripts/Makefile.lib); all have `savedcmd_OBJECT := COMMAND` (`cmd_OBJECT` before 6.2), the
//! whole line that made the object, as a variable of make (scripts/Kbuild.include).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bstr::ByteSlice;
use path_clean::clean;

use super::{Kept, RanIn, SourceError, shell};

/// The compile command of `object`, if kbuild compiled it from C.
///
/// # Errors
/// The file beside it is there and cannot be read.
pub fn command(object: &Path) -> Result<Option<Kept>, SourceError> {
    let Some(name) = object.file_name() else { return Ok(None) };
    let path = object.with_file_name(format!(".{}.cmd", name.to_string_lossy()));
    match fs::read(&path) {
        Ok(text) => Ok(parse(&text, object, &path.to_string_lossy())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SourceError::Read { path, error }),
    }
}

/// What `text`, found in the file `found_in`, says about `object`. Most of such a file are names of headers, which are
/// not looked at.
pub fn parse(text: &[u8], object: &Path, found_in: &str) -> Option<Kept> {
    let kept = |target: &str, program: String, args: Vec<String>| Kept {
        program,
        args,
        ran_in: directory(object, target).map_or(RanIn::Here, RanIn::Directory),
        found_in: found_in.to_owned(),
    };
    // The kernel gives this text to a shell as it is.
    if let Some((target, flags)) = variable(text, &["saved_c_flags_"]) {
        return Some(kept(&target, "clang".to_owned(), shell::words(&flags)));
    }
    let (target, command) = variable(text, &["savedcmd_", "cmd_"])?;
    let compile = shell::compile_command(&unescape(&command))?;
    Some(kept(&target, compile.program, compile.args))
}

/// The name behind one of `prefixes`, and the value, of the first such variable.
fn variable(text: &[u8], prefixes: &[&str]) -> Option<(String, String)> {
    text.lines().find_map(|line| {
        let rest = prefixes.iter().find_map(|prefix| line.strip_prefix(prefix.as_bytes()))?;
        let (name, value) = rest.split_once_str(" := ")?;
        Some((name.to_str_lossy().into_owned(), value.to_str_lossy().into_owned()))
    })
}

/// The value that make has for text of its makefiles.
fn unescape(value: &str) -> String {
    let mut result = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find(['$', '\\']) {
        result.push_str(&rest[..at]);
        let found = &rest[at..];
        let (text, length) = [("$(pound)", "#"), ("$$", "$"), ("\\#", "#")]
            .into_iter()
            .find(|(escape, _)| found.starts_with(escape))
            .map_or((&found[..1], 1), |(escape, text)| (text, escape.len()));
        result.push_str(text);
        rest = &found[length..];
    }
    result + rest
}

/// Where make ran: kbuild names objects relative to the root of the build, so `object` is the root and
/// `target`. `None` for the working directory, and for a name that does not fit.
fn directory(object: &Path, target: &str) -> Option<PathBuf> {
    let (object, target) = (clean(object), clean(target));
    let root = object.ancestors().find(|root| *object == root.join(&target))?;
    (!root.as_os_str().is_empty()).then(|| root.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str, object: &str) -> Kept {
        parse(text.as_bytes(), Path::new(object), ".x.cmd").unwrap_or_else(|| panic!("no command in {text}"))
    }

    #[test]
    fn a_whole_command_is_unescaped_and_the_compiler_found_in_it() {
        let text = "savedcmd_init/main.o := clang-22 -Wp,-MMD,init/.main.o.d -D\"S(s)=$(pound)s\" \
                    -DV='\"a := b\"' -DM=$$x -c -o init/main.o init/main.c ; ./tools/objtool/objtool init/main.o\n\n\
                    source_init/main.o := init/main.c\n\ndeps_init/main.o := \\\n  include/linux/types.h \\\n";
        let kept = parsed(text, "init/main.o");
        let args = [
            "-Wp,-MMD,init/.main.o.d",
            "-DS(s)=#s",
            "-DV=\"a := b\"",
            "-DM=$x",
            "-c",
            "-o",
            "init/main.o",
            "init/main.c",
        ];
        assert_eq!((kept.program.as_str(), &kept.args[..]), ("clang-22", &args.map(str::to_owned)[..]));
        assert_eq!((kept.ran_in, kept.found_in.as_str()), (RanIn::Here, ".x.cmd"));
        assert_eq!(parsed("cmd_a.o := clang -c a.c -o a.o\n", "a.o").program, "clang");
    }

    #[test]
    fn flags_that_the_kernel_saved_for_backends_come_first() {
        let text = "savedcmd_arch/arm64/kvm/../../../virt/kvm/x.o := clang -O2 -c x.c\n\n\
                    saved_c_flags_arch/arm64/kvm/../../../virt/kvm/x.o := -O3 -DKBUILD_MODFILE='\"virt/kvm/x\"' -Dp=$(y)\n";
        let kept = parsed(text, "/build/virt/kvm/x.o");
        assert_eq!(kept.args, ["-O3", "-DKBUILD_MODFILE=\"virt/kvm/x\"", "-Dp=$(y)"]);
        assert_eq!(kept.ran_in, RanIn::Directory("/build".into()));
    }

    #[test]
    fn the_root_of_the_build_is_what_the_objects_path_has_more() {
        assert_eq!(directory(Path::new("init/main.o"), "init/main.o"), None);
        assert_eq!(directory(Path::new("./init/main.o"), "init/main.o"), None);
        assert_eq!(directory(Path::new("out/init/main.o"), "init/main.o"), Some("out".into()));
        assert_eq!(directory(Path::new("../main.o"), "main.o"), Some("..".into()));
        assert_eq!(directory(Path::new("moved/other.o"), "init/main.o"), None);
    }

    #[test]
    fn what_no_compiler_made_has_no_command() {
        for text in
            ["", "savedcmd_a.o := ld.lld -r -o a.o b.o\n", "savedcmd_a.o", "savedcmd_a.o := \n", "#\n"]
        {
            assert_eq!(parse(text.as_bytes(), Path::new("a.o"), ""), None, "{text}");
        }
    }

    #[test]
    fn what_kernels_wrote_is_read_however_damaged() {
        let texts = crate::foreign::damaged("kbuild");
        let read = texts.iter().filter(|text| parse(text.as_bytes(), Path::new("init/main.o"), "").is_some());
        assert!(read.count() > texts.len() / 4);
    }

    proptest! {
        #[test]
        fn any_file_is_read(text in "\\PC*", object in "\\PC{0,20}") {
            parse(text.as_bytes(), Path::new(&object), "");
            parse(format!("savedcmd_{object} := {text}").as_bytes(), Path::new(&object), "");
            parse(format!("saved_c_flags_{object} := {text}").as_bytes(), Path::new(&object), "");
        }

        #[test]
        fn makes_escapes_come_back(value in "[a#$() :=]{0,20}") {
            // As scripts/Kbuild.include escapes: `$` doubled, `#` as $(pound).
            let escaped = value.replace('$', "$$").replace('#', "$(pound)");
            prop_assert_eq!(unescape(&escaped), value);
        }
    }
}
