//! `make bench`: one table of what API, worker and the whole take, each beside a limit or a peer that was measured in the
//! same run: redis-benchmark on the same Redis, inserts past the worker into the same store. Needs the release binaries.
//!
//! Everything shares the machine's cores, the sender too, so events/s say how the whole shares them; CPU an event is
//! the figure that carries over. `bench NAME…` measures only the sections of these names.
//!
//! Each section is a process of its own, so that one's memory and CPU are not the next one's, and so that those with a
//! double of MongoDB find its programs on PATH and the others do not.

mod api;
mod frames;
mod host;
mod node;
mod peers;
mod sender;
mod table;
mod whole;
mod worker;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

type Failure = Box<dyn std::error::Error>;

/// The sections, in the order of the table, and whether they need the double.
const SECTIONS: &[(&str, bool)] = &[
    ("api-1", false),
    ("api-10", false),
    ("api-100", false),
    ("api-500", false),
    ("worker-noop", false),
    ("worker-double", true),
    ("worker-store", false),
    ("whole", true),
];
/// No section takes longer, whatever the machine; on two quiet cores all of them together take three minutes.
const SECTION_MAX: Duration = Duration::from_secs(100);
/// Of every pipeline: a Redis that holds a section's frames.
const SPEC: &str = "{redis: {memory: 6Gi, storageSize: 12Gi}}";
/// The argument that says "you are one section".
const ONE: &str = "--section";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match &arguments[..] {
        [one, name] if one == ONE => section(name).await,
        names => sections(names),
    };
    if let Err(error) = done {
        eprintln!("bench: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Prints the table: each section's rows as they come, then what is to be said beside them.
fn sections(names: &[String]) -> Result<(), Failure> {
    println!("{}\n\n{}", host::machine(), table::head());
    let double = double()?;
    let (mut notes, mut failed) = (Vec::new(), Vec::new());
    let wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    for (name, needs_double) in SECTIONS.iter().filter(|(name, _)| wanted(name)) {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([ONE, name]).stdout(Stdio::piped());
        if *needs_double {
            let path = std::env::var("PATH").unwrap_or_default();
            command.env("PATH", format!("{}:{path}", double.path().display()));
        }
        let mut child = command.spawn()?;
        for line in BufReader::new(child.stdout.take().ok_or("no standard output")?).lines() {
            let line = line?;
            match &line {
                row if row.starts_with('|') => println!("{row}"),
                note if note.starts_with("- ") => notes.push(line),
                // What the parts say while they start.
                _ => (),
            }
        }
        if !child.wait()?.success() {
            failed.push(*name);
        }
    }
    println!("\n{}", notes.join("\n"));
    if failed.is_empty() { Ok(()) } else { Err(format!("not measured: {}", failed.join(", ")).into()) }
}

async fn section(name: &str) -> Result<(), Failure> {
    let measured = async {
        match name {
            "api-1" => Box::pin(api::run(1, 128)).await,
            "api-10" => Box::pin(api::run(10, 64)).await,
            "api-100" => Box::pin(api::run(100, 16)).await,
            "api-500" => Box::pin(api::run(500, 8)).await,
            "worker-noop" => Box::pin(worker::noop()).await,
            "worker-double" => Box::pin(worker::storing("the double", worker::DOUBLE_EVENTS)).await,
            "worker-store" => Box::pin(worker::storing("", worker::STORE_EVENTS)).await,
            "whole" => Box::pin(whole::run()).await,
            _ => Err(format!("there is no section {name}").into()),
        }
    };
    match tokio::time::timeout(SECTION_MAX, measured).await {
        Ok(done) => done.map_err(|error| format!("{name}: {error}").into()),
        Err(_) => Err(format!("{name} was not done within {} s", SECTION_MAX.as_secs()).into()),
    }
}

/// A folder with the double's programs, to stand first on PATH.
fn double() -> Result<tempfile::TempDir, Failure> {
    let folder = tempfile::tempdir()?;
    for name in ["mongod", "mongos"] {
        let program = local::beside(name).ok_or("mongod and mongos of crates/mongo-double are not built")?;
        symlink(program, folder.path().join(name))?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_manifest_of_the_pipelines_is_good() {
        let text = format!(
            "apiVersion: eventpipeline.dev/v1alpha1\nkind: EventPipeline\nmetadata: {{name: bench}}\nspec: {}\n",
            super::SPEC
        );
        eventpipeline::manifest::Manifest::parse(&text).unwrap();
    }
}
