//! Workers come when a backlog grows, and go when it is drained; nothing is lost on the way.

use std::time::Duration;

use eventpipeline::ledger::{Ledger, Told};
use eventpipeline::sender::Event;
use testbed::eventually;

use crate::run::{Dev, Home};

/// Short windows: what takes minutes with the defaults takes seconds here.
const SPEC: &str = "{workers: {maxReplicas: 3, pollPeriodSeconds: 1, drainTargetSeconds: 5, maxAgeSeconds: 10, \
                    claimIdleSeconds: 2, scaleDown: {stabilizationSeconds: 2, maxPercent: 100, periodSeconds: 2}}}";
/// A worker that inserts one frame at a time and waits before each stores some 1,000 events/s.
const SLOW: [(&str, &str); 3] =
    [("SLOW_INSERTS_MS", "500"), ("INSERT_CONCURRENCY", "1"), ("BATCH_EVENTS", "512")];
/// Twice of what one such worker stores comes in each second, for ten seconds.
const EVENTS: u64 = 20_000;
const EVENTS_PER_SECOND: u64 = 2_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_brings_workers_its_end_takes_them_away_and_nothing_is_lost() {
    let home = Home::new();
    let dev = Dev::start(&home, SPEC, &SLOW).await;
    assert_eq!(dev.count("worker-"), 1, "{}", dev.terminal());
    assert!(dev.terminal().contains("workers   1 to 3, by the lag"), "{}", dev.terminal());

    let (sender, mut ledger, mut most) = (dev.sender(), Ledger::default(), 0);
    let mut due = tokio::time::interval(Duration::from_secs(1) / 4);
    for from in (0..EVENTS).step_by(500) {
        due.tick().await;
        most = most.max(dev.count("worker-"));
        let events: Vec<Event> =
            (from..from + EVENTS_PER_SECOND / 4).map(|n| Event::numbered("backlog", n)).collect();
        let (told, _) = sender.send(&events).await;
        events.iter().zip(told).for_each(|(event, told)| ledger.note(event.event_id(), told));
    }
    assert_eq!(ledger.count(Told::Acknowledged), usize::try_from(EVENTS).unwrap());
    let raised = eventually(Duration::from_secs(20), async || {
        most = most.max(dev.count("worker-"));
        most > 1
    });
    assert!(raised.await, "no worker came: {}", dev.terminal());
    dev.prove(&ledger).await;
    let lowered = eventually(Duration::from_secs(30), async || {
        most = most.max(dev.count("worker-"));
        dev.count("worker-") == 1
    });
    assert!(lowered.await, "workers stay: {}", dev.terminal());
    assert!(most <= 3, "{most} workers: {}", dev.terminal());
    dev.prove(&ledger).await;

    // Each change was told in the law's own words, and the last one leads to one worker.
    let terminal = dev.terminal();
    let changes: Vec<&str> = terminal.lines().filter(|line| line.contains(" → ")).collect();
    println!("{}", changes.join("\n"));
    // By what waits, or by what arrives, whichever a line of observation shows first.
    let why = |line: &str| line.contains(" events wait") || line.contains("/s arrive");
    assert!(changes.first().is_some_and(|line| line.starts_with("1 → ") && why(line)), "{terminal}");
    assert!(changes.last().is_some_and(|line| line.contains("→ 1 worker:")), "{terminal}");
    assert!(
        !terminal.contains("is started again"),
        "a worker that left was taken for one that fell: {terminal}"
    );
    dev.stop().await;
}
