//! What a killed `dev` leaves behind. The kernel kills its children with it, which takes a moment, and not at all where
//! `setpriv` is missing. Only a process that the killed run had noted down, and that still is what it was, is touched.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::Instant;

use super::facts::{Facts, ProcessFacts};
use super::lock::Lock;

/// The kernel's own killing takes no longer.
const GRACE: Duration = Duration::from_secs(2);
/// A store that is asked to end writes its data down and ends within this.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Waits until nothing of a killed run on these data is left, and ends what stays. Answers at once where none was
/// killed: a run that ends in order removes its notes.
pub async fn clear(data: &Path) -> Result<(), String> {
    let Some(facts) = Facts::read(data) else { return Ok(()) };
    // Held, so that what is ended is not a run that has just begun.
    let _lock = Lock::take(data)?;
    let folders: Vec<String> = [data.canonicalize().ok(), local::stores::outside(data)]
        .into_iter()
        .flatten()
        .map(|folder| folder.display().to_string())
        .collect();
    let left = || facts.processes.iter().filter(|process| is_ours(process, &folders));
    let began = Instant::now();
    let mut asked = false;
    while let Some(process) = left().next() {
        if began.elapsed() > TIMEOUT {
            return Err(format!(
                "{} (pid {}) of an earlier run on {} does not end; end it with `kill -9 {}`",
                process.name,
                process.pid,
                data.display(),
                process.pid
            ));
        }
        if !asked && began.elapsed() > GRACE {
            asked = true;
            for process in left() {
                println!("ending {} (pid {}), which a killed run left behind", process.name, process.pid);
                // PostgreSQL waits for its clients at SIGTERM, and not at SIGINT.
                let signal = if process.name == "postgres" { Signal::SIGINT } else { Signal::SIGTERM };
                let _ = i32::try_from(process.pid).map(|pid| kill(Pid::from_raw(pid), signal));
            }
        }
        tokio::time::sleep(LOOK).await;
    }
    Facts::remove(data);
    Ok(())
}

/// Whether a noted process still is that process: a store names its folder on its command line, one of our services its
/// program. A number that another program has by now does neither.
fn is_ours(process: &ProcessFacts, folders: &[String]) -> bool {
    let line = std::fs::read(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
    let line = String::from_utf8_lossy(&line);
    let service = process.name.split('-').next().unwrap_or_default();
    let program = line.split('\0').next().unwrap_or_default();
    program.ends_with(&format!("/eventpipeline-{service}"))
        || folders.iter().any(|folder| line.contains(folder))
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;
    use crate::dev::facts::Login;

    fn notes(data: &Path, process: &Child) {
        let text = String::new;
        let processes = vec![ProcessFacts { name: "redis".into(), pid: process.id(), port: 1 }];
        let login = Login { email: text(), password: text() };
        Facts {
            pipeline: String::new(),
            law: None,
            api: text(),
            console: text(),
            metrics: text(),
            api_key: text(),
            login,
            redis: text(),
            postgres: text(),
            mongodb: text(),
            processes,
        }
        .write(data)
        .unwrap();
    }

    fn sleeper(name: &Path) -> Child {
        Command::new("sh").args(["-c", "while :; do sleep 0.1; done", "sh"]).arg(name).spawn().unwrap()
    }

    #[tokio::test]
    async fn a_noted_process_on_these_data_is_ended_and_another_of_that_number_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().canonicalize().unwrap();
        let mut ours = sleeper(&data.join("redis"));
        notes(&data, &ours);
        // As init would do for an orphan.
        let reaped = std::thread::spawn(move || ours.wait().unwrap());
        clear(&data).await.unwrap();
        assert!(!reaped.join().unwrap().success());
        assert!(Facts::read(&data).is_none());

        let mut other = sleeper(Path::new("/elsewhere"));
        notes(&data, &other);
        clear(&data).await.unwrap();
        assert!(other.try_wait().unwrap().is_none(), "a stranger was ended");
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[tokio::test]
    async fn where_a_pipeline_runs_nothing_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let mut ours = sleeper(folder.path());
        notes(folder.path(), &ours);
        let lock = Lock::take(folder.path()).unwrap();
        assert!(clear(folder.path()).await.unwrap_err().contains("runs on"));
        assert!(ours.try_wait().unwrap().is_none());
        drop(lock);
        ours.kill().unwrap();
        ours.wait().unwrap();
    }
}
