//! The definition's rules on the real API server: each example that the tests of the definition put to an evaluator is
//! refused here with the same words, and each change that they take is taken.

use crd::EventPipeline;
use kube::api::{ApiResource, DeleteParams, DynamicObject, PostParams};
use kube::{Api, Error as KubeError};
use serde_json::{Value, json};

use crate::error::{Error, Result, ensure};
use crate::report::{Report, note, scenario};
use crate::world::{self, World};

/// The examples.
const RULES: &str = include_str!("../../crates/crd/tests/rules.yaml");
/// The name of a pipeline whose name is not what is tried.
const NAME: &str = "rules";

/// Carries it out where no operator is installed, which would make pods of pipelines that are made to be changed.
pub async fn run(world: &World, report: &mut Report) {
    scenario("7. The rules of the definition, on the API server");
    let without_operator = async {
        world.operator.uninstall().await?;
        world.cluster.namespace(world::RULES).await
    };
    if report.check("no operator is there", without_operator).await.is_none() {
        return;
    }
    if let Some(figures) =
        report.check("every rule refuses its examples, in the field's words", refused(world)).await
    {
        note(&figures);
    }
    if let Some(figures) =
        report.check("what would lose data may not be changed, what only grows may", changes(world)).await
    {
        note(&figures);
    }
    report.check("its namespace is told to go", world.leave(world::RULES)).await;
}

async fn refused(world: &World) -> Result<String> {
    let examples = examples()?;
    let specs = of(&examples, "refused")?.iter();
    let specs = specs.map(|example| (pipeline(NAME, &example["spec"]), example));
    let names = of(&examples, "refusedNames")?.iter();
    let names =
        names.map(|example| (pipeline(example["name"].as_str().unwrap_or_default(), &json!({})), example));
    let how = PostParams { dry_run: true, ..PostParams::default() };
    let mut count = 0;
    for (pipeline, example) in specs.chain(names) {
        let pipeline = object(&pipeline)?;
        must_refuse(example, pipelines(world).create(&how, &pipeline).await)?;
        count += 1;
    }
    Ok(format!("{count} examples"))
}

async fn changes(world: &World) -> Result<String> {
    let (examples, api) = (examples()?, pipelines(world));
    let how = PostParams { dry_run: true, ..PostParams::default() };
    let (refused, taken) = (of(&examples, "refusedChanges")?, of(&examples, "takenChanges")?);
    for (example, may) in refused.iter().map(|it| (it, false)).chain(taken.iter().map(|it| (it, true))) {
        let old = object(&pipeline(NAME, &example["old"]))?;
        let made = api.create(&PostParams::default(), &old).await;
        let made = made.map_err(Error::cluster(format!("make a pipeline of {example}")))?;
        let mut new = object(&pipeline(NAME, &example["new"]))?;
        new.metadata.resource_version = made.metadata.resource_version;
        let answer = api.replace(NAME, &how, &new).await;
        // Nobody holds it by a finalizer: it is gone at once.
        let gone = api.delete(NAME, &DeleteParams::default()).await;
        gone.map_err(Error::cluster("delete it again"))?;
        if may {
            answer.map_err(Error::cluster(format!("make the change {example}")))?;
        } else {
            must_refuse(example, answer)?;
        }
    }
    Ok(format!("{} refused, {} taken", refused.len(), taken.len()))
}

fn must_refuse(example: &Value, answer: Result<DynamicObject, KubeError>) -> Result<()> {
    let says = example["says"].as_str().unwrap_or_default();
    match answer {
        Err(KubeError::Api(status)) => ensure(!says.is_empty() && status.message.contains(says), || {
            format!("{example} is refused with {}: {}", status.code, status.message)
        }),
        Err(error) => Err(Error::cluster(format!("try {example}"))(error)),
        Ok(_) => Err(Error::Otherwise(format!("{example} was taken"))),
    }
}

fn examples() -> Result<Value> {
    serde_yaml::from_str(RULES).map_err(|error| Error::Otherwise(format!("rules.yaml: {error}")))
}

fn of<'a>(examples: &'a Value, kind: &str) -> Result<&'a Vec<Value>> {
    examples[kind].as_array().ok_or_else(|| Error::Otherwise(format!("rules.yaml has no {kind}")))
}

/// As a person writes it: without the defaults, which are the API server's.
fn pipeline(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": crd::API_VERSION, "kind": crd::KIND, "metadata": {"name": name}, "spec": spec})
}

fn object(pipeline: &Value) -> Result<DynamicObject> {
    serde_json::from_value(pipeline.clone()).map_err(|error| Error::Otherwise(error.to_string()))
}

fn pipelines(world: &World) -> Api<DynamicObject> {
    let kind = ApiResource::erase::<EventPipeline>(&());
    Api::namespaced_with(world.cluster.client.clone(), world::RULES, &kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_example_is_there() {
        let all = examples().unwrap();
        for kind in ["refused", "refusedNames", "refusedChanges", "takenChanges"] {
            assert!(!of(&all, kind).unwrap().is_empty(), "{kind}");
        }
        assert!(of(&all, "others").is_err());
    }

    #[test]
    fn a_refusal_in_other_words_is_none() {
        let example = json!({"says": "must be odd"});
        let refusal = |words: &str| {
            let status = kube::core::Status::failure(words, "Invalid").with_code(422);
            Err(KubeError::Api(status.boxed()))
        };
        assert!(must_refuse(&example, refusal("`configMembers` must be odd")).is_ok());
        assert!(must_refuse(&example, refusal("is forbidden")).is_err());
        assert!(must_refuse(&json!({}), refusal("anything")).is_err());
    }
}
