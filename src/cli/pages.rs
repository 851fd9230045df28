//! Shell completions and man pages, generated from the definition of the command line.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, ld, print};

/// Print a completion script for a shell.
///
/// For example: thinfarm completions bash > /etc/bash_completion.d/thinfarm
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell to complete in.
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> ExitCode {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "thinfarm", &mut script);
        print::answer(&String::from_utf8_lossy(&script))
    }
}

/// Write the man pages: thinfarm(1), one for each command, and ld.thinfarm(1).
///
/// For example: thinfarm man /usr/local/share/man/man1
#[derive(Debug, Args)]
pub(super) struct Man {
    /// The directory to write to; it is created if needed.
    directory: PathBuf,
}

impl Man {
    pub(super) fn run(&self) -> ExitCode {
        let written = fs::create_dir_all(&self.directory)
            .and_then(|()| clap_mangen::generate_to(Cli::command(), &self.directory))
            .and_then(|()| clap_mangen::generate_to(ld::command(), &self.directory));
        match written {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                let directory = self.directory.display();
                print::error(&format!("cannot write man pages to {directory}: {error}"));
                ExitCode::FAILURE
            }
        }
    }
}
