//! The makefiles for the Linux kernel, in a tree that has of kbuild only what they use. `make test-kernel` has
//! them in real kernels.

use std::process::Command;

use crate::fixture::{Link, NATIVE, Said, alone, llvm_tool, run, thinfarm_path};

/// The flags each module is compiled with; a `.cmd` file tells of them.
const FLAGS: &str = "-O2 -fPIC -ffunction-sections";

/// What kbuild's makefiles define, as far as the printed ones use it, in fewer words.
const KBUILD_INCLUDE: &str = "\
cmd = @set -e; $(if $(quiet),echo '  $(quiet_cmd_$(1))',echo 'cmd_$(1)'); $(cmd_$(1))
cmd_and_savecmd = $(cmd); printf '%s\\n' 'savedcmd_$@ := $(subst $$,$$$$,$(subst ','\\'',$(cmd_$(1))))' > .$@.cmd
if_changed_rule = $(if $(filter-out FORCE,$?)$(filter-out $(savedcmd_$@),$(cmd_$(1))),$(rule_$(1)),@:)
";

/// The kernel's link of vmlinux.o, which would leave no native object.
const VMLINUX_O: &str = "\
include include/config/auto.conf
include Kbuild.include
initcalls-lds :=
quiet_cmd_ld_vmlinux.o = LD      $@
cmd_ld_vmlinux.o = $(LD) -r -o $@ --whole-archive vmlinux.a
cmd_gen_objtooldep = :
rule_ld_vmlinux.o = $(call cmd_and_savecmd,ld_vmlinux.o)
vmlinux.o: vmlinux.a libs.a FORCE
\t$(call if_changed_rule,ld_vmlinux.o)
FORCE:
-include .vmlinux.o.cmd
";

/// Modules with their `.cmd` files, and what kbuild has around them.
fn tree() -> Link {
    let link = Link::sources();
    let modules = link.compile_into("", &FLAGS.split(' ').collect::<Vec<_>>(), &[]);
    link.thin_link(&modules, &[]);
    for module in &modules {
        let saved = format!(
            "savedcmd_{module} := clang {FLAGS} -c -o {module} x.c\n\nsaved_c_flags_{module} := {FLAGS}\n"
        );
        link.write(&format!(".{module}.cmd"), saved);
    }
    std::fs::create_dir_all(link.path("include/config")).unwrap();
    std::fs::create_dir_all(link.path("scripts")).unwrap();
    link.write("include/config/auto.conf", "CONFIG_LTO_CLANG_THIN=y\n");
    link.write("scripts/Kbuild.include", KBUILD_INCLUDE);
    link.write("Kbuild.include", KBUILD_INCLUDE);
    link.write("Makefile.vmlinux_o", VMLINUX_O);
    link
}

/// What `thinfarm kbuild WHICH` prints, as a file of the tree.
fn print(link: &Link, which: &str, name: &str) {
    link.write(name, link.thinfarm(&["kbuild", which]).succeeded().stdout);
}

/// make, with what kbuild exports.
fn make(link: &Link, file: &str) -> Command {
    let mut make = link.command("make");
    alone(&mut make);
    make.args(["-f", file, "-j2"])
        .arg(format!("THINFARM={}", thinfarm_path().display()))
        .arg(format!("LD={}", llvm_tool("ld.lld").display()))
        .arg(format!("AR={}", llvm_tool("llvm-ar").display()))
        .args(["srctree=.", "KBUILD_VMLINUX_LIBS=libs.a"])
        .env("quiet", "quiet_");
    make
}

fn dist(link: &Link) -> Command {
    make(link, "Makefile.thinlto")
}

fn overlaid(link: &Link) -> Command {
    let mut make = make(link, "Makefile.vmlinux_o");
    make.env("MAKEFILES", link.path("thinfarm.mk"));
    make
}

/// A tree for the makefile of CONFIG_LTO_CLANG_THIN_DIST.
fn dist_tree() -> Link {
    let link = tree();
    std::fs::rename(link.path("list"), link.path("vmlinux.thinlto-index")).unwrap();
    print(&link, "makefile", "Makefile.thinlto");
    link
}

/// A tree for the overlay: one module is in a library, and so is one that nothing needs.
fn overlay_tree() -> Link {
    let link = tree();
    print(&link, "overlay", "thinfarm.mk");
    for (archive, members) in [("vmlinux.a", vec!["shape.o"]), ("libs.a", vec!["names.o", "area.o"])] {
        run(link.command(llvm_tool("llvm-ar")).arg("cDPrST").arg(archive).args(members)).succeeded();
    }
    link
}

/// Without the `+` before a recipe's line, thinfarm says that it has no jobserver.
fn no_complaint(said: &Said) {
    assert!(!says(said, "jobserver"), "{said}");
}

fn says(said: &Said, what: &str) -> bool {
    said.stderr.contains(what) || said.stdout.contains(what)
}

#[test]
fn the_makefile_makes_every_object_and_then_none() {
    let link = dist_tree();
    let said = run(&mut dist(&link)).succeeded();
    no_complaint(&said);
    assert!(says(&said, "THINLTO vmlinux.thinlto-index") && says(&said, "3 objects"), "{said}");
    let object = link.read(&format!("shape{NATIVE}"));
    assert!(object.starts_with(b"\x7fELF"));

    let said = run(&mut dist(&link)).succeeded();
    assert!(says(&said, "3 up to date"), "{said}");
    assert!(!says(&said, "names.o"), "nothing is told of each object without V=1: {said}");
}

#[test]
fn the_makefile_tells_of_each_object_when_verbose() {
    let link = dist_tree();
    let said = run(dist(&link).env("quiet", "")).succeeded();
    assert!(says(&said, "names.o"), "{said}");
}

#[test]
fn make_fails_and_the_module_is_named() {
    let link = dist_tree();
    link.write("area.o.thinlto.bc", "BC damaged");
    let said = run(&mut dist(&link));
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.stderr.contains("area.o"), "{said}");
}

#[test]
fn the_overlay_links_native_objects_of_what_is_needed() {
    let link = overlay_tree();
    let said = run(&mut overlaid(&link)).succeeded();
    no_complaint(&said);
    assert!(says(&said, "2 objects"), "names.o is a library's and nothing needs it: {said}");
    let natives = String::from_utf8(link.read(".tmp_thinlto/objects")).unwrap();
    assert_eq!(natives, format!(".tmp_thinlto/shape{NATIVE}\n.tmp_thinlto/area{NATIVE}\n"));
    assert!(link.read("vmlinux.o").starts_with(b"\x7fELF"));

    let said = run(&mut overlaid(&link)).succeeded();
    assert!(!says(&said, "LD      vmlinux.o"), "made again though nothing changed: {said}");
    // V=1 is not another command.
    let said = run(overlaid(&link).env("quiet", "")).succeeded();
    assert!(!says(&said, "cmd_ld_vmlinux.o"), "made again because of V=1: {said}");
}

/// With CONFIG_MODULES, libraries are part of vmlinux.a.
#[test]
fn the_overlay_needs_no_libraries() {
    let link = overlay_tree();
    run(link.command(llvm_tool("llvm-ar")).args(["qDPST", "vmlinux.a", "names.o", "area.o"])).succeeded();
    let said = run(overlaid(&link).arg("KBUILD_VMLINUX_LIBS=")).succeeded();
    assert!(says(&said, "3 objects"), "{said}");
    assert!(link.read("vmlinux.o").starts_with(b"\x7fELF"));
}

#[test]
fn the_overlay_is_for_kernels_with_thinlto() {
    let link = overlay_tree();
    link.write("include/config/auto.conf", "");
    let said = run(&mut overlaid(&link));
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.stderr.contains("no CONFIG_LTO_CLANG_THIN"), "{said}");
}
