//! Diagnosis: what the library decides, and why, on standard error for who asks for it (`--log`, `THINFARM_LOG`).

use std::io;

use clap::Args;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::fmt::time::uptime;

use super::print;

/// What says how much is told.
const VARIABLE: &str = "THINFARM_LOG";

/// The argument of every subcommand that compiles a link.
#[derive(Debug, Args)]
pub(super) struct LogArgs {
    /// Print on standard error what is decided and why. FILTER is debug, for example, or for some parts only
    /// thinfarm::farm=debug,thinfarm::plan=debug.
    #[arg(long, value_name = "FILTER", value_parser = checked, env = VARIABLE, hide_env_values = true)]
    log: Option<String>,
}

impl LogArgs {
    /// Begins to tell, if somebody wants that.
    pub(super) fn start(&self) {
        if let Some(Ok(filter)) = self.log.as_deref().filter(|filter| !filter.is_empty()).map(parsed) {
            start(filter);
        }
    }
}

/// Begins to tell what the environment asks for: in a command whose arguments are all somebody else's.
pub(super) fn start_of_environment() {
    match std::env::var(VARIABLE).as_deref().unwrap_or_default() {
        "" => {}
        filter => match parsed(filter) {
            Ok(filter) => start(filter),
            Err(error) => print::warning(&format_args!("{VARIABLE}={filter}: {error}; nothing is logged")),
        },
    }
}

fn checked(filter: &str) -> Result<String, String> {
    parsed(filter).map(|_| filter.to_owned())
}

fn parsed(filter: &str) -> Result<EnvFilter, String> {
    EnvFilter::try_new(filter).map_err(|error| error.to_string())
}

fn start(filter: EnvFilter) {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Whole)
        .with_ansi(false)
        .with_timer(uptime())
        .with_span_events(FmtSpan::CLOSE)
        .finish();
    // There is none yet.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Writes each line in one piece, by the way of all diagnostics.
struct Whole;

impl io::Write for Whole {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        print::log(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Whole {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}
