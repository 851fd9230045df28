//! Boots the kernel under qemu with an initramfs of one program, and looks for that program's message.

use std::fs;

use anyhow::{Result, ensure};
use thinfarm_corpora::{Invocation, Toolchain};
use thinfarm_kernel_test::tree::Build;

const MESSAGE: &str = "thinfarm: this kernel runs";
/// It takes a few seconds; without KVM on a busy machine, a while.
const SECONDS: u32 = 120;

/// Boots `bzImage` of `build`.
pub fn boot(build: &Build, toolchain: &Toolchain) -> Result<()> {
    let dir = build.dir.with_file_name("boot");
    fs::create_dir_all(&dir)?;
    fs::write(dir.join("init.c"), include_str!("init.c"))?;
    Invocation::new(&toolchain.clang, &dir)
        .args([
            "--target=x86_64-linux-gnu",
            "-Os",
            "-ffreestanding",
            "-fno-stack-protector",
            "-nostdlib",
            "-static",
        ])
        .arg(format!("--ld-path={}", toolchain.lld.display()))
        .arg(format!("-DMESSAGE=\"{MESSAGE}\""))
        .args(["-o", "init", "init.c"])
        .capture()?;
    fs::write(
        dir.join("files"),
        "dir /dev 0755 0 0\nnod /dev/console 0600 0 0 c 5 1\nfile /init init 0755 0 0\n",
    )?;
    // The kernel's own tool, which its build has made.
    let archive = Invocation::new(build.dir.join("usr/gen_init_cpio"), &dir).arg("files").capture()?.stdout;
    fs::write(dir.join("initramfs.cpio"), archive)?;

    let console = Invocation::new("timeout", &dir)
        .arg(SECONDS.to_string())
        .args(["qemu-system-x86_64", "-nographic", "-no-reboot", "-m", "128", "-nic", "none"])
        .arg("-kernel")
        .arg(build.dir.join("arch/x86/boot/bzImage"))
        .args(["-initrd", "initramfs.cpio", "-append", "console=ttyS0 panic=-1"])
        .capture()?
        .stdout;
    let console = String::from_utf8_lossy(&console);
    ensure!(
        console.lines().any(|line| line.trim_end() == MESSAGE),
        "the kernel booted without saying `{MESSAGE}`; its console said:\n{console}"
    );
    println!("  booted under qemu: `{MESSAGE}`");
    Ok(())
}
