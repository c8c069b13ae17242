//! An operator with rights in one namespace only, and in it a pipeline behind network policies: set up through them, and
//! reached by nobody else.

use crd::EventPipeline;
use eventpipeline::sender::Sender;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde_json::json;

use crate::cluster::{is_ready, until, when};
use crate::error::{Error, Result, ensure};
use crate::forward::Forward;
use crate::load;
use crate::mongo;
use crate::operator::Operator;
use crate::pipeline::{Pipeline, READY_TIMEOUT};
use crate::report::{Report, note, scenario};
use crate::world::{self, OWN, World};

/// Those of a namespace that the operator does not look after.
const ELSEWHERE: &str = "elsewhere";
/// The pod that is no part of the pipeline.
const STRANGER: &str = "stranger";
/// Each store's part and port.
const STORES: [(&str, u16); 5] =
    [("redis", 6379), ("postgres", 5432), ("config", 27017), ("shard", 27017), ("router", 27017)];
/// Where the API takes events.
const API: (&str, u16) = ("api", 3001);
const EVENTS: u64 = 2_000;
const RUN: &str = "own";

/// Carries it out where no operator is installed.
pub async fn run(world: &World, report: &mut Report) {
    let operator = world.operator_of_one();
    let cluster = &world.cluster;
    let pipeline = Pipeline { cluster: cluster.clone(), namespace: OWN.to_owned(), name: RUN.to_owned() };
    scenario("8. An operator of one namespace, a pipeline behind network policies");
    let install = async {
        // Deletion may not have been wanted.
        world.operator.uninstall().await?;
        cluster.namespace(OWN).await?;
        operator.install().await?;
        operator.ready().await
    };
    let what = "helm install with scope Namespaced and without the definition: the operator is ready";
    if report.check(what, install).await.is_none() {
        return;
    }
    let ready = async {
        let mut manifest = world::beside(&world.manifest, RUN);
        manifest["spec"]["networkPolicy"] = json!("Enabled");
        let elsewhere = world::beside(&world.manifest, ELSEWHERE);
        let namespaced = ["--namespace", world::NAMESPACE, "apply", "-f", "-"];
        cluster.kubectl(&namespaced, Some(&elsewhere)).await?;
        pipeline.apply(&manifest).await?;
        pipeline.settled().await
    };
    report.check("a pipeline with networkPolicy Enabled is set up through its policies", ready).await;
    report.check("events go through them, each stored once", events(&pipeline)).await;

    let closed = async {
        stranger(&pipeline).await?;
        let open = reached(&pipeline).await?;
        ensure(open == [API.0], || format!("a pod that is no part of it reaches {open:?}"))
    };
    report.check("a pod that is no part of it reaches the API, and none of its stores", closed).await;
    let opened = async {
        let policy = r#"{"spec":{"networkPolicy":"Disabled"}}"#;
        pipeline.kubectl(&["patch", "epl", &pipeline.name, "--type=merge", "-p", policy], None).await?;
        until("the policies are gone, and every store is reached", READY_TIMEOUT, async || {
            let policies = cluster.list::<NetworkPolicy>(OWN, &pipeline.labels()).await?.len();
            let open = reached(&pipeline).await?;
            Ok(when(policies == 0 && open.len() == STORES.len() + 1, || {
                format!("{policies} policies, reached {open:?}")
            }))
        })
        .await
    };
    report.check("with Disabled the policies go, and that pod reaches them all", opened).await;

    let what = "the operator needed no right that it does not have, and left the pipeline of another namespace alone";
    report.check(what, Box::pin(within(world, &operator))).await;
    let removed = async {
        cluster.kubectl(&["--namespace", world::NAMESPACE, "delete", "epl", ELSEWHERE], None).await?;
        pipeline.kubectl(&["delete", "epl", &pipeline.name], None).await?;
        operator.uninstall().await?;
        cluster.delete_namespace(OWN).await?;
        cluster.namespace_gone(OWN).await
    };
    report.check("pipeline, operator and namespace go", removed).await;
}

async fn within(world: &World, operator: &Operator) -> Result<()> {
    let found = world.cluster.of::<EventPipeline>(world::NAMESPACE).get(ELSEWHERE).await;
    let found = found.map_err(Error::cluster("read the pipeline elsewhere"))?;
    ensure(found.status.is_none(), || format!("the operator saw {ELSEWHERE}: {:?}", found.status))?;
    let log = operator.log().await?;
    // The definition belongs to the whole cluster: that it may not be read is told, and nothing follows from it.
    let is_refusal = |line: &&str| line.contains("orbidden") && !line.contains("whether the definition");
    let refused: Vec<&str> = log.lines().filter(is_refusal).take(3).collect();
    ensure(refused.is_empty(), || format!("the operator was refused: {refused:#?}"))
}

async fn events(pipeline: &Pipeline) -> Result<()> {
    let pods = pipeline.pods(Some(API.0)).await?;
    let pod = pods.first().ok_or_else(|| Error::Otherwise("there is no pod of the API".to_owned()))?;
    let way = Forward::to(pod, API.1).await?;
    let sender = Sender::new(&format!("http://127.0.0.1:{}", way.port), &pipeline.api_key().await?);
    let sender = sender.map_err(Error::http("make a client of the API"))?;
    let outcome = load::send(&sender, RUN, &load::with_repeats(EVENTS)).await?;
    outcome.all_acknowledged(usize::try_from(EVENTS).unwrap_or(usize::MAX))?;
    let verdict = mongo::stored_once(pipeline, &outcome.ledger).await?;
    note(&format!("stored {}", verdict.stored));
    Ok(())
}

/// A pod with a shell that waits, allowed what Redis's pod is allowed, and with no label of the pipeline.
async fn stranger(pipeline: &Pipeline) -> Result<()> {
    let pods = pipeline.pods(Some("redis")).await?;
    let spec = pods.first().and_then(|pod| pod.spec.as_ref());
    let spec = spec.ok_or_else(|| Error::Otherwise("there is no pod of redis".to_owned()))?;
    let server = &spec.containers[0];
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": STRANGER},
        "spec": {
            "securityContext": spec.security_context, "automountServiceAccountToken": false,
            "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": STRANGER, "image": server.image, "imagePullPolicy": server.image_pull_policy,
                "securityContext": server.security_context, "command": ["sleep", "1d"],
            }],
        },
    });
    pipeline.kubectl(&["apply", "-f", "-"], Some(&pod)).await?;
    until("the stranger runs", READY_TIMEOUT, async || {
        let pod = pipeline.cluster.of::<Pod>(&pipeline.namespace).get(STRANGER).await;
        Ok(when(is_ready(&pod.map_err(Error::cluster("read the stranger"))?), || "not ready".to_owned()))
    })
    .await
}

/// The parts of which the stranger reaches a pod's port, in the order of [`STORES`], the API last.
async fn reached(pipeline: &Pipeline) -> Result<Vec<&'static str>> {
    let mut open = Vec::new();
    for (part, port) in STORES.into_iter().chain([API]) {
        let pods = pipeline.pods(Some(part)).await?;
        let address = pods.iter().find_map(|pod| pod.status.as_ref()?.pod_ip.clone());
        let address = address.ok_or_else(|| Error::Otherwise(format!("no pod of {part} has an address")))?;
        // A policy may refuse or stay silent.
        let try_it =
            format!("timeout 3 bash -c '</dev/tcp/{address}/{port}' 2>&1 && echo open || echo closed");
        let arguments = ["--namespace", OWN, "exec", STRANGER, "--", "bash", "-c", &try_it];
        let said = pipeline.cluster.kubectl(&arguments, None).await?;
        match said.lines().last() {
            Some("open") => open.push(part),
            Some("closed") => {}
            _ => return Err(Error::Otherwise(format!("the stranger tried {part} and said {said:?}"))),
        }
    }
    Ok(open)
}
