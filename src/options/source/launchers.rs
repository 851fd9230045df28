//! Programs that start a compiler: what stands before it in a command.

use std::path::PathBuf;

/// What is left of a command without what starts it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Launched {
    /// Where a launcher goes before, relative to where the command is run.
    pub directory: Option<PathBuf>,
    /// The program and its arguments.
    pub words: Vec<String>,
}

/// A program that runs the command behind its own words.
struct Launcher {
    name: &'static str,
    /// Options whose value is the next word.
    valued: &'static [&'static str],
    /// Its own words behind its options.
    operands: usize,
}

const fn launcher(name: &'static str, valued: &'static [&'static str], operands: usize) -> Launcher {
    Launcher { name, valued, operands }
}

const LAUNCHERS: [Launcher; 24] = [
    launcher("buildcache", &[], 0),
    launcher("ccache", &[], 0),
    launcher("chronic", &[], 0),
    launcher("command", &[], 0),
    launcher("distcc", &[], 0),
    launcher("env", &["-u", "--unset", "-C", "--chdir"], 0),
    launcher("exec", &["-a"], 0),
    launcher("fakeroot", &[], 0),
    launcher("flock", &["-w", "--timeout", "-E", "--conflict-exit-code"], 1),
    launcher("gomacc", &[], 0),
    launcher("icecc", &[], 0),
    launcher("ionice", &["-c", "--class", "-n", "--classdata"], 0),
    launcher("nice", &["-n", "--adjustment"], 0),
    launcher("nohup", &[], 0),
    launcher("process-wrapper", &[], 0),
    launcher("recc", &[], 0),
    launcher("rewrapper", &["-cfg", "--cfg", "-exec_root", "--exec_root", "-labels", "--labels"], 0),
    launcher("sccache", &[], 0),
    launcher("stdbuf", &["-i", "-o", "-e"], 0),
    launcher("strace", &["-o", "-e", "-s"], 0),
    launcher("taskset", &[], 1),
    launcher("time", &["-o", "--output", "-f", "--format"], 0),
    launcher("timeout", &["-s", "--signal", "-k", "--kill-after"], 1),
    launcher("xcrun", &["-sdk", "--sdk", "-toolchain", "--toolchain"], 0),
];

/// `words` without assignments and programs that only start another one: those that are known, then any whose words
/// name a clang that compiles, or end in `--` before the command of a compiler.
pub fn launched(words: Vec<String>) -> Launched {
    let mut directory = None;
    let mut rest = without_known(&words, &mut directory);
    if rest.first().is_some_and(|program| !is_clang(program))
        && let Some(start) = compiler_behind(rest)
    {
        rest = without_known(&rest[start..], &mut directory);
    }
    Launched { words: rest.to_vec(), directory }
}

/// The last component of a program's path.
pub fn base_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// Whether a program is called as clang is: `clang++`, `clang-22`, `aarch64-linux-gnu-clang`; not
/// `clang-tidy`.
pub fn is_clang(program: &str) -> bool {
    let is_version = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    let mut parts = base_name(program).rsplit('-').skip_while(|part| is_version(part));
    matches!(parts.next(), Some("clang" | "clang++"))
}

fn without_known<'a>(words: &'a [String], directory: &mut Option<PathBuf>) -> &'a [String] {
    let mut rest = words;
    loop {
        match rest {
            [first, tail @ ..] if is_assignment(first) => rest = tail,
            [cmake, e, mode, tail @ ..] if base_name(cmake) == "cmake" && e == "-E" => {
                rest = match (mode.as_str(), tail) {
                    ("chdir", [to, tail @ ..]) => {
                        change(directory, to);
                        tail
                    }
                    _ => without_options(tail, &[], directory),
                };
            }
            [first, tail @ ..] => match LAUNCHERS.iter().find(|known| known.name == base_name(first)) {
                Some(known) => {
                    let behind = without_options(tail, known.valued, directory);
                    rest = behind.get(known.operands..).unwrap_or_default();
                }
                None => return rest,
            },
            [] => return rest,
        }
    }
}

/// `words` without the options in front, of which those in `valued` have a value of their own, and without a `--`
/// that ends them.
fn without_options<'a>(
    words: &'a [String],
    valued: &[&str],
    directory: &mut Option<PathBuf>,
) -> &'a [String] {
    let mut rest = words;
    while let [option, tail @ ..] = rest
        && option.starts_with('-')
    {
        rest = tail;
        if option == "--" {
            break;
        }
        if let Some(to) = option.strip_prefix("--chdir=") {
            change(directory, to);
        }
        if valued.contains(&option.as_str()) {
            if let ("-C" | "--chdir", Some(to)) = (option.as_str(), tail.first()) {
                change(directory, to);
            }
            rest = tail.get(1..).unwrap_or_default();
        }
    }
    rest
}

fn change(directory: &mut Option<PathBuf>, to: &str) {
    *directory = Some(directory.take().unwrap_or_default().join(to));
}

/// Where the command of a compiler begins behind a program that nobody knows, with options that nobody knows.
fn compiler_behind(words: &[String]) -> Option<usize> {
    // What follows the first -c are the compiler's arguments.
    let compiles = words.iter().position(|word| word == "-c")?;
    let before = &words[..compiles];
    if let Some(dashes) = before.iter().position(|word| word == "--") {
        return (dashes + 1 < compiles).then_some(dashes + 1);
    }
    let is_option = |at: usize| before[at].starts_with('-');
    let clangs = || (1..compiles).filter(|&at| !is_option(at) && is_clang(&before[at]));
    // Behind an option it may be the option's value.
    clangs().find(|&at| !is_option(at - 1)).or_else(|| clangs().next())
}

/// Whether a word before a command sets a variable.
pub fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    /// Command lines as build systems write them, each before the command of a compiler.
    const FORMS: [&str; 34] = [
        "LANG=C FOO=",
        "env -i A=b",
        "env -u A --unset=B ccache",
        "env - A=b",
        "/usr/bin/sccache",
        "nice -n 10 time distcc",
        "nice -10",
        "exec ccache --direct",
        "ccache CCACHE_DIR=/x compiler_check=content",
        "/usr/bin/cmake -E env A=b",
        "cmake -E env --unset=C A=b --",
        "cmake -E time",
        // CMAKE_C_CLANG_TIDY, _CPPCHECK, _CPPLINT, _INCLUDE_WHAT_YOU_USE, LINK_WHAT_YOU_USE, each with a launcher.
        "/usr/bin/cmake -E __run_co_compile --launcher=ccache --tidy=clang-tidy;--extra-arg-before=--driver-mode=gcc --source=f.c --",
        "/usr/bin/cmake -E __run_co_compile --iwyu=/usr/bin/iwyu --source=f.c -- ccache",
        "cmake -E __run_co_compile --launcher=sccache --lwyu=ldd;-u;-r --source=/x/clang --",
        "/opt/goma/gomacc",
        "icecc",
        "recc",
        "/opt/reclient/rewrapper -cfg=/x/rewrapper.cfg -exec_root=/x -labels=type=compile,compiler=clang,lang=cpp",
        "rewrapper --cfg /x/r.cfg --exec_root /x --",
        "timeout -k 5 600",
        "taskset -c 0-3",
        "ionice -c 3",
        "flock /tmp/lock",
        "time -f %e -o t.txt",
        "strace -f -o log",
        "xcrun --sdk macosx",
        // Bazel and Buck2.
        "/x/_bin/process-wrapper --timeout=0 --kill_delay=15",
        "/x/linux-sandbox -w /x -e /tmp --",
        "external/llvm/cc_wrapper.sh",
        "python3 buck-out/tools/wrapper.py --sdk x",
        "buck2-wrapper --toolchain_inputs a/clang",
        "/bin/busybox time",
        "perl -w wrap.pl --",
    ];

    #[test]
    fn what_starts_a_compiler_goes() {
        for form in FORMS {
            for compiler in ["clang", "external/llvm/bin/clang++-22", "x86_64-linux-gnu-clang-22"] {
                let command = format!("{compiler} -O3 -c x.c -o clang");
                let found = launched(words(&format!("{form} {command}")));
                assert_eq!(found.words.join(" "), command, "{form}");
                assert_eq!(found.directory, None, "{form}");
            }
        }
    }

    #[test]
    fn a_compiler_of_another_name_is_found_behind_those_that_are_known() {
        for form in FORMS.iter().filter(|form| !form.contains("wrap") && !form.contains("busybox")) {
            let found = launched(words(&format!("{form} /opt/cc -c x.c")));
            assert_eq!(found.words.join(" "), "/opt/cc -c x.c", "{form}");
        }
    }

    #[test]
    fn what_starts_nothing_stays() {
        for command in [
            "mycc-wrapper -O2 -c x.c",
            "zig cc -O3 -c x.c",
            "gen --compiler clang -o x.h",
            "/opt/cc -c clang -o x",
            "clang -o clang -c x.c",
            "clang -c -- x.c",
            "cc -O2 -c -- clang",
        ] {
            assert_eq!(launched(words(command)).words.join(" "), command);
        }
    }

    #[test]
    fn launchers_may_change_the_directory() {
        for (line, directory) in [
            ("env -C /b clang -c x.c", "/b"),
            ("env --chdir=/b A=b ccache clang -c x.c", "/b"),
            ("cmake -E chdir /b cmake -E chdir c clang -c x.c", "/b/c"),
        ] {
            let found = launched(words(line));
            assert_eq!(
                (found.words[0].as_str(), found.directory),
                ("clang", Some(directory.into())),
                "{line}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_words_have_an_end(
            words in proptest::collection::vec(
                "env|cmake|-E|--|-c|-C|chdir|nice|-n|clang|A=b|ccache|timeout|taskset|[a-z-]{0,4}", 0..9,
            ),
        ) {
            let found = launched(words.clone());
            prop_assert!(words.ends_with(&found.words));
        }
    }
}
