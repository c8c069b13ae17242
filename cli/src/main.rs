//! The command line. Exit codes: 0 done, 1 did not work or did not hold, 2 wrong use.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use eventpipeline::{check, dev, load, reference, scale, status};

/// `EventPipeline`: events in, each stored once.
#[derive(Parser)]
#[command(name = "eventpipeline", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a pipeline on this machine, without Docker.
    Dev(dev::Options),
    /// Send events at a given rate and prove that each acknowledged one is stored.
    Load(load::Options),
    /// Show health, lag, workers and dead letters.
    Status(status::Options),
    /// The autoscaler: its last decision explained, or what it would decide.
    Scale(scale::Options),
    /// Stop the pipeline that runs on a data folder.
    Stop {
        /// Its data.
        #[arg(long, default_value = ".eventpipeline")]
        data: PathBuf,
    },
    /// Forget a data folder: events, keys, people, secrets.
    Reset {
        /// Its data.
        #[arg(long, default_value = ".eventpipeline")]
        data: PathBuf,
    },
    /// Print the version.
    Version,
    /// Print this reference in Markdown.
    #[command(hide = true)]
    Reference,
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    service::lifecycle::install_tls_provider();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(async {
        match command {
            Command::Dev(options) if options.check => Box::pin(check::command(&options)).await,
            Command::Dev(options) => Box::pin(dev::command(&options)).await.map(|()| true),
            Command::Load(options) => load::command(options).await,
            Command::Status(options) => status::command(options).await,
            Command::Scale(options) => scale::command(&options).await.map(|()| true),
            Command::Stop { data } => dev::stop(&data).await.map(|()| true),
            Command::Reset { data } => dev::reset(&data).await.map(|()| true),
            Command::Reference => {
                println!("{}", reference::page(Cli::command()));
                Ok(true)
            }
            Command::Version => {
                println!("eventpipeline {}", env!("CARGO_PKG_VERSION"));
                Ok(true)
            }
        }
    });
    // All is done and told. Dropping the runtime would cancel what MongoDB's driver still does in the background, task by
    // task, and a task of it that waits for another panics when that one is cancelled (mongodb 3.9: `AsyncJoinHandle`,
    // `ConnectionRequester`): a message about nothing, after killed stores. The process ends instead, and all with it.
    std::mem::forget(runtime);
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}
