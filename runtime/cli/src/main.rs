//! The binary `shardmill`: arguments and environment come in, one verb runs, an exit code goes out. Data is on standard
//! output and everything else on standard error; a failure is one sentence there, with a hint when there is one.

mod arguments;
mod batches;
mod cache;
mod client;
mod dev;
mod failure;
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
use tracing_subscriber::EnvFilter;

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::output::Output;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
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

/// `SHARDMILL_LOG` takes the filters of tracing, for example `debug` or `dispatch=trace`.
fn log_to_stderr() {
    let filter =
        EnvFilter::try_from_env("SHARDMILL_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(output::is_coloured())
        .init();
}
