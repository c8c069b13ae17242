//! One child process: started, asked whether it is ready, stopped, killed, stopped in its tracks and continued.
//!
//! A child never outlives its parent: it is killed when this value is dropped, and by the kernel when the parent dies
//! in any other way (`setpriv --pdeathsig`, from util-linux). The kernel means the *thread* that started it, so all
//! children are started from one thread that lives as long as the process.

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc;
use std::time::{Duration, Instant};

pub use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::Error;
use crate::programs::{on_path, tail};

/// A program that has not answered after this long will not: PostgreSQL on a slow disk takes a few seconds.
pub const READY_TIMEOUT: Duration = Duration::from_secs(30);
/// Between two looks at a child.
const LOOK: Duration = Duration::from_millis(20);

/// What to start.
#[derive(Clone, Debug)]
pub struct Spec {
    /// How people know it.
    pub name: String,
    /// Its file.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables added to the environment.
    pub env: Vec<(String, String)>,
    /// Where its output is appended.
    pub log: PathBuf,
    /// The user to run as, when we are root.
    pub user: Option<String>,
    /// The port it listens on, for messages and for `dev.json`.
    pub port: u16,
    /// How it is asked to end.
    pub stop_signal: Signal,
    /// How long it may take to end by itself.
    pub stop_timeout: Duration,
}

/// A child process.
#[derive(Debug)]
pub struct Process {
    /// What was started.
    pub spec: Spec,
    child: Option<Child>,
    /// When it is killed, once it was asked to end.
    leaves_by: Option<Instant>,
}

impl Process {
    /// Starts a program. It may not be ready yet.
    pub fn start(spec: Spec) -> Result<Self, Error> {
        let mut process = Self { spec, child: None, leaves_by: None };
        process.start_again()?;
        Ok(process)
    }

    /// Starts it once more after it has ended, with the same port and data.
    pub fn start_again(&mut self) -> Result<(), Error> {
        let spec = &self.spec;
        let log =
            OpenOptions::new().create(true).append(true).open(&spec.log).map_err(Error::file(&spec.log))?;
        let err = log.try_clone().map_err(Error::file(&spec.log))?;
        let mut command = wrapped(spec);
        // A group of its own: Ctrl-C at the terminal is for us, who stop our children in order.
        command.process_group(0);
        command.args(&spec.args).envs(spec.env.iter().cloned()).stdin(Stdio::null()).stdout(log).stderr(err);
        let child = spawn(command).map_err(|source| Error::Spawn { name: spec.name.clone(), source })?;
        (self.child, self.leaves_by) = (Some(child), None);
        Ok(())
    }

    /// Waits until `answers` says so, the program ends, or the time is over.
    pub async fn ready<F: Future<Output = bool>>(&mut self, answers: impl Fn() -> F) -> Result<(), Error> {
        let deadline = Instant::now() + READY_TIMEOUT;
        loop {
            if let Some(status) = self.ended() {
                return Err(self.fault(format!("ended with {status}")));
            }
            if answers().await {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(self.fault(format!("did not answer within {} s", READY_TIMEOUT.as_secs())));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What it did instead of what was hoped for, with the end of its log.
    pub fn fault(&self, what: String) -> Error {
        Error::NotReady {
            name: self.spec.name.clone(),
            what,
            log: self.spec.log.clone(),
            tail: tail(&self.spec.log),
        }
    }

    /// Its process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().ok().flatten()?;
        self.child = None;
        Some(status)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid().and_then(|pid| i32::try_from(pid).ok()) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// Ends it at once, as a power cut would.
    pub fn kill9(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops it in its tracks, as a stalled machine would.
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Asks it to end, waits, and kills it if it does not. Answers how it ended, or `None` when it had to be killed.
    pub async fn stop(&mut self) -> Option<ExitStatus> {
        self.leave();
        loop {
            match self.gone() {
                Some(how) => return how,
                None => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// Asks it to end, once, and waits for nothing: [`Process::gone`] says when it has. A second signal would end our
    /// services in the midst of their work.
    pub fn leave(&mut self) {
        if self.leaves_by.is_none() {
            self.signal(self.spec.stop_signal);
            self.leaves_by = Some(Instant::now() + self.spec.stop_timeout);
        }
    }

    /// Whether it is gone: with how it ended, or with `None` when it was not there, or had to be killed since it did
    /// not leave in its time.
    pub fn gone(&mut self) -> Option<Option<ExitStatus>> {
        if let Some(status) = self.ended() {
            return Some(Some(status));
        }
        if self.leaves_by.is_some_and(|by| Instant::now() > by) {
            self.kill9();
        }
        self.child.is_none().then_some(None)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill9();
    }
}

fn wrapped(spec: &Spec) -> Command {
    let user = spec.user.as_deref().filter(|_| nix::unistd::geteuid().is_root());
    let Some(setpriv) = on_path("setpriv") else { return Command::new(&spec.program) };
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", "KILL"]);
    if let Some(user) = user {
        command.args(["--reuid", user, "--regid", user, "--init-groups"]);
    }
    command.arg("--").arg(&spec.program);
    command
}

type Request = (Command, mpsc::Sender<std::io::Result<Child>>);

static SPAWNER: LazyLock<mpsc::Sender<Request>> = LazyLock::new(|| {
    let (sender, receiver) = mpsc::channel::<Request>();
    std::thread::spawn(move || {
        for (mut command, answer) in receiver {
            let _ = answer.send(command.spawn());
        }
    });
    sender
});

fn spawn(command: Command) -> std::io::Result<Child> {
    let (answer, answered) = mpsc::channel();
    let gone = |_| std::io::Error::other("the thread that starts processes is gone");
    SPAWNER.send((command, answer)).map_err(|_| gone(mpsc::RecvError))?;
    answered.recv().map_err(gone)?
}
