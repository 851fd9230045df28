//! How many jobs run at once: `-j`, the jobserver of a `make` that runs this program, and the other thinfarm
//! processes of the machine.

use std::env;
use std::num::NonZero;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use llvm_build::executed_path;

use super::{print, trust};
use crate::farm::{Farm, Jobserver, MachineShare, ShareError, available_cores, default_memory_budget};

/// The arguments that bound what runs at once, the same for every subcommand that compiles.
#[derive(Debug, Default, Args)]
pub(super) struct JobArgs {
    /// The most jobs to run at once. The jobserver of `make -j`, or other thinfarm processes, may leave fewer
    /// [default: the cores this process may use].
    #[arg(short, long, value_name = "N")]
    pub(super) jobs: Option<NonZero<usize>>,
    #[command(flatten)]
    pub(super) share: ShareArgs,
}

/// The arguments that say how the machine is shared.
#[derive(Debug, Default, Args)]
pub(super) struct ShareArgs {
    /// With whom to share cores and memory where there is no jobserver. auto: with the thinfarm processes of this
    /// user. DIRECTORY, an absolute path: with those that are given the same one; THINFARM_TRUST names it if it is
    /// another user's. off: with nobody [default: auto].
    #[arg(long, value_name = "auto|off|DIRECTORY", env = "THINFARM_MACHINE_SHARE", hide_env_values = true)]
    pub(super) machine_share: Option<Sharing>,
    /// The most memory that running jobs may claim, for example 12G. Jobs of processes that share the machine count.
    /// A job that would exceed it waits [default: 80 % of the memory that is available].
    #[arg(long, value_name = "SIZE", value_parser = size, env = "THINFARM_MEMORY_LIMIT", hide_env_values = true)]
    pub(super) memory_limit: Option<u64>,
}

/// With whom cores and memory are shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sharing {
    /// With the processes of this user.
    Auto,
    /// With nobody.
    Off,
    /// With those that meet in the same directory.
    At(PathBuf),
}

impl FromStr for Sharing {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "off" => Ok(Self::Off),
            directory if directory.starts_with('/') => Ok(Self::At(directory.into())),
            _ => Err("neither auto, nor off, nor an absolute path"),
        }
    }
}

/// Bytes; units are powers of 1024, as in make's and systemd's memory limits.
pub(super) fn size(text: &str) -> Result<u64, String> {
    match parse_size::Config::new().with_binary().parse_size(text) {
        Ok(0) => Err("no job could ever be within it".to_owned()),
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(format!("{error}; a number of bytes, or of K, M, G or T")),
    }
}

/// A farm that runs no more at once than `args`, and a make or the other thinfarm processes of the machine, let
/// it. Every front door has its farm from here. `verbose`: tell why the machine is not shared, if it is not.
///
/// Under a make that has a jobserver which it does not let this program have (no `+` in the makefile), one job
/// runs at a time, as in a make that is run by it so.
pub(super) fn farm(args: &JobArgs, verbose: bool) -> Farm {
    let threads = args.jobs.unwrap_or_else(available_cores);
    match Jobserver::inherited() {
        Ok(Some(jobserver)) => Farm::default().threads(threads).jobserver(Some(jobserver)),
        Ok(None) => Farm::default().threads(threads).machine(args.share.open_if_possible(verbose)),
        Err(reason) => {
            let threads = args.jobs.unwrap_or(NonZero::<usize>::MIN);
            print::warning(&format!(
                "jobserver unavailable: using -j{threads}. Add '+' to the line of the makefile ({reason})"
            ));
            Farm::default().threads(threads)
        }
    }
    .memory_budget(Some(args.share.memory_budget()))
    .worker_program(worker_program())
}

/// A farm for a linker: as [`farm`], but a jobserver that make does not let it have is news only if `verbose`,
/// since builds run linkers without `+`. Then it shares the machine with the other links.
pub(super) fn farm_of_linker(args: &JobArgs, verbose: bool) -> Farm {
    let farm = Farm::default().threads(args.jobs.unwrap_or_else(available_cores));
    match Jobserver::inherited() {
        Ok(Some(jobserver)) => farm.jobserver(Some(jobserver)),
        Ok(None) => farm.machine(args.share.open_if_possible(verbose)),
        Err(reason) => {
            if verbose {
                print::note(&format_args!("make's jobserver is not open to this link: {reason}"));
            }
            farm.machine(args.share.open_if_possible(verbose))
        }
    }
    .memory_budget(Some(args.share.memory_budget()))
    .worker_program(worker_program())
}

impl ShareArgs {
    /// The machine's share, or `None` if there shall be none.
    pub(super) fn open(&self) -> Result<Option<MachineShare>, ShareError> {
        match self.machine_share.as_ref().unwrap_or(&Sharing::Auto) {
            Sharing::Auto => {
                let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
                MachineShare::of_user(runtime, &env::temp_dir(), self.memory_limit).map(Some)
            }
            Sharing::At(directory) => {
                MachineShare::at(directory, self.memory_limit, &trust::of_process()).map(Some)
            }
            Sharing::Off => Ok(None),
        }
    }

    /// What the jobs of this process may claim together, bytes, where the machine is not shared.
    fn memory_budget(&self) -> u64 {
        self.memory_limit.unwrap_or_else(default_memory_budget)
    }

    /// As [`ShareArgs::open`]; a build goes on without one that cannot be had.
    fn open_if_possible(&self, verbose: bool) -> Option<MachineShare> {
        let told = |error: &ShareError| match error {
            ShareError::NotPrivate { .. } => print::warning(&not_shared(error)),
            _ if verbose => print::note(&not_shared(error)),
            _ => {}
        };
        self.open().inspect_err(told).ok().flatten()
    }
}

/// Tells if sharing the machine came to an end before the run of `farm` did.
pub(super) fn tell_of_sharing(farm: &Farm) {
    if let Some(problem) = farm.sharing_problem() {
        print::note(&not_shared(&problem));
    }
}

fn not_shared(reason: &dyn std::fmt::Display) -> String {
    format!("cores and memory are not shared with other thinfarm processes: {reason}")
}

/// This very program, even if its file was replaced since it was started; where `/proc` does not say, the file it was
/// started from, which a farm asks for its build.
fn worker_program() -> PathBuf {
    let program = PathBuf::from("/proc/self/exe");
    if program.exists() { program } else { executed_path() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_powers_of_1024() {
        assert_eq!(size("12G"), Ok(12 << 30));
        assert_eq!(size("512 MiB"), Ok(512 << 20));
        assert_eq!(size("1.5g"), Ok(3 << 29));
        assert_eq!(size("4096"), Ok(4096));
        for wrong in ["", "0", "much", "-1G", "50%"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_directory_is_not_a_word() {
        assert_eq!("auto".parse(), Ok(Sharing::Auto));
        assert_eq!("off".parse(), Ok(Sharing::Off));
        assert_eq!("/run/share".parse(), Ok(Sharing::At("/run/share".into())));
        for wrong in ["", "on", "of", "share/here"] {
            assert!(wrong.parse::<Sharing>().is_err(), "{wrong}");
        }
    }
}
