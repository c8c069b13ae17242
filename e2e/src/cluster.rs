//! The cluster that is tested: a client for looking, kubectl and helm for what users do with them, and waiting.

use std::fmt::Debug;
use std::process::Stdio;
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{DeleteParams, ListParams, LogParams};
use kube::{Api, Client, Resource, ResourceExt};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use crate::error::{Error, Result};

/// Between two looks. A bootstrap passes its steps in tenths of seconds; a look costs a millisecond or two.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// One look that takes longer hangs, and the next may not.
const LOOK_TIMEOUT: Duration = Duration::from_mins(1);
/// A command of kubectl or helm that takes longer hangs; helm's own wait is shorter.
const COMMAND_TIMEOUT: Duration = Duration::from_mins(5);
/// Pods end, volumes are given back; mongod may take two minutes of its grace.
const NAMESPACE_TIMEOUT: Duration = Duration::from_mins(4);
/// The label by which Pod Security is enforced, and the level that every pod of ours must meet.
const ENFORCE: (&str, &str) = ("pod-security.kubernetes.io/enforce", "restricted");

/// A cluster with the rights of an administrator.
#[derive(Clone)]
pub struct Cluster {
    /// For what has no helper here.
    pub client: Client,
}

/// What a look found.
#[derive(Debug, PartialEq, Eq)]
pub enum Look<T> {
    /// What was waited for.
    There(T),
    /// Not yet; what there is instead.
    NotYet(String),
}

/// `There` when it holds.
pub fn when(holds: bool, seen: impl FnOnce() -> String) -> Look<()> {
    if holds { Look::There(()) } else { Look::NotYet(seen()) }
}

/// Looks again and again until it is there. A look that fails is one that saw nothing yet; it is told of when time is
/// up.
pub async fn until<T>(
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<Look<T>>,
) -> Result<T> {
    let deadline = Instant::now() + within;
    loop {
        let seen = match timeout(LOOK_TIMEOUT, look()).await {
            Ok(Ok(Look::There(found))) => return Ok(found),
            Ok(Ok(Look::NotYet(seen))) => seen,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("a look had no answer within {} s", LOOK_TIMEOUT.as_secs()),
        };
        if Instant::now() >= deadline {
            return Err(Error::NotInTime { what: what.to_owned(), seconds: within.as_secs(), seen });
        }
        sleep(LOOK_EVERY).await;
    }
}

impl Cluster {
    /// The cluster of KUBECONFIG, with kubectl and helm on PATH.
    pub async fn connect() -> Result<Self> {
        let how = "run it by `make e2e`; or start a cluster with `make cluster`, and in the same shell: \
                   eval \"$(e2e/cluster/up.sh)\"";
        for program in ["kubectl", "helm"] {
            let found = Command::new(program).arg("--help").stdout(Stdio::null()).status().await;
            found.map_err(|error| Error::Otherwise(format!("{program} is not on PATH ({error}): {how}")))?;
        }
        let client = Client::try_default()
            .await
            .map_err(|error| Error::Otherwise(format!("there is no cluster to use ({error}): {how}")))?;
        match timeout(Duration::from_secs(10), client.apiserver_version()).await {
            Ok(Ok(_)) => Ok(Self { client }),
            Ok(Err(error)) => Err(Error::Otherwise(format!("the cluster does not answer ({error}): {how}"))),
            Err(_) => Err(Error::Otherwise(format!("the cluster does not answer within 10 s: {how}"))),
        }
    }

    /// Objects of a kind in a namespace.
    pub fn of<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Objects of a kind in a namespace, by label.
    pub async fn list<K>(&self, namespace: &str, labels: &str) -> Result<Vec<K>>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + Debug + serde::de::DeserializeOwned,
        K::DynamicType: Default,
    {
        let kind = K::plural(&K::DynamicType::default()).into_owned();
        let list = self.of::<K>(namespace).list(&ListParams::default().labels(labels)).await;
        Ok(list.map_err(Error::cluster(format!("list the {kind} of {namespace}")))?.items)
    }

    /// Runs kubectl; what it printed.
    pub async fn kubectl(&self, arguments: &[&str], input: Option<&Value>) -> Result<String> {
        run("kubectl", arguments, input).await
    }

    /// Runs helm; what it printed.
    pub async fn helm(&self, arguments: &[&str]) -> Result<String> {
        run("helm", arguments, None).await
    }

    /// A namespace that enforces Pod Security `restricted`.
    pub async fn namespace(&self, name: &str) -> Result<()> {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {ENFORCE.0: ENFORCE.1}},
        });
        self.kubectl(&["apply", "-f", "-"], Some(&namespace)).await.map(|_| ())
    }

    /// Asks for a namespace to be deleted; [`Self::namespace_gone`] waits for it.
    pub async fn delete_namespace(&self, name: &str) -> Result<()> {
        let arguments = ["delete", "namespace", name, "--ignore-not-found", "--wait=false"];
        self.kubectl(&arguments, None).await.map(|_| ())
    }

    /// Waits until a namespace and all that is in it are gone.
    pub async fn namespace_gone(&self, name: &str) -> Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        until(&format!("namespace {name} is gone"), NAMESPACE_TIMEOUT, async || {
            let found = namespaces.get_opt(name).await.map_err(Error::cluster("read it"))?;
            let Some(namespace) = found else { return Ok(Look::There(())) };
            let conditions = namespace.status.and_then(|status| status.conditions).unwrap_or_default();
            let blocks = conditions.into_iter().filter(|c| c.status == "True").filter_map(|c| c.message);
            Ok(Look::NotYet(blocks.collect::<Vec<_>>().join("; ")))
        })
        .await
    }

    /// Kills a pod: no time to finish, and nobody waits for it.
    pub async fn kill(&self, pod: &Pod) -> Result<()> {
        let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
        let how = DeleteParams::default().grace_period(0);
        let killed = self.of::<Pod>(&namespace).delete(&name, &how).await;
        killed.map(|_| ()).map_err(Error::cluster(format!("kill pod {name}")))
    }

    /// The last lines of a container.
    pub async fn logs(&self, namespace: &str, pod: &str, how: &LogParams) -> Result<String> {
        let logs = self.of::<Pod>(namespace).logs(pod, how).await;
        logs.map_err(Error::cluster(format!("read the log of pod {pod}")))
    }
}

async fn run(program: &str, arguments: &[&str], input: Option<&Value>) -> Result<String> {
    let failed =
        |output: String| Error::Command { command: format!("{program} {}", arguments.join(" ")), output };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    if let (Some(value), Some(mut stdin)) = (input, child.stdin.take()) {
        stdin.write_all(value.to_string().as_bytes()).await.map_err(|error| failed(error.to_string()))?;
    }
    let output = timeout(COMMAND_TIMEOUT, child.wait_with_output())
        .await
        .map_err(|_| failed(format!("no end within {} s", COMMAND_TIMEOUT.as_secs())))?
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// Whether a pod is ready and stays: one that is being deleted is not.
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions.is_some_and(|list| list.iter().any(|c| c.type_ == "Ready" && c.status == "True"));
    ready && pod.metadata.deletion_timestamp.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_ends_with_what_was_found() {
        let mut looks = 0;
        let found = until("a third look", Duration::from_secs(5), async || {
            looks += 1;
            Ok(if looks == 3 { Look::There(looks) } else { Look::NotYet(looks.to_string()) })
        });
        assert_eq!(found.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn waiting_too_long_tells_what_was_seen_last() {
        let never = until("pigs fly", Duration::from_secs(1), async || {
            Ok(when(false, || "a pig on foot".to_owned()))
        });
        let error = never.await.unwrap_err().to_string();
        assert_eq!(error, "waited 1 s until pigs fly; last seen: a pig on foot");
    }

    #[tokio::test]
    async fn a_look_that_fails_is_followed_by_another() {
        let mut looks = 0;
        let found = until("a second look", Duration::from_secs(5), async || {
            looks += 1;
            if looks == 1 { Err(Error::Otherwise("refused".to_owned())) } else { Ok(Look::There(looks)) }
        });
        assert_eq!(found.await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_program_that_fails_is_told_with_its_last_words() {
        let error = run("sh", &["-c", "echo too bad >&2; exit 3"], None).await.unwrap_err().to_string();
        assert!(error.ends_with("failed: too bad"), "{error}");
        let printed = run("cat", &[], Some(&json!({"a": 1}))).await.unwrap();
        assert_eq!(printed, r#"{"a":1}"#);
    }
}
