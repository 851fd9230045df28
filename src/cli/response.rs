//! Response files: `@FILE` stands for the arguments in FILE, quoted as for a shell, as in lld.

use std::ffi::{OsStr, OsString};
use std::io;

/// Replaces every `@FILE`. `cc` is left alone: there clang's driver does it, as in clang.
pub(super) fn expand(args: impl IntoIterator<Item = OsString>) -> io::Result<Vec<OsString>> {
    let args: Vec<OsString> = args.into_iter().collect();
    if args.get(1).is_some_and(|command| command == OsStr::new("cc")) {
        return Ok(args);
    }
    argfile::expand_args_from(args.into_iter(), parse, argfile::PREFIX)
}

fn parse(contents: &str, prefix: char) -> Vec<argfile::Argument> {
    shlex::split(contents)
        .unwrap_or_else(|| contents.split_whitespace().map(str::to_owned).collect())
        .into_iter()
        .map(|word| argfile::Argument::parse(OsString::from(word), prefix))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_file_is_read_as_a_shell_would() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("args");
        std::fs::write(&file, "--list 'a b' \"c\"\nd\\ e").unwrap();
        let mut at = OsString::from("@");
        at.push(&file);
        let args = [OsString::from("thinfarm"), "backend".into(), at.clone()];
        let expanded = expand(args).unwrap();
        assert_eq!(expanded, ["thinfarm", "backend", "--list", "a b", "c", "d e"]);
        let cc = [OsString::from("thinfarm"), "cc".into(), at];
        assert_eq!(expand(cc.clone()).unwrap(), cc);
    }

    #[test]
    fn a_missing_response_file_is_an_error() {
        assert!(expand(["thinfarm".into(), "backend".into(), "@no/such/file".into()]).is_err());
    }
}
