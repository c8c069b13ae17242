//! The workers: started, counted, and told to go when there are to be fewer.

use std::time::Duration;

use local::Error;

use super::pipeline::Pipeline;

/// A worker that takes longer to say that it is ready is not.
const READY_TIMEOUT: Duration = Duration::from_millis(500);

impl Pipeline {
    /// Starts one more worker process.
    pub fn start_worker(&mut self) -> Result<(), Error> {
        let inside = self.port(0)?;
        let spec = &self.setup.manifest.spec;
        let mut env = self.common(inside);
        for (name, value) in [
            ("RETENTION_DAYS", spec.mongodb.retention_days),
            ("BATCH_EVENTS", spec.workers.batch_events),
            ("MAX_DELIVERIES", spec.workers.max_deliveries),
            ("CLAIM_IDLE_SECONDS", spec.workers.claim_idle_seconds),
            ("SHUTDOWN_SECONDS", spec.workers.drain_timeout_seconds),
        ] {
            env.push((name.to_owned(), value.to_string()));
        }
        env.extend(self.setup.worker_env.iter().cloned());
        let process = self.spawn(&self.free_name(), "eventpipeline-worker", env, inside)?;
        self.workers.push(process);
        Ok(())
    }

    /// The first name that no worker has, those included that are leaving.
    fn free_name(&self) -> String {
        let taken = |name: &String| self.workers.iter().chain(&self.leaving).any(|w| w.spec.name == *name);
        // One more name than there are workers: one of them is free.
        let most = self.workers.len() + self.leaving.len();
        (0..=most).map(|n| format!("worker-{n}")).find(|name| !taken(name)).unwrap_or_default()
    }

    /// Starts workers, or tells the newest to finish what they hold and go, until there are so many.
    pub fn scale(&mut self, workers: usize) -> Result<(), Error> {
        while self.workers.len() < workers {
            self.start_worker()?;
        }
        for mut worker in self.workers.drain(workers..).rev() {
            worker.leave();
            self.leaving.push(worker);
        }
        Ok(())
    }

    /// Lets go of workers that have left; one that takes longer than its time is killed, and others take its frames.
    /// Whether any has.
    pub fn let_go(&mut self) -> bool {
        let before = self.leaving.len();
        self.leaving.retain_mut(|worker| worker.gone().is_none());
        self.leaving.len() < before
    }

    /// How many workers say that they are ready: they have their stores, and MongoDB answers them.
    pub async fn ready_workers(&self) -> usize {
        let ask = |port: u16| {
            let request = self.http.get(format!("http://127.0.0.1:{port}/readyz")).timeout(READY_TIMEOUT);
            async { request.send().await.is_ok_and(|answer| answer.status().is_success()) }
        };
        let asked = self.workers.iter().filter(|worker| worker.pid().is_some());
        let answers = futures::future::join_all(asked.map(|worker| ask(worker.spec.port))).await;
        answers.into_iter().filter(|ready| *ready).count()
    }
}
