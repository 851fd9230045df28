//! `--log` and `THINFARM_LOG`: what is decided and why, on standard error, whole lines and nothing else.

use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::{env, io, thread};

use thinfarm::farm::Farm;
use tracing::subscriber::with_default;

use crate::fixture::{Link, llvm_tool, run, thinfarm, thinfarm_path};
use crate::llvm_sets::{ALIGNED, PLAIN, plan};

fn backend(link: &Link) -> Command {
    let mut command = link.command(thinfarm().get_program());
    crate::fixture::alone(&mut command);
    command.args(["backend", "-j2", "--list", "list", "--cache-dir", "cache"]);
    command
}

fn flags(command: &mut Command) -> &mut Command {
    command.args(["--", "-O2", "-fPIC", "-Wframe-larger-than=1"])
}

/// A link of which each module has a warning that takes several lines.
fn link_that_warns() -> Link {
    let link = Link::compiled(&["-O2", "-Wframe-larger-than=1"]);
    for number in 0..8 {
        let (source, object) = (format!("deep{number}.c"), format!("deep{number}.o"));
        link.write(
            &source,
            format!("void use(char *); void deep{number}(void) {{ char room[4096]; use(room); }}\n"),
        );
        let compile = "-O2 -fPIC -flto=thin -Wframe-larger-than=1 -c";
        let mut clang = link.command(llvm_tool("clang"));
        run(clang.args(compile.split(' ')).args([&source, "-o", &object])).succeeded();
    }
    let deep: Vec<String> = (0..8).map(|number| format!("deep{number}.o")).collect();
    let modules = [&["shape.o".to_owned(), "area.o".to_owned(), "names.o".to_owned()][..], &deep].concat();
    link.thin_link(&modules, &[]);
    link.write("list", modules.join("\n") + "\n");
    link
}

/// Whether a line is the log's: it begins with seconds and a level.
fn is_of_log(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words.next().is_some_and(|time| time.strip_suffix('s').is_some_and(|time| time.parse::<f64>().is_ok()))
        && words.next().is_some_and(|level| ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].contains(&level))
}

#[test]
fn a_log_tells_decisions_and_tears_nothing() {
    let link = link_that_warns();
    let silent = run(flags(&mut backend(&link))).succeeded().stderr;
    let diagnostics = |text: &str| {
        let mut lines: Vec<String> = text
            .lines()
            .filter(|line| !is_of_log(line) && !line.starts_with("thinfarm: 1"))
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    };
    assert_eq!(silent.matches("exceeds limit").count(), 8, "{silent}");
    // As an option and as a variable, and everything is compiled again.
    let (mut by_option, mut by_variable) = (backend(&link), backend(&link));
    by_option.arg("--log=debug");
    by_variable.env("THINFARM_LOG", "debug");
    for command in [&mut by_option, &mut by_variable] {
        std::fs::remove_dir_all(link.path("cache")).expect("a cache to remove");
        let said = run(flags(command)).succeeded();
        assert_eq!(diagnostics(&said.stderr), diagnostics(&silent), "torn:\n{said}");
        let log: Vec<&str> = said.stderr.lines().filter(|line| is_of_log(line)).collect();
        let has = |words: &[&str]| log.iter().any(|line| words.iter().all(|word| line.contains(word)));
        for words in [
            &["plan{modules=11}", "has its options", "module=\"deep3.o\""][..],
            &["is not in the cache", "module=\"deep3.o\"", "task="],
            &["run{", "job{", "module=\"deep3.o\"", "task=", "starts", "permit="],
            &["stage{name=Optimise}", "module=\"deep3.o\"", "close"],
            &["job{", "module=\"deep3.o\"", "ends"],
        ] {
            assert!(has(words), "{words:?} is not told:\n{said}");
        }
    }
    // What is in the cache is, and a filter leaves the rest.
    let said = run(flags(backend(&link).arg("--log=thinfarm::farm=debug"))).succeeded();
    assert!(said.stderr.contains("is in the cache") && !said.stderr.contains("has its options"), "{said}");
}

#[test]
fn a_filter_that_is_none_is_an_error_of_the_command_line() {
    let link = link_that_warns();
    let said = run(flags(backend(&link).arg("--log=thinfarm=loud")));
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.stderr.contains("--log") && said.stderr.contains("\"debug\""), "{said}");
    let said = run(flags(backend(&link).env("THINFARM_LOG", ""))).succeeded();
    assert!(!said.stderr.lines().any(is_of_log), "{said}");
}

/// `ld.thinfarm`, which tells of lld's diagnostics and of its own decisions.
fn linker(link: &Link) -> Command {
    if !link.path("ld.thinfarm").exists() {
        symlink(thinfarm_path(), link.path("ld.thinfarm")).expect("a link to thinfarm");
    }
    let mut command = link.command(link.path("ld.thinfarm"));
    crate::fixture::alone(&mut command);
    command.args(["-shared", "-o", "lib.so", "--thinfarm-jobs=2", "shape.o", "area.o", "names.o"]);
    command.args((0..8).map(|number| format!("deep{number}.o")));
    command
}

#[test]
fn a_linkers_log_tears_nothing_and_changes_nothing() {
    let link = link_that_warns();
    let silent = run(&mut linker(&link)).succeeded().stderr;
    let lines = |text: &str, of_log: bool| {
        let mut lines: Vec<String> =
            text.lines().filter(|line| is_of_log(line) == of_log).map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!((silent.matches("exceeds limit").count(), lines(&silent, true).len()), (8, 0), "{silent}");
    let output = link.read("lib.so");
    let mut by_variable = linker(&link);
    by_variable.env("THINFARM_LOG", "debug");
    for command in [linker(&link).arg("--thinfarm-log=debug"), &mut by_variable] {
        let said = run(command).succeeded();
        assert_eq!(said.stdout, "", "{said}");
        assert_eq!(lines(&said.stderr, false), lines(&silent, false), "torn:\n{said}");
        let log = lines(&said.stderr, true);
        let has = |words: &[&str]| log.iter().any(|line| words.iter().all(|word| line.contains(word)));
        for words in [
            &["run{", "job{", "module=\"deep3.o\"", "starts"][..],
            &["stage{name=Optimise}", "module=\"deep3.o\"", "close"],
            &["job{", "module=\"deep3.o\"", "ends"],
        ] {
            assert!(has(words), "{words:?} is not told:\n{said}");
        }
        assert!(link.read("lib.so") == output, "another output");
    }
    // An option wins over a variable.
    let said = run(linker(&link).arg("--thinfarm-log=off").env("THINFARM_LOG", "debug")).succeeded();
    assert_eq!(lines(&said.stderr, true), [""; 0], "{said}");
}

/// What `command` writes to standard error, each write by itself: a socket of datagrams keeps them apart.
fn writes(command: &mut Command) -> Vec<String> {
    let (ours, theirs) = UnixDatagram::pair().expect("two sockets");
    let to_end = theirs.try_clone().expect("a socket once more");
    command.stdout(Stdio::null()).stderr(OwnedFd::from(theirs));
    let mut child = command.spawn().expect("a process to start");
    let reader = thread::spawn(move || {
        let (mut writes, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
        loop {
            match ours.recv(&mut buffer).expect("a socket to read") {
                0 => break writes,
                size => writes.push(String::from_utf8_lossy(&buffer[..size]).into_owned()),
            }
        }
    });
    assert!(child.wait().expect("a process to end").success());
    to_end.send(b"").expect("a reader");
    reader.join().expect("a reader")
}

#[test]
fn each_line_of_a_log_is_one_write() {
    let link = link_that_warns();
    for command in [flags(backend(&link).arg("--log=debug")), linker(&link).arg("--thinfarm-log=debug")] {
        let (log, others): (Vec<_>, Vec<_>) = writes(command).into_iter().partition(|write| is_of_log(write));
        assert!(log.len() > 50, "{log:?}");
        for line in &log {
            assert!(line.ends_with('\n') && line.matches('\n').count() == 1, "{line:?}");
        }
        for other in &others {
            assert!(!other.lines().any(is_of_log), "{other:?}");
        }
    }
}

#[test]
fn a_linkers_filter_that_is_none_is_an_error_that_says_what_may_stand_there() {
    let link = link_that_warns();
    let mut by_variable = linker(&link);
    by_variable.env("THINFARM_LOG", "thinfarm::farm=loud");
    for command in [linker(&link).arg("--thinfarm-log=thinfarm::farm=loud"), &mut by_variable] {
        let said = run(command);
        assert_eq!(said.code, Some(2), "{said}");
        for words in ["--thinfarm-log", "thinfarm::farm=loud", "\"debug\"", "\"off\""] {
            assert!(said.stderr.contains(words), "{words}:\n{said}");
        }
        assert!(!link.path("lib.so").exists(), "it was linked");
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Also if it is one of the thread that runs the farm alone; and what a child does is told as well.
#[test]
fn a_subscriber_of_an_embedder_hears_of_all_threads() {
    let link = Link::new();
    let mut embedder = link.command(env::current_exe().expect("this program"));
    embedder.args(["--exact", "log::embedder", "--ignored", "--nocapture"]).env("LOG_EMBEDDER", "1");
    crate::fixture::alone(&mut embedder);
    run(&mut embedder).succeeded();
}

#[test]
#[ignore = "run by the other test"]
fn embedder() {
    if env::var_os("LOG_EMBEDDER").is_none() {
        return;
    }
    let lines = Lines::default();
    let to = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || to.clone())
        .with_ansi(false)
        .finish();
    let plan = plan(&[("shape.o", "s.o", PLAIN), ("area.o", "a.o", PLAIN), ("names.o", "n.o", ALIGNED)]);
    let farm = Farm::default().worker_program(crate::fixture::thinfarm_path());
    let report = with_default(subscriber, || farm.run(&plan)).expect("a report");
    assert!(report.is_success());
    // Another thread's run is not this subscriber's.
    let heard = lines.0.lock().unwrap_or_else(PoisonError::into_inner).len();
    let other = thread::scope(|scope| scope.spawn(|| farm.run(&plan)).join().expect("a run"));
    assert!(other.expect("a report").is_success());
    let text = lines.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert_eq!(text.len(), heard);
    let text = String::from_utf8(text).expect("text");
    for words in
        ["module=\"shape.o\"", "goes to a child worker", "a child worker is up", "LLVM gets its options"]
    {
        assert!(text.contains(words), "{words}:\n{text}");
    }
}
