//! The command line: one file per subcommand, each short: parse, call the library, print.

mod backend;
mod cache;
mod cache_args;
mod cc;
mod crash;
mod doctor;
mod dtlto;
mod explain;
mod jobs;
mod kbuild;
mod ld;
mod log;
mod made_by;
mod option_args;
mod pages;
mod print;
mod progress;
mod response;
mod run_args;
mod signals;
mod telling;
mod trust;
mod worker;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// Runs the ThinLTO backends of a link in one process, each file with its own codegen options.
#[derive(Debug, Parser)]
#[command(name = "thinfarm", version, long_version = long_version(), max_term_width = 100)]
#[command(after_help = "\
Exit status: 0 if everything asked for was made, 1 if something was not, 2 for a wrong command line.
`thinfarm help COMMAND` has examples.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Backend(Box<backend::Backend>),
    Cc(cc::Cc),
    Dtlto(dtlto::Dtlto),
    Explain(explain::Explain),
    Kbuild(kbuild::Kbuild),
    Cache(cache::Cache),
    Doctor(doctor::Doctor),
    Completions(pages::Completions),
    Man(pages::Man),
}

fn long_version() -> String {
    format!("{}\n{}", env!("CARGO_PKG_VERSION"), llvm_build::clang_version())
}

/// The `thinfarm` program.
pub fn main() -> ExitCode {
    crash::prepare(ld::is_called());
    if let Some(code) = ld::run_if_called() {
        return code;
    }
    // Not a command for people: no help, page or completion knows it.
    if std::env::args_os().nth(1).is_some_and(|command| command == "worker") {
        return worker::run();
    }
    let cli = match parse() {
        Ok(cli) => cli,
        // clap's error knows its status: 0 for --help, 2 for a wrong command line.
        Err(error) => error.exit(),
    };
    match cli.command {
        Command::Backend(backend) => backend.run(),
        Command::Cc(cc) => cc.run(),
        Command::Dtlto(dtlto) => dtlto.run(),
        Command::Explain(explain) => explain.run(),
        Command::Kbuild(kbuild) => kbuild.run(),
        Command::Cache(cache) => cache.run(),
        Command::Doctor(doctor) => doctor.run(),
        Command::Completions(completions) => completions.run(),
        Command::Man(man) => man.run(),
    }
}

fn parse() -> Result<Cli, clap::Error> {
    let args = response::expand(std::env::args_os())
        .map_err(|error| Cli::command().error(clap::error::ErrorKind::Io, error))?;
    Cli::from_arg_matches(&Cli::command().try_get_matches_from(args)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
