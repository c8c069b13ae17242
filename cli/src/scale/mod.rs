//! `eventpipeline scale`: the autoscaler's decisions, made of a recorded trace or explained.

mod explain;
mod replay;

use clap::{Args, Subcommand};

pub use explain::Explain;
pub use replay::{Output, Replay};

/// What to do with the autoscaler.
#[derive(Args, Clone, Debug)]
pub struct Options {
    #[command(subcommand)]
    command: ScaleCommand,
}

#[derive(Subcommand, Clone, Debug)]
enum ScaleCommand {
    /// Read one observation a line from stdin and print one decision a line.
    #[command(after_help = replay::FORMAT)]
    Replay(Replay),
    /// Tell the last decision of a pipeline: what was seen, what that asks for, what limited it.
    Explain(Explain),
}

/// Runs it on this process's streams.
pub async fn command(options: &Options) -> Result<(), String> {
    match &options.command {
        ScaleCommand::Replay(replay) => {
            replay.run(&mut std::io::stdin().lock(), &mut std::io::stdout().lock(), &mut std::io::stderr())
        }
        ScaleCommand::Explain(explain) => {
            print!("{}", explain.text().await?);
            Ok(())
        }
    }
}
