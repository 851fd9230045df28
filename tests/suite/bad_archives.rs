//! Archives that are not what the thin link read: one clear error that names the archive and the module, and
//! no harm to the other jobs.

use std::fs;

use crate::fixture::{Link, NATIVE, llvm_tool, run};

/// What is done to a link of `names.o` and of `area.o`, which is in `parts.a`, and what an error must name.
struct Damage {
    /// How the archive is made.
    operation: &'static str,
    spoil: fn(&Link),
    reasons: &'static [&'static str],
}

impl Damage {
    #[track_caller]
    fn costs_only_its_own_job(&self) {
        let link = Link::new();
        run(link.command(llvm_tool("llvm-ar")).args([self.operation, "parts.a", "area.o"])).succeeded();
        link.thin_link(&["names.o", "--whole-archive", "parts.a"], &[]);
        (self.spoil)(&link);
        let names = format!("names{NATIVE}");
        let said = link.adds_only(&[&names], || link.backend(&[]));
        let said = said.failed_on("parts.a", self.reasons, &["names.o"]);
        assert!(said.stderr.contains("parts.a(area.o at "), "the module is not named:\n{said}");
        link.same_as_clang("names.o", &names);
    }
}

const REGULAR: &str = "qcS";
const THIN: &str = "qcST";

/// The list's last line, with another offset and its own index.
fn member_at(link: &Link, offset: u64) {
    let list = String::from_utf8(link.read("list")).expect("a list in UTF-8");
    let id = list.lines().last().expect("a module");
    let other = format!("parts.a(area.o at {offset})");
    fs::rename(link.path(&format!("{id}.thinlto.bc")), link.path(&format!("{other}.thinlto.bc")))
        .expect("an index");
    link.write("list", format!("names.o\n{other}\n"));
}

#[test]
fn missing_archive() {
    let reasons = &["cannot read the archive parts.a: No such file"];
    Damage { operation: REGULAR, spoil: |link| link.remove("parts.a"), reasons }.costs_only_its_own_job();
}

#[test]
fn archive_that_is_none() {
    let reasons = &["no archive"];
    Damage { operation: REGULAR, spoil: |link| link.write("parts.a", "noise"), reasons }
        .costs_only_its_own_job();
}

#[test]
fn truncated_archive() {
    fn cut(link: &Link, size: usize) {
        link.write("parts.a", &link.read("parts.a")[..size]);
    }
    let in_the_member = |link: &Link| cut(link, 200);
    Damage { operation: REGULAR, spoil: in_the_member, reasons: &["truncated"] }.costs_only_its_own_job();
    let in_the_header = |link: &Link| cut(link, 50);
    let reasons = &["no archive, or is damaged"];
    Damage { operation: REGULAR, spoil: in_the_header, reasons }.costs_only_its_own_job();
}

#[test]
fn archive_without_a_header_where_one_is_due() {
    let spoil = |link: &Link| {
        let id = "names.o";
        run(link.command(llvm_tool("llvm-ar")).args([REGULAR, "other.a", id, "area.o"])).succeeded();
        let mut bytes = link.read("other.a");
        let names = link.read(id).len().next_multiple_of(2);
        let second = 8 + 60 + names;
        bytes[second + 58] = b'?';
        link.write("parts.a", bytes);
        member_at(link, second as u64);
    };
    Damage { operation: REGULAR, spoil, reasons: &["damaged at offset"] }.costs_only_its_own_job();
}

#[test]
fn offset_that_is_no_header() {
    for operation in [REGULAR, THIN] {
        let reasons = &["no member at offset 10: the archive is not the one that the thin link read"];
        Damage { operation, spoil: |link| member_at(link, 10), reasons }.costs_only_its_own_job();
    }
}

#[test]
fn offset_beyond_the_end() {
    for operation in [REGULAR, THIN] {
        let spoil = |link: &Link| member_at(link, u64::MAX);
        Damage { operation, spoil, reasons: &["has only"] }.costs_only_its_own_job();
    }
}

#[test]
fn another_member_at_the_offset() {
    let spoil = |link: &Link| {
        fs::rename(link.path("area.o"), link.path("shape.o")).expect("a file renamed");
        link.remove("parts.a");
        run(link.command(llvm_tool("llvm-ar")).args([REGULAR, "parts.a", "shape.o"])).succeeded();
    };
    Damage { operation: REGULAR, spoil, reasons: &["is shape.o", "run the thin link again"] }
        .costs_only_its_own_job();
}

#[test]
fn thin_archive_without_its_members_file() {
    let reasons = &["cannot read area.o, which the thin archive names: No such file"];
    Damage { operation: THIN, spoil: |link| link.remove("area.o"), reasons }.costs_only_its_own_job();
}

#[test]
fn archive_in_an_archive() {
    let spoil = |link: &Link| {
        fs::copy(link.path("parts.a"), link.path("area.o")).expect("a copy");
        link.remove("parts.a");
        run(link.command(llvm_tool("llvm-ar")).args([REGULAR, "parts.a", "area.o"])).succeeded();
    };
    Damage { operation: REGULAR, spoil, reasons: &["not LLVM bitcode but an archive"] }
        .costs_only_its_own_job();
}

#[test]
fn empty_member() {
    let spoil = |link: &Link| {
        link.write("area.o", "");
        link.remove("parts.a");
        run(link.command(llvm_tool("llvm-ar")).args([REGULAR, "parts.a", "area.o"])).succeeded();
    };
    Damage { operation: REGULAR, spoil, reasons: &["empty"] }.costs_only_its_own_job();
}
