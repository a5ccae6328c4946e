//! The binary `shardmill`: arguments and environment come in, one verb runs, an exit code goes out. Data is on standard
//! output and everything else on standard error; a failure is one sentence there, with a hint when there is one.

mod arguments;
mod batches;
mod bundles;
mod cache;
mod client;
mod crash_arguments;
mod dev;
mod failure;
mod layout;
mod limits;
mod moment;
mod output;
mod progress;
mod project;
mod records;
mod run;
mod sdk;
mod server;
mod servers;
mod up;
mod verbs;
mod waiting;
mod web_arguments;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::output::Output;

fn main() -> ExitCode {
    let words = arguments::spelled(std::env::args_os().collect());
    let arguments = match Arguments::try_parse_from(words) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version go to standard output and are no failure; clap knows which is which.
            let _unread = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let output = Output {
        format: arguments.shared.output,
    };
    log_to_stderr();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(run::run(arguments, output)),
        Err(error) => Err(Failure::failed(format!("start: {error}"))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            failure.exit.into()
        }
    }
}

/// `SHARDMILL_LOG` takes levels of all and of targets, for example `debug` or `info,shardmill_dispatch=trace`.
#[expect(
    clippy::disallowed_methods,
    reason = "only the command line reads the environment"
)]
fn log_to_stderr() {
    let asked = std::env::var("SHARDMILL_LOG").ok();
    let asked: Option<Targets> = asked.and_then(|levels| levels.parse().ok());
    let levels = asked.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(output::is_coloured());
    tracing_subscriber::registry()
        .with(levels)
        .with(lines)
        .init();
}
