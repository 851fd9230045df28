//! Modules that are no files by themselves: members of archives, regular and thin, and the sections of
//! FatLTO objects. clang knows neither, so it gets each module as a file of the id's name, in a folder of its
//! own.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::fixture::{Link, NATIVE, Said, llvm_tool, run};

/// `shape.o`, and two modules called `x.o`: `one/x.o` is `area.c`, `two/x.o` is `names.c`.
struct Odd {
    link: Link,
    /// Module ids in link order, and the bitcode file each was made from.
    modules: Vec<(String, &'static str)>,
}

const ORIGINALS: [&str; 3] = ["shape.o", "one/x.o", "two/x.o"];

fn compile(link: &Link, flags: &[&str], source: &str, object: &str) {
    let mut clang = link.command(llvm_tool("clang"));
    run(clang.args(["-O2", "-flto=thin", "-c"]).args(flags).args([source, "-o", object])).succeeded();
}

fn archive(link: &Link, operation: &str, name: &str, members: &[&str]) {
    run(link.command(llvm_tool("llvm-ar")).args([operation, name]).args(members)).succeeded();
}

/// The modules, not yet in any archive.
fn parts(flags: &[&str]) -> Link {
    let link = Link::sources();
    for folder in ["one", "two", "lib"] {
        fs::create_dir(link.path(folder)).expect("a folder");
    }
    for (source, object) in [("shape.c", "shape.o"), ("area.c", "one/x.o"), ("names.c", "two/x.o")] {
        compile(&link, flags, source, object);
    }
    link
}

impl Odd {
    /// Thin-links `shape.o` and everything in `name`.
    fn linked(link: Link, name: &str, flags: &[&str]) -> Odd {
        link.thin_link(&["shape.o", "--whole-archive", name], flags);
        let list = String::from_utf8(link.read("list")).expect("a list in UTF-8");
        let modules: Vec<_> = list.lines().map(str::to_owned).zip(ORIGINALS).collect();
        assert_eq!(modules.len(), 3, "{list}");
        Odd { link, modules }
    }

    fn regular() -> Odd {
        let link = parts(&[]);
        archive(&link, "qc", "lib/r.a", &["one/x.o", "two/x.o"]);
        Odd::linked(link, "lib/r.a", &[])
    }

    fn thin() -> Odd {
        let link = parts(&[]);
        archive(&link, "qcT", "lib/t.a", &["one/x.o", "two/x.o"]);
        Odd::linked(link, "lib/t.a", &[])
    }

    /// The id of the module made of `two/x.o`.
    fn last(&self) -> &str {
        &self.modules[2].0
    }

    /// Writes every module to a file of its name below `clang`, and compiles there as a backend does.
    fn expected(&self, id: &str, flags: &[&str]) -> Vec<u8> {
        for (id, original) in &self.modules {
            let file = self.link.path("clang").join(id);
            fs::create_dir_all(file.parent().expect("a folder")).expect("a folder for clang's modules");
            let bitcode = self.link.read(original);
            fs::write(&file, if bitcode.starts_with(b"\x7fELF") { self.section(original) } else { bitcode })
                .expect("a module for clang");
        }
        let mut clang = self.link.command(llvm_tool("clang"));
        clang.current_dir(self.link.path("clang"));
        let index = format!("-fthinlto-index=../{id}.thinlto.bc");
        run(clang.args(["-O2", "-x", "ir", &index, "-c", "-o", "expected"]).args(flags).arg(id)).succeeded();
        self.link.read("clang/expected")
    }

    /// What a FatLTO object has for the linker.
    fn section(&self, object: &str) -> Vec<u8> {
        let mut objcopy = self.link.command(llvm_tool("llvm-objcopy"));
        run(objcopy.args(["--dump-section", ".llvm.lto=section", object, "/dev/null"])).succeeded();
        self.link.read("section")
    }

    #[track_caller]
    fn same_as_clang(&self, id: &str, object: &str) {
        let expected = self.expected(id, &[]);
        assert!(self.link.read(object) == expected, "{object} is not the object clang makes of {id}");
    }

    /// Panics unless a run makes clang's objects, named as the documentation says and nothing else.
    #[track_caller]
    fn is_compiled_as_by_clang(&self) {
        let natives: Vec<String> = self.modules.iter().map(|(id, _)| native(id)).collect();
        let added: Vec<&str> = natives.iter().map(String::as_str).collect();
        let said = self.link.adds_only(&added, || self.link.backend(&["--profile", "/dev/stderr"]));
        let imports = said.stderr.matches("\"imported_functions\": 0").count();
        assert!(imports < 3, "nothing is imported:\n{said}");
        said.succeeded();
        for ((id, _), object) in self.modules.iter().zip(&natives) {
            self.same_as_clang(id, object);
        }
    }

    fn verified(&self) -> Said {
        self.link.backend(&["--verify-with", "clang"])
    }
}

fn native(id: &str) -> String {
    format!("{}{NATIVE}", id.strip_suffix(".o").unwrap_or(id))
}

#[test]
fn regular_archive() {
    let odd = Odd::regular();
    assert!(odd.last().starts_with("lib/r.a(x.o at "), "{}", odd.last());
    odd.is_compiled_as_by_clang();
}

#[test]
fn thin_archive() {
    let odd = Odd::thin();
    assert!(odd.last().starts_with("lib/t.a(x.o at "), "{}", odd.last());
    odd.is_compiled_as_by_clang();
}

/// As the kernel's `vmlinux.a`: a thin archive of what thin archives name, without a symbol table.
#[test]
fn thin_archive_of_thin_archives() {
    let link = parts(&[]);
    archive(&link, "cDPrST", "one/built-in.a", &["one/x.o"]);
    archive(&link, "cDPrST", "two/built-in.a", &["two/x.o"]);
    archive(&link, "cDPrST", "lib/vm.a", &["one/built-in.a", "two/built-in.a"]);
    let odd = Odd::linked(link, "lib/vm.a", &[]);
    assert!(odd.last().starts_with("lib/vm.a(x.o at "), "{}", odd.last());
    odd.is_compiled_as_by_clang();
}

#[test]
fn archives_and_members_with_parentheses_in_their_names() {
    let link = parts(&[]);
    fs::create_dir(link.path("lib (2)")).expect("a folder");
    fs::rename(link.path("one"), link.path("on(e) at 3")).expect("a folder renamed");
    fs::rename(link.path("on(e) at 3/x.o"), link.path("on(e) at 3/x(1) at 2).o")).expect("a file renamed");
    archive(&link, "qc", "lib (2)/r(3).a", &["on(e) at 3/x(1) at 2).o", "two/x.o"]);
    link.thin_link(&["shape.o", "--whole-archive", "lib (2)/r(3).a"], &[]);
    let said = link.backend(&["--verify-with", "clang"]).succeeded();
    assert!(said.stderr.contains("3 identical of 3"), "{said}");
}

#[test]
fn out_dir_and_prefix_replaced() {
    let link = parts(&[]);
    archive(&link, "qc", "lib/r.a", &["one/x.o", "two/x.o"]);
    let replace = "lib/;index/";
    let odd = Odd::linked(link, "lib/r.a", &[&format!("--thinlto-prefix-replace={replace}")]);
    assert!(odd.last().starts_with("index/r.a(x.o at "), "{}", odd.last());
    let said = odd.link.backend(&[
        "--thinlto-prefix-replace",
        replace,
        "--out-dir",
        "out",
        "--verify-with",
        "clang",
    ]);
    assert!(said.stderr.contains("3 identical of 3"), "{said}");
    assert!(odd.link.path("out").join(native(odd.last())).exists(), "{said}");
}

#[test]
fn file_with_the_name_of_a_member() {
    let link = Link::sources();
    compile(&link, &[], "names.c", "r.a(x.o at 80)");
    link.write("r.a", "no archive at all");
    link.thin_link(&["r.a(x.o at 80)"], &[]);
    link.backend(&[]).succeeded();
    link.same_as_clang("r.a(x.o at 80)", &native("r.a(x.o at 80)"));
}

fn fat() -> Link {
    parts(&["-ffat-lto-objects"])
}

#[test]
fn fat_lto_objects() {
    let link = fat();
    link.thin_link(&ORIGINALS, &["--fat-lto-objects"]);
    let modules = ORIGINALS.map(|name| (name.to_owned(), name)).to_vec();
    Odd { link, modules }.is_compiled_as_by_clang();
}

#[test]
fn fat_lto_objects_in_archives() {
    for operation in ["qc", "qcT"] {
        let link = fat();
        archive(&link, operation, "lib/fat.a", &["one/x.o", "two/x.o"]);
        Odd::linked(link, "lib/fat.a", &["--fat-lto-objects"]).is_compiled_as_by_clang();
    }
}

/// Without importing, a job goes through clang's own action, which has no file to read here.
#[test]
fn members_compiled_without_importing() {
    for odd in [Odd::regular(), Odd::thin()] {
        odd.link.write(&format!("{}.thinlto.bc", odd.last()), "");
        odd.link.backend(&[]).succeeded();
        odd.same_as_clang(odd.last(), &native(odd.last()));
    }
    let link = fat();
    link.thin_link(&ORIGINALS, &["--fat-lto-objects"]);
    link.write("two/x.o.thinlto.bc", "");
    link.backend(&[]).succeeded();
    let modules = ORIGINALS.map(|name| (name.to_owned(), name)).to_vec();
    Odd { link, modules }.same_as_clang("two/x.o", &native("two/x.o"));
}

#[test]
fn assembly_of_a_member_that_imports_nothing() {
    let odd = Odd::regular();
    let id = odd.last();
    odd.link.thinfarm(&["backend", "--suffix", ".s", id, "--", "-O2", "-S"]).succeeded();
    assert!(odd.link.read(&format!("{id}.s")) == odd.expected(id, &["-S"]), "not clang's assembly");
}

#[test]
fn clangs_own_action_cannot_import_from_a_member() {
    let odd = Odd::regular();
    let said = odd.link.adds_only(&[], || odd.link.thinfarm(&["backend", "shape.o", "--", "-O2", "-S"]));
    let said = said.failed_on("shape.o", &["r.a(x.o at "], &[]);
    assert!(said.stderr.contains("-S is done by clang's own action"), "{said}");
}

#[test]
fn verification_knows_members_and_fat_objects() {
    let fat = fat();
    archive(&fat, "qc", "lib/fat.a", &["one/x.o", "two/x.o"]);
    for odd in [Odd::regular(), Odd::thin(), Odd::linked(fat, "lib/fat.a", &["--fat-lto-objects"])] {
        let natives: Vec<String> = odd.modules.iter().map(|(id, _)| native(id)).collect();
        let added: Vec<&str> = natives.iter().map(String::as_str).collect();
        let said = odd.link.adds_only(&added, || odd.verified()).succeeded();
        assert!(said.stderr.contains("3 identical of 3"), "{said}");
    }
}

/// A clang that damages what it writes, wherever it is run: thinfarm's objects stay, clang's are kept.
#[test]
fn verification_of_members_finds_a_difference() {
    let odd = Odd::regular();
    let script = format!(
        "#!/bin/sh\n'{clang}' \"$@\" || exit\n\
         for word; do [ \"$last\" = -o ] && object=$word; last=$word; done\n\
         [ -z \"$object\" ] || printf damage >>\"$object\"\n",
        clang = llvm_tool("clang").display()
    );
    odd.link.write("damaging-clang", script);
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(odd.link.path("damaging-clang"), executable).expect("a script to run");
    let said = odd.link.backend(&["--verify-with", "./damaging-clang"]);
    assert!(said.stderr.contains("0 identical of 3"), "{said}");
    let object = native(odd.last());
    assert!(odd.link.read(&format!("{object}.clang")).ends_with(b"damage"));
    said.failed_on(&object, &["differ"], &[]);
    odd.same_as_clang(odd.last(), &object);
}

#[test]
fn verification_says_which_path_it_cannot_show_to_clang() {
    let link = parts(&[]);
    archive(&link, "qc", "lib/r.a", &["one/x.o", "two/x.o"]);
    let path = link.path("lib/r.a");
    let odd = Odd::linked(link, path.to_str().expect("a path in UTF-8"), &[]);
    odd.verified().failed_on("lib/r.a(x.o at ", &["only if the path is relative"], &[]);
    odd.link.backend(&[]).succeeded();
}

/// The long jobs must not start last, whatever kind of thing their module is.
#[test]
fn the_largest_member_is_compiled_first() {
    for odd in [Odd::regular(), Odd::thin()] {
        let said = odd.link.backend(&["-v", "-j", "1"]).succeeded();
        let (largest, _) =
            odd.modules.iter().max_by_key(|(_, file)| odd.link.read(file).len()).expect("modules");
        assert!(said.stderr.contains(&format!("[1/3] {largest} ")), "{said}");
    }
}
