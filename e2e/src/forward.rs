//! A way to a port of a pod that every cluster has: `kubectl port-forward`. The addresses of pods themselves are reached
//! only from the machine that they run on.

use std::process::Stdio;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::error::{Error, Result};

/// kubectl says at once where it listens, or why it does not.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// What kubectl prints, before the port that it chose.
const LISTENS: &str = "Forwarding from 127.0.0.1:";

/// Open until it is dropped.
#[derive(Debug)]
pub struct Forward {
    /// The port of 127.0.0.1 that leads to the pod's.
    pub port: u16,
    /// Ended when dropped.
    _kubectl: Child,
}

impl Forward {
    /// To a port of a pod, from a free port of 127.0.0.1.
    pub async fn to(pod: &Pod, port: u16) -> Result<Self> {
        let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
        let failed = |why: &str| Error::Otherwise(format!("port {port} of pod {name} is not reached: {why}"));
        let mut kubectl = Command::new("kubectl")
            .args(["port-forward", "--address=127.0.0.1", "--namespace", &namespace])
            .args([format!("pod/{name}"), format!(":{port}")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(&error.to_string()))?;
        let mut line = String::new();
        if let Some(stdout) = kubectl.stdout.take() {
            let mut stdout = BufReader::new(stdout);
            let read = timeout(START_TIMEOUT, stdout.read_line(&mut line)).await;
            read.map_err(|_| failed("kubectl port-forward says nothing"))?
                .map_err(|error| failed(&error.to_string()))?;
            // It has a line for each connection, and would end if nobody took them.
            tokio::spawn(async move { tokio::io::copy(&mut stdout, &mut tokio::io::sink()).await });
        }
        let local = line.strip_prefix(LISTENS).and_then(|rest| rest.split(' ').next()?.parse().ok());
        if let Some(port) = local {
            return Ok(Self { port, _kubectl: kubectl });
        }
        let mut said = String::new();
        if let Some(mut stderr) = kubectl.stderr.take() {
            // It has ended, or is of no use: what it said so far is all there is.
            let _ = kubectl.start_kill();
            let _ = timeout(START_TIMEOUT, stderr.read_to_string(&mut said)).await;
        }
        Err(failed(&format!("{line}{said}")))
    }
}
