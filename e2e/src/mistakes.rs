//! What people get wrong. Each mistake is a message in the field's words or a condition with its reason,
//! and nothing is made of it that would have to be undone.

use std::time::Duration;

use crd::conditions::{reasons, types};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::cluster::{until, when};
use crate::error::{Error, Result, ensure};
use crate::operator;
use crate::pipeline::Pipeline;
use crate::report::{Report, note, scenario};
use crate::world::{self, World};

/// A pod without a node is given 30 s before it is called a trouble, and an external store is asked twice a minute.
const TOLD_TIMEOUT: Duration = Duration::from_mins(2);
/// The definition of the API.
const DEFINITION: &str = "eventpipelines.eventpipeline.dev";

/// Carries it out.
pub async fn run(world: &World, report: &mut Report) {
    scenario("Mistakes, and what is said of them");
    if report.check("a namespace for them", world.cluster.namespace(world::MISTAKES)).await.is_none() {
        return;
    }
    let what = "a manifest that breaks a rule is refused, in the field's words";
    tell(report, what, broken_rule(world)).await;
    let unplaced = elsewhere(world, report).await;
    refused(world, report).await;
    // Last of these: a pod without a node is given half a minute, in which the others were told.
    let class = unplaced.says(types::REDIS_READY, "False", reasons::STORAGE_CLASS_MISSING, &["nowhere"]);
    tell(report, "a storage class that is not there is named", class).await;
    let what = "an operator that finds an older definition says so, and how to upgrade it";
    // On the heap: it holds the whole definition.
    tell(report, what, Box::pin(older_definition(world))).await;
    report.check("all of it is told to go", world.leave(world::MISTAKES)).await;
}

/// A check that ends with words for people.
async fn tell(report: &mut Report, what: &str, check: impl Future<Output = Result<String>>) {
    if let Some(words) = report.check(what, check).await {
        note(&words);
    }
}

fn pipeline(world: &World, name: &str) -> Pipeline {
    let (namespace, name) = (world::MISTAKES.to_owned(), name.to_owned());
    Pipeline { cluster: world.cluster.clone(), namespace, name }
}

fn manifest(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": crd::API_VERSION, "kind": crd::KIND, "metadata": {"name": name}, "spec": spec})
}

fn secret(name: &str, url: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"url": url}})
}

async fn broken_rule(world: &World) -> Result<String> {
    let wrong = manifest("wrong", &json!({"workers": {"minReplicas": 5, "maxReplicas": 2}}));
    match pipeline(world, "wrong").apply(&wrong).await {
        Err(Error::Command { output, .. })
            if output.contains("`minReplicas` must be less than or equal to `maxReplicas`") =>
        {
            Ok(output)
        }
        Err(error) => Err(error),
        Ok(()) => Err(Error::Otherwise("it was taken".to_owned())),
    }
}

/// Secrets that are not there, and stores that do not answer; with a storage class that is not there.
async fn elsewhere(world: &World, report: &mut Report) -> Pipeline {
    let pipeline = pipeline(world, "elsewhere");
    let spec = json!({
        "redis": {"storageClassName": "nowhere"},
        "postgres": {"external": {"secretName": "accounts"}},
        "mongodb": {"external": {"secretName": "documents"}},
    });
    let what = "missing Secrets stall the pipeline; each is named, with the key that it must have";
    let missing = async {
        pipeline.apply(&manifest(&pipeline.name, &spec)).await?;
        pipeline
            .says(types::STALLED, "True", reasons::SECRET_MISSING, &["accounts", "documents", "`url`"])
            .await
    };
    tell(report, what, missing).await;
    let unreachable = async {
        let nobody = "127.0.0.1:1"; // of the operator's own pod: nobody listens there
        pipeline
            .kubectl(
                &["apply", "-f", "-"],
                Some(&secret("accounts", &format!("postgres://a:b@{nobody}/accounts"))),
            )
            .await?;
        pipeline
            .kubectl(&["apply", "-f", "-"], Some(&secret("documents", &format!("mongodb://a:b@{nobody}"))))
            .await?;
        let postgres = pipeline.says(types::POSTGRES_READY, "False", reasons::UNREACHABLE, &[nobody]).await?;
        let mongodb =
            pipeline.says(types::MONGODB_READY, "False", reasons::UNREACHABLE, &["127.0.0.1"]).await?;
        Ok(format!("{postgres}\n{mongodb}"))
    };
    tell(report, "external stores that do not answer are named, with their addresses", unreachable).await;
    pipeline
}

/// A password that a store refuses, and an image that is not there.
async fn refused(world: &World, report: &mut Report) {
    let pipeline = pipeline(world, "refused");
    let theirs =
        |part: &str| format!("{}-{part}.{}.svc.cluster.local", world.pipeline.name, world::NAMESPACE);
    let spec = json!({
        // Nobody listens on this port of the node: as a registry that is away.
        "image": {"registry": "127.0.0.1:1", "tag": "nowhere", "pullPolicy": "IfNotPresent"},
        "redis": {"external": {"secretName": "queue"}},
        "postgres": {"external": {"secretName": "accounts"}},
        "mongodb": {"external": {"secretName": "documents"}},
    });
    let wrong = async {
        for (name, url) in [
            ("accounts", format!("postgres://eventpipeline:wrong@{}:5432/eventpipeline", theirs("postgres"))),
            ("queue", format!("redis://:wrong@{}:6379", theirs("redis"))),
            ("documents", format!("mongodb://a:wrong@{}:27017/?authSource=admin", theirs("router"))),
        ] {
            pipeline.kubectl(&["apply", "-f", "-"], Some(&secret(name, &url))).await?;
        }
        pipeline.apply(&manifest(&pipeline.name, &spec)).await?;
        let reason = reasons::AUTHENTICATION_FAILED;
        let redis = pipeline.says(types::REDIS_READY, "False", reason, &["password"]).await?;
        let postgres = pipeline.says(types::POSTGRES_READY, "False", reason, &["password"]).await?;
        let mongodb = pipeline.says(types::MONGODB_READY, "False", reason, &["password"]).await?;
        Ok(format!("{redis}\n{postgres}\n{mongodb}"))
    };
    tell(report, "a wrong password in a Secret is told as such, for each of the stores", wrong).await;
    let image =
        pipeline.says(types::API_AVAILABLE, "False", reasons::IMAGE_PULL_FAILED, &["127.0.0.1:1", "nowhere"]);
    tell(report, "an image that is not there is named", image).await;
    let stalled = pipeline.says(types::STALLED, "True", reasons::IMAGE_PULL_FAILED, &["nowhere"]);
    tell(report, "and what stands still and what to do is said once for the whole", stalled).await;
}

/// A field goes from the definition; the operator is started anew.
async fn older_definition(world: &World) -> Result<String> {
    let definitions: Api<CustomResourceDefinition> = Api::all(world.cluster.client.clone());
    let attempted = "change the definition";
    let current = definitions.get(DEFINITION).await.map_err(Error::cluster("read the definition"))?;
    let properties = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
    let field = "networkPolicy";
    let whole = serde_json::to_value(&current).unwrap_or_default();
    let kept = whole.pointer(&format!("{properties}/{field}")).cloned().unwrap_or_default();
    ensure(!kept.is_null(), || format!("the definition has no {field}"))?;
    let change = async |operation: Value| {
        let patch: Patch<CustomResourceDefinition> = Patch::Json(
            serde_json::from_value(json!([operation]))
                .map_err(|error| Error::Otherwise(error.to_string()))?,
        );
        let changed = definitions.patch(DEFINITION, &PatchParams::default(), &patch).await;
        changed.map(|_| ()).map_err(Error::cluster(attempted))
    };
    change(json!({"op": "remove", "path": format!("{properties}/{field}")})).await?;
    let told = async {
        world.operator.kill().await?;
        world.operator.ready().await?;
        let mut line = String::new();
        until("the operator warns of the definition", TOLD_TIMEOUT, async || {
            let log = world.operator.log().await?;
            let found = log.lines().find(|line| line.contains(operator::OTHER_DEFINITION));
            found.unwrap_or_default().clone_into(&mut line);
            Ok(when(found.is_some(), || "no such line in its log".to_owned()))
        })
        .await?;
        Ok(line)
    };
    let told = told.await;
    // Whatever came of it.
    change(json!({"op": "add", "path": format!("{properties}/{field}"), "value": kept})).await?;
    let line = told?;
    let message = serde_json::from_str::<Value>(&line).ok();
    let message = message.as_ref().and_then(|line| line.pointer("/message")?.as_str());
    Ok(message.unwrap_or(&line).to_owned())
}
