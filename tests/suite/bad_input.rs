//! A damaged or misplaced input costs its own job and no other: one clear error that names the file, exit
//! status 1, every other object as if nothing had happened, and nothing left of the failed one.

use crate::fixture::{Link, NATIVE, llvm_tool, run};

/// How `shape.o`'s job is spoiled, the file the error must name, and what it may say.
struct Damage {
    spoil: fn(&Link),
    names: &'static str,
    reasons: &'static [&'static str],
}

impl Damage {
    /// Runs the farm over the spoiled link: `shape.o` must fail as described, the others must not notice.
    #[track_caller]
    fn costs_only_its_own_job(&self) {
        let link = Link::new();
        (self.spoil)(&link);
        let area = format!("area{NATIVE}");
        let names = format!("names{NATIVE}");
        let said = link.adds_only(&[&area, &names], || link.backend(&[]));
        let said = said.failed_on(self.names, self.reasons, &["names.o"]);
        assert!(said.stderr.contains("shape.o"), "the failed object is not named:\n{said}");
        link.same_as_clang("names.o", &names);
    }
}

/// What a file that is not bitcode, or only its beginning, may be called.
const NOT_BITCODE: &[&str] =
    &["bitcode", "truncated", "malformed", "can't skip", "end of file", "wrong kind"];

fn cut(link: &Link, name: &str) {
    let bytes = link.read(name);
    link.write(name, &bytes[..bytes.len() / 2]);
}

/// Overwrites the middle of a file, which leaves its magic number and its length as they were.
fn garble(link: &Link, name: &str) {
    let mut bytes = link.read(name);
    let (start, end) = (bytes.len() / 4, bytes.len() / 2);
    for (at, byte) in bytes[start..end].iter_mut().enumerate() {
        *byte = (at as u8).wrapping_mul(151) ^ 0xa5;
    }
    link.write(name, bytes);
}

fn native_object(link: &Link, name: &str) {
    run(link.command(llvm_tool("clang")).args(["-c", "names.c", "-o", name])).succeeded();
}

#[test]
fn missing_module() {
    let reasons = &["no such file", "not found", "does not exist"];
    Damage { spoil: |link| link.remove("shape.o"), names: "shape.o", reasons }.costs_only_its_own_job();
}

#[test]
fn missing_index() {
    let reasons = &["no such file", "not found", "does not exist"];
    let spoil = |link: &Link| link.remove("shape.o.thinlto.bc");
    Damage { spoil, names: "shape.o.thinlto.bc", reasons }.costs_only_its_own_job();
}

#[test]
fn truncated_module() {
    Damage { spoil: |link| cut(link, "shape.o"), names: "shape.o", reasons: NOT_BITCODE }
        .costs_only_its_own_job();
}

#[test]
fn truncated_index() {
    let spoil = |link: &Link| cut(link, "shape.o.thinlto.bc");
    Damage { spoil, names: "shape.o.thinlto.bc", reasons: NOT_BITCODE }.costs_only_its_own_job();
}

#[test]
fn module_without_content() {
    Damage { spoil: |link| link.write("shape.o", ""), names: "shape.o", reasons: &["empty", "bitcode"] }
        .costs_only_its_own_job();
}

#[test]
fn module_of_noise() {
    let spoil = |link: &Link| link.write("shape.o", [0x5a; 4096]);
    Damage { spoil, names: "shape.o", reasons: NOT_BITCODE }.costs_only_its_own_job();
}

#[test]
fn index_of_noise() {
    let spoil = |link: &Link| link.write("shape.o.thinlto.bc", [0x5a; 4096]);
    Damage { spoil, names: "shape.o.thinlto.bc", reasons: NOT_BITCODE }.costs_only_its_own_job();
}

/// What LLVM's reader says of damage inside a stream depends on where it lies, so any reason will do here:
/// the promise is an error that names the file, and a process that lives to finish the other jobs.
#[test]
fn garbled_module() {
    Damage { spoil: |link| garble(link, "shape.o"), names: "shape.o", reasons: &[""] }
        .costs_only_its_own_job();
}

#[test]
fn garbled_index() {
    let spoil = |link: &Link| garble(link, "shape.o.thinlto.bc");
    Damage { spoil, names: "shape.o.thinlto.bc", reasons: &[""] }.costs_only_its_own_job();
}

/// A whole native object is passed over, see `odd_inputs`; one that is cut off is not taken for it.
#[test]
fn truncated_native_object_as_module() {
    let spoil = |link: &Link| {
        native_object(link, "shape.o");
        cut(link, "shape.o");
    };
    Damage { spoil, names: "shape.o", reasons: &["truncated"] }.costs_only_its_own_job();
}

#[test]
fn native_object_as_index() {
    let spoil = |link: &Link| native_object(link, "shape.o.thinlto.bc");
    Damage { spoil, names: "shape.o.thinlto.bc", reasons: &["bitcode", "ELF", "native"] }
        .costs_only_its_own_job();
}

#[test]
fn directory_as_module() {
    let spoil = |link: &Link| {
        link.remove("shape.o");
        std::fs::create_dir(link.path("shape.o")).expect("a directory in the module's place");
    };
    Damage { spoil, names: "shape.o", reasons: &["directory", "not a file"] }.costs_only_its_own_job();
}

/// An index is bitcode too, and clang compiles it to an object without any content.
#[test]
fn index_as_module() {
    let spoil = |link: &Link| link.write("shape.o", link.read("shape.o.thinlto.bc"));
    Damage { spoil, names: "shape.o", reasons: &["index", "module"] }.costs_only_its_own_job();
}

#[test]
fn module_as_index() {
    let spoil = |link: &Link| link.write("shape.o.thinlto.bc", link.read("names.o"));
    Damage { spoil, names: "shape.o.thinlto.bc", reasons: &["index"] }.costs_only_its_own_job();
}

/// clang says so much on standard error and still exits with 0, with nothing worth linking written.
#[test]
fn index_that_imports_from_an_absent_module() {
    let link = Link::new();
    link.remove("area.o");
    link.write("list", "shape.o\nnames.o\n");
    let names = format!("names{NATIVE}");
    let said = link.adds_only(&[&names], || link.backend(&[]));
    let said = said.failed_on("area.o", &["no such file", "not found", "does not exist"], &["names.o"]);
    assert!(said.stderr.contains("shape.o"), "the module that imports is not named:\n{said}");
    link.same_as_clang("names.o", &names);
}

/// LLVM marks bitcode it could not read back with a new epoch, in the block that opens every file.
#[test]
fn module_from_a_newer_llvm() {
    let spoil = |link: &Link| {
        let newer = with_next_epoch(link.read("shape.o"));
        link.write("shape.o", newer);
        let index = "-fthinlto-index=shape.o.thinlto.bc";
        let mut clang = link.command(llvm_tool("clang"));
        let clang = run(clang.args(["-x", "ir", index, "-c", "-o", "-", "shape.o"]));
        assert!(clang.stderr.contains("Incompatible epoch"), "clang takes the module:\n{clang}");
    };
    Damage { spoil, names: "shape.o", reasons: &["epoch", "newer"] }.costs_only_its_own_job();
}

/// Raises the bitcode epoch from 0 to 1. The record with the epoch is the last one of the identification
/// block: the abbreviation's number, 5, in five bits, then the epoch in six, all of them 0 up to here. So
/// the block's last set bit is the third of the number, and the epoch begins three bits further on.
fn with_next_epoch(mut bitcode: Vec<u8>) -> Vec<u8> {
    const BLOCK_HEADER: usize = 12;
    let words = u32::from_le_bytes(bitcode[8..BLOCK_HEADER].try_into().expect("four bytes")) as usize;
    let block = &mut bitcode[BLOCK_HEADER..BLOCK_HEADER + 4 * words];
    let bits = 8 * block.len();
    let last = (0..bits).rfind(|bit| block[bit / 8] >> (bit % 8) & 1 == 1).expect("a set bit");
    let epoch = last + 3;
    block[epoch / 8] |= 1 << (epoch % 8);
    bitcode
}

/// Debian's LLVM has no C-SKY back end, and lld cannot thin-link for it, so the index is an empty one.
#[test]
fn module_for_a_target_that_is_not_built_in() {
    let link = Link::new();
    link.write("csky.ll", "target triple = \"csky-unknown-linux-gnu\"\ndefine i32 @f() {\n  ret i32 1\n}\n");
    run(link.command(llvm_tool("opt")).args(["-thinlto-bc", "csky.ll", "-o", "csky.o"])).succeeded();
    link.write("csky.o.thinlto.bc", "");
    let args = ["backend", "csky.o", "--", "-O2", "--target=csky-unknown-linux-gnu"];
    let said = link.adds_only(&[], || link.thinfarm(&args));
    said.failed_on("csky.o", &["csky"], &[]);
}

#[test]
fn list_that_is_not_there() {
    let link = Link::new();
    let said = link.adds_only(&[], || link.thinfarm(&["backend", "--list", "absent.list", "--", "-O2"]));
    said.failed_on("absent.list", &["no such file", "not found", "does not exist"], &[]);
}

#[test]
fn nothing_to_compile_is_an_error_of_usage() {
    let link = Link::new();
    let said = link.adds_only(&[], || link.thinfarm(&["backend", "--", "-O2"]));
    assert!(said.code.is_some_and(|code| code != 0), "{said}");
    assert!(said.stderr.contains("--list"), "the error does not say what is missing:\n{said}");
}

#[test]
fn flag_clang_does_not_know() {
    let link = Link::new();
    let args = ["backend", "--list", "list", "--", "-O2", "-fno-such-flag"];
    let said = link.adds_only(&[], || link.thinfarm(&args));
    said.failed_on("-fno-such-flag", &["unknown argument"], &[]);
}

/// Of small modules the largest runs first, so with one worker the spoiled one is met before the others.
#[test]
fn fail_fast_starts_nothing_more() {
    let link = Link::new();
    link.write("shape.o", vec![0x5a; 15 << 10]);
    let said = link.adds_only(&[], || link.backend(&["--fail-fast", "-j", "1"]));
    said.failed_on("shape.o", NOT_BITCODE, &["names.o", "area.o"]);
}

#[test]
fn every_failed_object_is_named() {
    let link = Link::new();
    link.write("shape.o", "noise");
    link.write("names.o", "noise");
    let said = link.backend(&[]).failed_on("shape.o", NOT_BITCODE, &[]);
    said.failed_on("names.o", NOT_BITCODE, &[]);
}

/// An empty index and `/dev/null` both say: compile this module by itself. They are no errors.
#[test]
fn index_without_content_compiles_without_importing() {
    let empty = |link: &Link| link.write("shape.o.thinlto.bc", "");
    let device = |link: &Link| {
        link.remove("shape.o.thinlto.bc");
        let index = link.path("shape.o.thinlto.bc");
        std::os::unix::fs::symlink("/dev/null", index).expect("a link to /dev/null");
    };
    for make_index in [&empty as &dyn Fn(&Link), &device] {
        let link = Link::new();
        let importing = link.expected("shape.o", "shape.o.thinlto.bc");
        make_index(&link);
        link.backend(&[]).succeeded();
        let object = format!("shape{NATIVE}");
        link.same_as_clang("shape.o", &object);
        assert!(link.read(&object) != importing, "this module is the same with and without imports");
    }
}
