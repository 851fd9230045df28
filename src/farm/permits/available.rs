//! How much memory there is for this process, as the kernel tells it: of the machine, and of the control groups
//! that containers, `systemd-run` and batch systems put a process in.

use std::fs;
use std::path::Path;

use nix::sys::sysinfo::sysinfo;

/// Memory that this process may use, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    /// In all.
    pub(super) total: u64,
    /// What nobody uses now.
    pub(super) available: u64,
}

/// What is known of memory now; without bounds where the kernel does not tell.
pub(super) fn now() -> Memory {
    let memory = below(Path::new("/"));
    // Without /proc the kernel tells no more than how much there is.
    let of_machine = sysinfo().map_or(u64::MAX, |machine| machine.ram_total());
    Memory { total: memory.total.min(of_machine), ..memory }
}

/// As [`now`], for the kernel whose files are below `root`.
fn below(root: &Path) -> Memory {
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
    let machine = read("proc/meminfo");
    let kib = |name| field(&machine, name).map_or(u64::MAX, |kib| kib.saturating_mul(1024));
    let mut memory = Memory { total: kib("MemTotal:"), available: kib("MemAvailable:") };
    for line in read("proc/self/cgroup").lines() {
        // Number, controllers (none in version 2), and the path of the group.
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (parts.next(), parts.next()) else { continue };
        let files = if controllers.is_empty() {
            &VERSION_2
        } else if controllers.split(',').any(|controller| controller == "memory") {
            &VERSION_1
        } else {
            continue;
        };
        // A group's bounds hold for those below it. In a container the path may be the host's, of which only
        // the mount point is there.
        let mount = root.join(files.mount);
        for group in Path::new(group.trim_start_matches('/')).ancestors() {
            memory = files.bounded(memory, &mount.join(group));
        }
    }
    memory
}

/// What the files of a control group are called.
struct Files {
    mount: &'static str,
    limits: &'static [&'static str],
    usage: &'static str,
    /// In `memory.stat`: the part of the usage that the kernel gives up when it must.
    reclaimable: &'static str,
}

const VERSION_2: Files = Files {
    mount: "sys/fs/cgroup",
    limits: &["memory.max", "memory.high"],
    usage: "memory.current",
    reclaimable: "inactive_file",
};

const VERSION_1: Files = Files {
    mount: "sys/fs/cgroup/memory",
    limits: &["memory.limit_in_bytes"],
    usage: "memory.usage_in_bytes",
    reclaimable: "total_inactive_file",
};

impl Files {
    /// `memory` within the bounds of `group`, if it has any.
    fn bounded(&self, memory: Memory, group: &Path) -> Memory {
        let read = |file: &str| fs::read_to_string(group.join(file)).ok();
        // Without a limit the file says "max", or a number beyond all memory.
        let number = |file: &&str| read(file)?.trim().parse::<u64>().ok();
        let Some(limit) = self.limits.iter().filter_map(number).min() else { return memory };
        let used = number(&self.usage).unwrap_or(0);
        let reclaimable = read("memory.stat").and_then(|text| field(&text, self.reclaimable)).unwrap_or(0);
        Memory {
            total: memory.total.min(limit),
            available: memory.available.min(limit.saturating_sub(used.saturating_sub(reclaimable))),
        }
    }
}

/// The number that follows `name` at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let mut fields = text.lines().map(|line| {
        let mut words = line.split_whitespace();
        (words.next(), words.next())
    });
    fields.find(|(first, _)| *first == Some(name)).and_then(|(_, number)| number?.parse().ok())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const GIB: u64 = 1 << 30;

    /// A kernel's files: a machine with 8 GiB, of which 6 are available, and these.
    fn kernel(files: &[(&str, &str)]) -> TempDir {
        let root = tempfile::tempdir().unwrap();
        let machine =
            [("proc/meminfo", "MemTotal:  8388608 kB\nMemFree:  99 kB\nMemAvailable:  6291456 kB\n")];
        for (path, text) in machine.iter().chain(files) {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn a_machine_without_groups() {
        let memory = below(kernel(&[]).path());
        assert_eq!(memory, Memory { total: 8 * GIB, available: 6 * GIB });
    }

    #[test]
    fn a_group_bounds_and_so_do_those_above_it() {
        let kernel = kernel(&[
            ("proc/self/cgroup", "0::/build.slice/job\n"),
            ("sys/fs/cgroup/build.slice/memory.max", "4294967296\n"),
            ("sys/fs/cgroup/build.slice/memory.high", "max\n"),
            ("sys/fs/cgroup/build.slice/memory.current", "3221225472\n"),
            ("sys/fs/cgroup/build.slice/memory.stat", "anon 1\ninactive_file 1073741824\n"),
            ("sys/fs/cgroup/build.slice/job/memory.max", "max\n"),
        ]);
        assert_eq!(below(kernel.path()), Memory { total: 4 * GIB, available: 2 * GIB });
    }

    #[test]
    fn a_group_of_version_1_seen_from_a_container() {
        let kernel = kernel(&[
            ("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/0123\n0::/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "2147483648\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "1073741824\n"),
            ("sys/fs/cgroup/memory/memory.stat", "inactive_file 7\ntotal_inactive_file 0\n"),
        ]);
        assert_eq!(below(kernel.path()), Memory { total: 2 * GIB, available: GIB });
    }

    #[test]
    fn nothing_is_known_without_a_kernel_that_tells() {
        let nothing = tempfile::tempdir().unwrap();
        assert_eq!(below(nothing.path()), Memory { total: u64::MAX, available: u64::MAX });
    }
}
