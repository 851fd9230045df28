//! `thinfarm cc ARGS…` where a build system says `clang ARGS…`: the same command runs in two directories that
//! hold the same files, once by each, and afterwards the exit statuses, what was said and every file in the
//! directory must be the same.

use std::process::Command;

use crate::fixture::{Link, Said, llvm_tool, run, thinfarm};

/// Two directories with the same link, one to run clang in, the other for `thinfarm cc`.
pub struct Twins {
    pub clang: Link,
    pub thinfarm: Link,
}

impl Twins {
    pub fn new(flags: &[&str]) -> Twins {
        // One prefix for both, or their directories' names would be all that differs.
        let flags = [&["-ffile-compilation-dir=."], flags].concat();
        Twins { clang: Link::compiled(&flags), thinfarm: Link::compiled(&flags) }
    }

    pub fn both(&self, change: impl Fn(&Link)) {
        change(&self.clang);
        change(&self.thinfarm);
    }

    /// Runs `args`, split at spaces, with both and returns what each said.
    fn run(&self, args: &str) -> (Said, Said) {
        let args: Vec<&str> = args.split_whitespace().collect();
        let clang = run(self.clang.command(llvm_tool("clang")).args(&args));
        let mut cc: Command = thinfarm();
        let ours = run(cc.current_dir(self.thinfarm.dir()).arg("cc").args(&args));
        (clang, ours)
    }

    /// Panics unless both do and say the same. Returns what was said.
    #[track_caller]
    pub fn agree(&self, args: &str) -> Said {
        let (clang, ours) = self.run(args);
        let seen = format!("`{args}`\n== clang\n{clang}\n== thinfarm cc\n{ours}");
        assert_eq!(ours.code, clang.code, "exit status of {seen}");
        assert_eq!(ours.stdout, clang.stdout, "standard output of {seen}");
        assert_eq!(nameless(&ours.stderr), nameless(&clang.stderr), "diagnostics of {seen}");
        let (clang_files, our_files) = (self.clang.files(), self.thinfarm.files());
        let names = |files: &std::collections::BTreeMap<String, _>| Vec::from_iter(files.keys().cloned());
        assert_eq!(names(&our_files), names(&clang_files), "files after {seen}");
        for (name, bytes) in &our_files {
            assert!(bytes == &clang_files[name], "{name} differs after {seen}");
        }
        ours
    }

    /// As [`Twins::agree`], for a command that must succeed and write `output`.
    #[track_caller]
    pub fn agree_on(&self, output: &str, args: &str) {
        let said = self.agree(args);
        assert_eq!(said.code, Some(0), "{said}");
        assert!(self.thinfarm.path(output).exists(), "neither wrote {output}");
    }
}

/// Diagnostics with the program's own name at the start of a line taken away.
fn nameless(diagnostics: &str) -> String {
    let strip = |line: &str| {
        let named = ["clang: ", "clang-22: ", "thinfarm: ", "thinfarm cc: "];
        let rest = named.iter().find_map(|name| line.strip_prefix(name));
        format!("{}\n", rest.unwrap_or(line))
    };
    diagnostics.lines().map(strip).collect()
}

/// The job every test here starts from.
const JOB: &str = "-O2 -x ir -fthinlto-index=shape.o.thinlto.bc";

#[test]
fn object() {
    Twins::new(&["-O2"]).agree_on("native.o", &format!("{JOB} -c -o native.o shape.o"));
}

#[test]
fn object_on_standard_output() {
    let said = Twins::new(&["-O2"]).agree(&format!("{JOB} -c -o - shape.o"));
    assert!(said.stdout.contains("ELF"));
}

#[test]
fn object_of_a_job_without_ir_on_the_command_line() {
    let args = "-O2 -fthinlto-index=shape.o.thinlto.bc -c -o native.o shape.o";
    Twins::new(&["-O2"]).agree_on("native.o", args);
}

#[test]
fn assembly() {
    Twins::new(&["-O2"]).agree_on("shape.s", &format!("{JOB} -S -o shape.s shape.o"));
}

#[test]
fn assembly_for_another_assembler() {
    let args = format!("{JOB} -fno-integrated-as -S -o shape.s shape.o");
    Twins::new(&["-O2"]).agree_on("shape.s", &args);
}

#[test]
fn bitcode() {
    Twins::new(&["-O2"]).agree_on("native.bc", &format!("{JOB} -emit-llvm -c -o native.bc shape.o"));
}

#[test]
fn textual_ir() {
    Twins::new(&["-O2"]).agree_on("native.ll", &format!("{JOB} -emit-llvm -S -o native.ll shape.o"));
}

#[test]
fn split_dwarf() {
    let twins = Twins::new(&["-O2", "-g", "-gsplit-dwarf"]);
    twins.agree_on("native.dwo", &format!("{JOB} -g -gsplit-dwarf -c -o native.o shape.o"));
}

#[test]
fn single_file_split_dwarf() {
    let twins = Twins::new(&["-O2", "-g", "-gsplit-dwarf=single"]);
    twins.agree_on("native.o", &format!("{JOB} -g -gsplit-dwarf=single -c -o native.o shape.o"));
}

#[test]
fn no_index() {
    let twins = Twins::new(&["-O2"]);
    twins.agree_on("native.o", "-O2 -x ir -fthinlto-index=/dev/null -c -o native.o shape.o");
}

#[test]
fn empty_index() {
    let twins = Twins::new(&["-O2"]);
    twins.both(|link| link.write("shape.o.thinlto.bc", ""));
    twins.agree_on("native.o", &format!("{JOB} -c -o native.o shape.o"));
}

/// clang makes an object without content of bitcode that no thin link can have seen.
#[test]
fn module_without_a_summary() {
    let twins = Twins::new(&["-O2"]);
    twins.both(|link| {
        let plain = ["-O2", "-fPIC", "-emit-llvm", "-c", "shape.c", "-o", "shape.o"];
        run(link.command(llvm_tool("clang")).args(plain)).succeeded();
    });
    twins.agree_on("native.o", "-O2 -x ir -fthinlto-index=/dev/null -c -o native.o shape.o");
}

#[test]
fn optimisation_record() {
    let twins = Twins::new(&["-O2"]);
    let args = format!("{JOB} -fsave-optimization-record -c -o native.o shape.o");
    twins.agree_on("native.opt.yaml", &args);
    assert!(!twins.thinfarm.read("native.opt.yaml").is_empty());
}

#[test]
fn optimisation_record_of_chosen_passes_and_place() {
    let twins = Twins::new(&["-O2", "-gline-tables-only"]);
    let args = "-foptimization-record-file=remarks.yaml -foptimization-record-passes=inline";
    twins.agree_on("remarks.yaml", &format!("{JOB} {args} -c -o native.o shape.o"));
    assert!(!twins.thinfarm.read("remarks.yaml").is_empty());
}

#[test]
fn optimisation_record_as_a_bitstream() {
    let twins = Twins::new(&["-O2"]);
    let args = format!("{JOB} -fsave-optimization-record=bitstream -c -o native.o shape.o");
    twins.agree_on("native.opt.bitstream", &args);
}

#[test]
fn remarks_on_standard_error() {
    let twins = Twins::new(&["-O2", "-gline-tables-only"]);
    let said = twins.agree(&format!("{JOB} -Rpass=inline -c -o native.o shape.o"));
    assert!(said.stderr.contains("remark:"), "{said}");
}

#[test]
fn warning_of_a_backend() {
    let twins = Twins::new(&["-O2", "-Wframe-larger-than=1"]);
    twins.both(|link| {
        link.write("deep.c", "void use(char *); void deep(void) { char room[4096]; use(room); }\n");
        let compile = ["-O2", "-flto=thin", "-Wframe-larger-than=1", "-c", "deep.c", "-o", "deep.o"];
        run(link.command(llvm_tool("clang")).args(compile)).succeeded();
    });
    let said = twins.agree("-O2 -x ir -fthinlto-index=/dev/null -c -o native.o deep.o");
    assert!(said.stderr.contains("exceeds limit"), "{said}");
}

/// What only the backend can find wrong: assembly that does not assemble, a loop that does not become what
/// a pragma asks for. The words, the flag in brackets, the count and the status are clang's.
#[test]
fn complaints_about_the_source() {
    const SOURCE: &str = "int odd(int *a, int n) {\n\
        #pragma clang loop vectorize(enable)\n\
        for (int i = 1; i < n; i++) { a[i + 1] = a[i] * 3 + a[i - 1]; if (a[i] == 7) return i; }\n\
        return 0; }\n";
    const ASSEMBLY: &str = "int bad(void) { int x; __asm__(\"foobar %0\" : \"=r\"(x)); return x; }\n";
    let twins = Twins::new(&["-O2"]);
    twins.both(|link| {
        link.write("odd.c", SOURCE);
        link.write("bad.c", ASSEMBLY);
        for (source, module) in [("odd.c", "odd.o"), ("bad.c", "bad.o")] {
            let args = ["-O2", "-fPIC", "-flto=thin", "-c", source, "-o", module];
            run(link.command(llvm_tool("clang")).args(args)).succeeded();
        }
        link.thin_link(&["odd.o", "bad.o"], &[]);
    });
    for flag in ["-Wall", "-Werror", "-w"] {
        for module in ["odd.o", "bad.o"] {
            let index = format!("-fthinlto-index={module}.thinlto.bc");
            let said = twins.agree(&format!("-O2 -x ir {index} {flag} -c -o native.o {module}"));
            assert!(flag == "-w" || !said.stderr.is_empty(), "no complaint about {module}: {said}");
        }
    }
}

#[test]
fn flags_without_use_here() {
    let said = Twins::new(&["-O2"]).agree(&format!("{JOB} -I. -DNAME -c -o native.o shape.o"));
    assert!(said.stderr.contains("unused"), "{said}");
}

#[test]
fn response_file() {
    let twins = Twins::new(&["-O2"]);
    twins.both(|link| link.write("args", "-x ir -fthinlto-index=shape.o.thinlto.bc\n-c \"shape.o\""));
    twins.agree_on("native.o", "-O2 @args -o native.o");
}

#[test]
fn time_trace_is_json_and_the_object_the_same() {
    let twins = Twins::new(&["-O2"]);
    let (clang, ours) = twins.run(&format!("{JOB} -ftime-trace -c -o native.o shape.o"));
    clang.succeeded();
    ours.succeeded();
    assert!(twins.clang.read("native.o") == twins.thinfarm.read("native.o"));
    for link in [&twins.clang, &twins.thinfarm] {
        let trace: serde_json::Value =
            serde_json::from_slice(&link.read("native.json")).expect("a trace in JSON");
        let events = trace["traceEvents"].as_array().expect("a list of events");
        assert!(events.iter().any(|event| event["name"] == "OptModule"), "no pass was timed");
    }
}

/// Every way to be wrong that clang finds in a command line: same words, same status, no file.
#[test]
fn errors_of_the_command_line() {
    let twins = Twins::new(&["-O2"]);
    for args in [
        "-fno-such-flag -c -o native.o shape.o",
        "--no-such-flag -fno-such-flag-either -c -o native.o shape.o",
        "-fno-such-flga -fvectorise -c -o native.o shape.o",
        "-march=haswel -c -o native.o shape.o",
        "-mcmodel=gigantic -c -o native.o shape.o",
        "-mcpu=cortex-a57 -c -o native.o shape.o",
        "--target=no-such-machine -c -o native.o shape.o",
        "-mllvm -no-such-option -c -o native.o shape.o",
        "-fprofile-instr-use=absent.profdata -c -o native.o shape.o",
        "-c -o native.o absent.o",
        "-c -o native.o",
        "-c -o",
    ] {
        let said = twins.agree(&format!("{JOB} {args}"));
        assert!(said.code.is_some_and(|code| code != 0), "`{args}` is no error: {said}");
    }
}

/// clang does not say which file it cannot use; thinfarm must. The status is the same.
#[test]
fn errors_of_files() {
    let twins = Twins::new(&["-O2"]);
    twins.both(|link| link.write("noise.o", "noise"));
    twins.both(|link| link.write("cut.o", &link.read("shape.o")[..200]));
    for (args, file, reasons) in [
        ("-o absent/native.o shape.o", "absent/native.o", &["no such file", "not found"] as &[&str]),
        ("-o native.o noise.o", "noise.o", &["bitcode"]),
        ("-o native.o cut.o", "cut.o", &["bitcode", "truncated", "can't skip"]),
    ] {
        let (clang, ours) = twins.run(&format!("{JOB} -c {args}"));
        assert_eq!(ours.code, clang.code, "{ours}");
        ours.failed_on(file, reasons, &[]);
        assert_eq!(twins.clang.files(), twins.thinfarm.files(), "files after `{args}`");
    }
}

/// What clang does here takes a program or a pipeline that thinfarm does not run: it says so, and no file is
/// left that a build could take for the answer.
#[test]
fn what_is_not_supported_is_refused_with_the_reason() {
    let link = Link::new();
    for (flag, named) in [
        ("-save-temps", "-save-temps"),
        ("-save-temps=obj", "-save-temps"),
        ("-fno-integrated-as", "-fno-integrated-as"),
        ("-fpass-plugin=plugin.so", "-fpass-plugin"),
    ] {
        let args = format!("cc {JOB} {flag} -c -o native.o shape.o");
        let args: Vec<&str> = args.split_whitespace().collect();
        let said = link.adds_only(&[], || link.thinfarm(&args));
        said.failed_on(named, &["not supported"], &[]);
    }
}

/// The one place where a drop-in must not be one: clang says that it cannot read the index, or a module the
/// index names, leaves an object without content and exits with 0, and a build goes on to link it.
#[test]
fn unreadable_index_fails_the_job() {
    let absent: &[&str] = &["no such file", "not found", "does not exist"];
    let link = Link::new();
    link.write("noise.thinlto.bc", "noise");
    let compile = |index: &str| {
        let index = format!("-fthinlto-index={index}");
        link.adds_only(&[], || {
            link.thinfarm(&["cc", "-O2", "-x", "ir", &index, "-c", "-o", "native.o", "shape.o"])
        })
    };
    compile("absent.thinlto.bc").failed_on("absent.thinlto.bc", absent, &[]);
    compile("noise.thinlto.bc").failed_on("noise.thinlto.bc", &["bitcode"], &[]);
    link.remove("area.o");
    compile("shape.o.thinlto.bc").failed_on("area.o", absent, &[]);

    let link = Link::new();
    link.write("area.o", "noise");
    let args = format!("cc {JOB} -c -o native.o shape.o");
    let args: Vec<&str> = args.split_whitespace().collect();
    link.adds_only(&[], || link.thinfarm(&args)).failed_on("area.o", &["bitcode"], &[]);
}
