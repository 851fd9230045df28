//! Command lines of a POSIX shell, as build systems write them down: which of the commands in a line
//! compiles, and its words.
//!
//! The crates that split words (shlex, shell-words) know no operators, and those that know them are
//! shells; a build's lines need quoting, `;`, `&&` and redirections, and nothing expanded.

use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::str::Chars;

use super::launchers::{Launched, base_name, is_assignment, is_clang, launched};

/// The compile command in a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompileWords {
    /// Where `cd` in the same line went before, relative to where the line is run.
    pub directory: Option<PathBuf>,
    /// The compiler, without launchers like ccache.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
}

/// The command in `line` that compiles: the first one of a clang, else the first that has `-c`.
pub fn compile_command(line: &str) -> Option<CompileWords> {
    let mut directory: Option<PathBuf> = None;
    let mut candidate = None;
    for words in commands(line) {
        if let Some(to) = cd(&words) {
            directory = Some(directory.unwrap_or_default().join(to));
            continue;
        }
        let Some(compile) = compile_words(words, directory.as_deref()) else { continue };
        if is_clang(&compile.program) {
            return Some(compile);
        }
        candidate = candidate.or(Some(compile));
    }
    candidate
}

/// The compile command that `words` are, or that they start, if they are one. They are run in `directory`.
pub fn compile_words(words: Vec<String>, directory: Option<&Path>) -> Option<CompileWords> {
    let Launched { directory: below, mut words } = launched(with_split_strings(words));
    let directory = join(directory, below);
    if is_shell(words.first()?) {
        let found = match shell_runs(&words[1..])? {
            Run::Script(script) => compile_command(script)?,
            Run::Program(words) => compile_words(words.to_vec(), None)?,
        };
        return Some(CompileWords { directory: join(directory.as_deref(), found.directory), ..found });
    }
    let program = words.first()?;
    // clang-cl spells options as cl.exe does; nobody reads those here.
    let compiles = is_clang(program) || words.iter().any(|word| word == "-c");
    if !compiles || base_name(program).contains("clang-cl") {
        return None;
    }
    let program = words.remove(0);
    Some(CompileWords { directory, program, args: words })
}

/// `words` of `env` with the text of its option `-S` as words, which is quoted much as a shell's are.
fn with_split_strings(mut given: Vec<String>) -> Vec<String> {
    let Some(env) = given.iter().position(|word| !is_assignment(word)) else { return given };
    if base_name(&given[env]) != "env" {
        return given;
    }
    let mut at = env + 1;
    while let Some(word) = given.get(at).filter(|word| word.starts_with('-') && *word != "--") {
        let joined = word.strip_prefix("--split-string=").or_else(|| word.strip_prefix("-S"));
        let (text, past) = match (word.as_str(), joined) {
            ("-S" | "--split-string", _) => (given.get(at + 1), at + 2),
            (_, Some(_)) => (None, at + 1),
            ("-C" | "--chdir" | "-u" | "--unset", None) => {
                at += 2;
                continue;
            }
            (_, None) => {
                at += 1;
                continue;
            }
        };
        let Some(text) = text.map(String::as_str).or(joined) else { break };
        let split = words(text);
        given.splice(at..past, split);
        break;
    }
    given
}

fn join(directory: Option<&Path>, below: Option<PathBuf>) -> Option<PathBuf> {
    match (directory, below) {
        (Some(directory), Some(below)) => Some(directory.join(below)),
        (directory, below) => below.or(directory.map(Path::to_owned)),
    }
}

/// Where a `cd` goes.
fn cd(words: &[String]) -> Option<&str> {
    match words {
        [cd, options @ .., to] if cd == "cd" && options.iter().all(|option| option.starts_with('-')) => {
            Some(to)
        }
        _ => None,
    }
}

/// Whether a program is a shell, which is no compiler whatever its arguments are.
fn is_shell(program: &str) -> bool {
    matches!(base_name(program), "sh" | "ash" | "bash" | "dash" | "ksh" | "zsh")
}

/// What a shell is to run.
enum Run<'a> {
    /// The text after its option `-c`.
    Script(&'a str),
    /// A file with its arguments, which may well run a compiler or be one.
    Program(&'a [String]),
}

/// What a shell with `arguments` runs. Those of its options that have an `o`, as `-eo`, have a value of their own.
fn shell_runs(arguments: &[String]) -> Option<Run<'_>> {
    let (mut rest, mut takes_script) = (arguments, false);
    while let [option, tail @ ..] = rest
        && option.starts_with(['-', '+'])
    {
        rest = tail;
        if matches!(option.as_str(), "-" | "--") {
            break;
        }
        let is_cluster = !option.starts_with("--");
        takes_script |= is_cluster && option.starts_with('-') && option.contains('c');
        let has_value = match is_cluster {
            true => option.contains(['o', 'O']),
            false => matches!(option.as_str(), "--rcfile" | "--init-file"),
        };
        if has_value {
            rest = rest.get(1..).unwrap_or_default();
        }
    }
    match takes_script {
        true => rest.first().map(|script| Run::Script(script)),
        false => Some(Run::Program(rest)),
    }
}

/// The words of a line, whatever its operators.
pub fn words(line: &str) -> Vec<String> {
    commands(line).concat()
}

/// The simple commands of a line, each as its words, unquoted. Substitutions stay as they are written.
pub fn commands(line: &str) -> Vec<Vec<String>> {
    let mut splitter = Splitter {
        rest: line.chars().peekable(),
        commands: Vec::new(),
        command: Vec::new(),
        word: None,
        redirects: false,
    };
    splitter.split();
    splitter.commands
}

struct Splitter<'a> {
    rest: Peekable<Chars<'a>>,
    commands: Vec<Vec<String>>,
    command: Vec<String>,
    /// The word in the making; an empty one may have been quoted.
    word: Option<String>,
    /// The next word is a file that input or output is redirected to.
    redirects: bool,
}

impl Splitter<'_> {
    fn split(&mut self) {
        while let Some(character) = self.rest.next() {
            match character {
                ' ' | '\t' => self.end_word(),
                '\n' | '\r' | ';' | '&' | '|' | '(' | ')' => self.end_command(),
                '#' if self.word.is_none() => while self.rest.next_if(|&c| c != '\n').is_some() {},
                '\'' => self.take_until('\''),
                '"' => self.double_quoted(),
                '`' => {
                    self.push('`');
                    self.take_until('`');
                    self.push('`');
                }
                '$' if self.rest.peek() == Some(&'(') => self.substitution(),
                '<' | '>' => self.redirection(),
                '\\' => match self.rest.next() {
                    Some('\n') | None => {}
                    Some(escaped) => self.push(escaped),
                },
                other => self.push(other),
            }
        }
        self.end_command();
    }

    fn push(&mut self, character: char) {
        self.word.get_or_insert_default().push(character);
    }

    fn take_until(&mut self, end: char) {
        let word = self.word.get_or_insert_default();
        word.extend(self.rest.by_ref().take_while(|&c| c != end));
    }

    fn double_quoted(&mut self) {
        self.word.get_or_insert_default();
        while let Some(character) = self.rest.next() {
            match character {
                '"' => return,
                '\\' => match self.rest.next() {
                    Some('\n') | None => {}
                    Some(special @ ('"' | '\\' | '$' | '`')) => self.push(special),
                    Some(other) => {
                        self.push('\\');
                        self.push(other);
                    }
                },
                other => self.push(other),
            }
        }
    }

    /// `$(…)`, with those inside it.
    fn substitution(&mut self) {
        self.push('$');
        let mut depth = 0;
        for character in self.rest.by_ref() {
            self.word.get_or_insert_default().push(character);
            match character {
                '(' => depth += 1,
                ')' if depth == 1 => return,
                ')' => depth -= 1,
                _ => {}
            }
        }
    }

    /// `2>file`, `>>file`, `<file`, `2>&1`: no word of the command.
    fn redirection(&mut self) {
        match &self.word {
            Some(word) if word.chars().all(|c| c.is_ascii_digit()) => self.word = None,
            _ => self.end_word(),
        }
        while self.rest.next_if(|c| matches!(c, '<' | '>' | '&' | '|')).is_some() {}
        self.redirects = true;
    }

    fn end_word(&mut self) {
        if let Some(word) = self.word.take()
            && !std::mem::take(&mut self.redirects)
        {
            self.command.push(word);
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        self.redirects = false;
        let mut command = std::mem::take(&mut self.command);
        // Grouping words, and `:`, which does nothing.
        while command.first().is_some_and(|word| matches!(word.as_str(), "{" | "}" | "!" | ":")) {
            command.remove(0);
        }
        if !command.is_empty() {
            self.commands.push(command);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compiled(line: &str) -> (String, String) {
        let found = compile_command(line).unwrap_or_else(|| panic!("nothing compiles in {line}"));
        (found.program, found.args.join(" "))
    }

    fn is(program: &str, args: &str) -> (String, String) {
        (program.to_owned(), args.to_owned())
    }

    #[test]
    fn quotes_and_escapes() {
        assert_eq!(
            words(r#"a 'b c' "d \"e\" \x $f" g\ h '' "" i'j'"k""#),
            ["a", "b c", r#"d "e" \x $f"#, "g h", "", "", "ijk"]
        );
        assert_eq!(words("a $(b (c) d) `e f` ${g}"), ["a", "$(b (c) d)", "`e f`", "${g}"]);
        assert_eq!(words("a \\\n b # c 'd\n e"), ["a", "b", "e"]);
        assert_eq!(words("-D\"S(s)=#s\" x#y"), ["-DS(s)=#s", "x#y"]);
    }

    #[test]
    fn redirections_are_no_words() {
        assert_eq!(words("a >b 2>&1 <c d>>e f 3> g h"), ["a", "d", "f", "h"]);
    }

    #[test]
    fn the_compiling_one_of_several_commands() {
        let kernel = "clang-22 -O2 -c -o a.o a.c ; ./tools/objtool/objtool --uaccess a.o; ld.lld -r -o .tmp_a.o a.o; mv .tmp_a.o a.o";
        assert_eq!(compiled(kernel), is("clang-22", "-O2 -c -o a.o a.c"));
        assert_eq!(compiled(": && ccache /usr/bin/clang++ -c x.cc && :"), is("/usr/bin/clang++", "-c x.cc"));
        assert_eq!(compiled("echo cc; (set -e; gen > x.h) && clang -c x.c"), is("clang", "-c x.c"));
        assert_eq!(compiled("tool -c x; aarch64-linux-gnu-clang-22 -c x.c").0, "aarch64-linux-gnu-clang-22");
        assert_eq!(compiled("my-wrapper -O2 -c x.c"), is("my-wrapper", "-O2 -c x.c"));
        assert!(
            compile_command("clang-cl -c x.c; clang-tidy x.c; rustc --emit=obj x.rs; ld -r -o x.o y.o")
                .is_none()
        );
    }

    #[test]
    fn cd_changes_the_directory() {
        for line in [
            "cd /b && cd sub && clang -c ../x.c",
            "cd -P -- /b; env -C sub clang -c ../x.c",
            "cd /b && sh -c 'cd sub && clang -c ../x.c'",
            "nice bash -e -c \"cd /b/sub && ccache clang -c ../x.c\"",
        ] {
            let found = compile_command(line).unwrap();
            assert_eq!(found.directory.as_deref(), Some(Path::new("/b/sub")), "{line}");
            assert_eq!(
                (found.program.as_str(), found.args.join(" ").as_str()),
                ("clang", "-c ../x.c"),
                "{line}"
            );
        }
        for shell in [
            "bash -o pipefail -c",
            "/bin/bash -eo pipefail -c",
            "bash -euo pipefail -c",
            "bash -euco pipefail",
            "bash +O extglob -o errexit -c --",
            "env A=b bash -o pipefail -e -c",
            "bash --norc --rcfile c -c",
            "env -S",
        ] {
            let line = format!("{shell} 'clang -O3 -c x.c'");
            assert_eq!(compiled(&line), is("clang", "-O3 -c x.c"), "{line}");
            let line = format!("{shell} 'gen -c x.y'; clang -c x.c");
            assert_eq!(compiled(&line), is("clang", "-c x.c"), "{line}");
        }
        assert_eq!(compiled("env -C /b -u A -S 'clang -O1' -c x.c"), is("clang", "-O1 -c x.c"));
        assert_eq!(compiled("clang -I env -S -c x.c"), is("clang", "-I env -S -c x.c"));
        assert_eq!(compiled("bash -e /opt/cc.sh -O3 -c x.c"), is("/opt/cc.sh", "-O3 -c x.c"));
        assert!(compile_command("bash -o pipefail -c").is_none());
        assert!(compile_command("bash -c 'ld -r x.o -o y.o'").is_none());
        assert_eq!(compiled("env '-SA=b clang -O1' -c x.c"), is("clang", "-O1 -c x.c"));
        assert_eq!(compiled("env --split-string='clang -O1' -c x.c"), is("clang", "-O1 -c x.c"));
        assert_eq!(compiled("bash wrapper.sh clang -c x.c"), is("clang", "-c x.c"));
        assert_eq!(compiled("sh -ec 'set -u; clang -c \"a b.c\"' name"), is("clang", "-c a b.c"));
    }

    proptest! {
        #[test]
        fn any_line_is_split(line in "\\PC*") {
            commands(&line);
            compile_command(&line);
        }

        #[test]
        fn lines_of_operators_are_split(line in "[-a$(){}`'\"\\\\;&|<># \n=2]{0,40}") {
            commands(&line);
            compile_command(&line);
        }

        #[test]
        fn quoted_words_come_back(given in proptest::collection::vec("\\PC{0,12}", 1..6)) {
            let quoted = shlex::try_join(given.iter().map(String::as_str));
            prop_assume!(quoted.is_ok());
            prop_assert_eq!(words(&format!("x {}", quoted.unwrap()))[1..].to_vec(), given);
        }
    }
}
