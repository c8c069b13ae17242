//! kill -9 at random moments, under load: nothing acknowledged is lost, nothing is stored twice.

use std::time::Duration;

use eventpipeline::ledger::Told;
use testbed::traffic::Traffic;
use testbed::{Options, Pipeline};

/// Kills of the API or of a worker.
const KILLS: u32 = 32;

/// A random number below `below`.
fn chance(below: u64) -> u64 {
    u64::from(getrandom::u32().unwrap()) % below
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_stored_twice_across_32_kills_of_api_and_workers_under_load() {
    let mut pipeline = Pipeline::start(Options { workers: 2, ..Options::default() }).await;
    let traffic = Traffic::start(&pipeline.sender(), "kills", 50);
    let mut killed = [0u32; 2];
    for _ in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(200 + chance(900))).await;
        let processes = &mut pipeline.processes;
        let victim = match chance(3) {
            0 => &mut processes.apis[0],
            n => &mut processes.workers[usize::try_from(n - 1).unwrap()],
        };
        killed[usize::from(victim.spec.name.starts_with("worker"))] += 1;
        victim.kill9();
        victim.start_again().expect("starts again");
    }
    let ledger = traffic.end().await;
    assert!(
        ledger.count(Told::Acknowledged) > 5_000,
        "only {} events got through",
        ledger.count(Told::Acknowledged)
    );
    let verdict = pipeline.prove(&ledger).await;
    println!(
        "{} kills of the API, {} of workers; {} acknowledged events, each stored once; {} dead letters",
        killed[0], killed[1], verdict.acknowledged, verdict.dead
    );
    pipeline.stop().await;
}
