//! `make e2e`: what must be seen of the operator on a real cluster, asserted one by one. It installs by helm, applies by
//! kubectl, sends to a port of the node, and asks the stores themselves.
//!
//! One file a scenario, in the order in which they run; each takes the pipeline as the one before left it.

mod away;
mod changes;
mod cluster;
mod deletion;
mod error;
mod events;
mod exchanged;
mod facts;
mod faults;
mod figures;
mod forward;
mod load;
mod lost;
mod mistakes;
mod mongo;
mod namespaced;
mod operator;
mod outside;
mod pipeline;
mod ready;
mod report;
mod rules;
mod scaling;
mod sleep;
mod steady;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use cluster::Cluster;
use error::{Error, Result};
use report::Report;
use world::World;

/// What must be seen of the operator on a real cluster. `make e2e` starts a cluster and runs this; on a cluster of your
/// own (KUBECONFIG) it makes and deletes the namespaces eventpipeline-system, e2e, e2e-asleep, e2e-interrupted,
/// e2e-mistakes, e2e-many, e2e-rules and e2e-own.
#[derive(Parser, Debug)]
#[command(name = "e2e", version)]
pub struct Options {
    /// The operator's chart.
    #[arg(long, default_value = "charts/eventpipeline")]
    pub chart: PathBuf,
    /// Values of the chart: the images. May be given several times.
    #[arg(long, default_value = "charts/eventpipeline/ci/e2e-values.yaml")]
    pub values: Vec<PathBuf>,
    /// The manifest of the pipeline under test.
    #[arg(long, default_value = "examples/e2e.yaml")]
    pub example: PathBuf,
    /// Where the pipeline's API answers; by default the example's port of the node, on 127.0.0.1.
    #[arg(long)]
    pub api: Option<String>,
    /// Where its console answers; by default the example's port of the node, on 127.0.0.1.
    #[arg(long)]
    pub console: Option<String>,
    /// Only these scenarios, and `ready`, which the others need.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<Scenario>,
}

/// A scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Events in, each stored once, and read back.
    Events,
    /// Workers follow a backlog up and down.
    Scaling,
    /// No workers while nothing comes; woken, set by hand, tried dry.
    Sleep,
    /// Operator, worker and API killed.
    Faults,
    /// What people get wrong, and what they are told.
    Mistakes,
    /// Nothing is written while nothing happens.
    Steady,
    /// Deletion, and what it leaves.
    Deletion,
    /// The definition's rules on the API server. The operator is uninstalled before.
    Rules,
    /// An operator of one namespace, a pipeline behind network policies. The operator of all is uninstalled before.
    Namespaced,
    /// What the operator costs; only when it is asked for, since it takes some minutes.
    Figures,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    // On the heap: it holds the futures of all scenarios.
    match Box::pin(run(&options)).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

async fn run(options: &Options) -> Result<bool> {
    for path in options.values.iter().chain([&options.chart, &options.example]) {
        let missing =
            || Error::Otherwise(format!("{} is not there; run this in the root of the tree", path.display()));
        path.exists().then_some(()).ok_or_else(missing)?;
    }
    // kube takes whatever provider is installed; there is one for all.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cluster = Cluster::connect().await?;
    let mut world = World::new(cluster.clone(), options)?;
    world.clear().await?;
    let mut report = Report::new(cluster);
    let wanted = |scenario| options.only.is_empty() || options.only.contains(&scenario);

    if ready::run(&world, &mut report).await {
        if wanted(Scenario::Events) {
            events::run(&mut world, &mut report).await;
        }
        if wanted(Scenario::Scaling) {
            scaling::run(&mut world, &mut report).await;
        }
        if wanted(Scenario::Sleep) {
            sleep::run(&mut world, &mut report).await;
        }
        if wanted(Scenario::Faults) {
            faults::run(&mut world, &mut report).await;
        }
        if wanted(Scenario::Mistakes) {
            mistakes::run(&world, &mut report).await;
        }
        if wanted(Scenario::Steady) {
            steady::run(&world, &mut report).await;
        }
        let what = "the namespaces of the other pipelines went with all that was in them";
        report.check(what, world.left_are_gone()).await;
        if options.only.contains(&Scenario::Figures) {
            figures::run(&world, &mut report).await;
        }
        if wanted(Scenario::Deletion) {
            deletion::run(&mut world, &mut report).await;
        }
        if wanted(Scenario::Rules) {
            rules::run(&world, &mut report).await;
        }
        if wanted(Scenario::Namespaced) {
            namespaced::run(&world, &mut report).await;
        }
    } else {
        println!("\nthe pipeline is not Ready: what needs it was not looked at");
    }
    Ok(report.close())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Options::command().debug_assert();
        let options = Options::parse_from(["e2e", "--only", "events,steady"]);
        assert_eq!(options.only, [Scenario::Events, Scenario::Steady]);
        assert_eq!(options.values.len(), 1);
    }
}
