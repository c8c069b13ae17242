//! The Kubernetes API, of the definition and of the conditions' reasons.

use std::fmt::Write as _;
use std::path::Path;

use crd::conditions::{reasons, types};
use serde_json::Value;

use super::schema::{code, fields, meaning, takes};
use super::{head, row, table};

/// The page. Of a reason that has a runbook under `root` it says so.
pub fn page(root: &Path, definition: &Value) -> String {
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let (spec, status) = (&schema["properties"]["spec"], &schema["properties"]["status"]);
    let mut page = head(
        "EventPipeline",
        "`apiVersion: eventpipeline.dev/v1alpha1`, `kind: EventPipeline`, short `epl`. `spec: {}` is a working pipeline; \
         [examples](../../examples) has larger ones. A field that is not here is refused by `kubectl apply` \
         (strict validation is its default). `[]` is an element of a list. Elements of `tolerations`, `topologySpread` and \
         `conditions` are as in Kubernetes. `kubectl explain \
         eventpipeline.spec` says the same in a terminal.",
    );
    let (blocks, plain): (Vec<_>, Vec<_>) =
        fields(spec).into_iter().partition(|(_, field)| field["properties"].is_object());
    page.push_str("\n## spec\n\n");
    page.push_str(&table(&COLUMNS));
    for (name, field) in plain {
        rows(&mut page, name, field);
    }
    for (name, block) in blocks {
        let _ = write!(page, "\n### spec.{name}\n\n{}\n\n{}", meaning(block), table(&COLUMNS));
        for (field, schema) in fields(block) {
            rows(&mut page, &format!("{name}.{field}"), schema);
        }
    }
    page.push_str("\n## Rules\n\nWhat the API server refuses although each field alone is right.\n\n");
    page.push_str(&table(&["Of", "Message", "Rule"]));
    rules(&mut page, "", schema);
    page.push_str("\n## status\n\nWritten by the operator; erased, it comes back.\n\n");
    page.push_str(&table(&["Field", "Type", "Meaning"]));
    told(&mut page, "", status);
    page.push_str("\n## Conditions\n\nEach has a reason, and a message that says what to do next.\n\n");
    page.push_str(&table(&["Condition", "True means"]));
    for (kind, means) in types::EXPLAINED {
        page.push_str(&row(&[&format!("`{kind}`"), means]));
    }
    page.push_str("\n## Reasons\n\nThose with a link need a person: it leads to the runbook.\n\n");
    page.push_str(&table(&["Reason", "Means"]));
    for (reason, means) in reasons::ALL {
        let has_runbook = root.join(format!("docs/runbooks/{reason}.md")).is_file();
        let link = format!("[{reason}](../runbooks/{reason}.md)");
        page.push_str(&row(&[if has_runbook { &link } else { reason }, means]));
    }
    page
}

const COLUMNS: [&str; 4] = ["Field", "Takes", "Default", "Meaning"];

/// A field and what is below it.
fn rows(page: &mut String, path: &str, schema: &Value) {
    let default = match schema.get("default") {
        // Filled in by the defaults of its fields.
        Some(Value::Object(_)) | None => String::new(),
        Some(value) => code(value),
    };
    page.push_str(&row(&[&format!("`{path}`"), &takes(schema), &default, &meaning(schema)]));
    below(path, schema, &mut |path, schema| rows(page, path, schema));
}

fn told(page: &mut String, path: &str, schema: &Value) {
    below(path, schema, &mut |path, schema| {
        page.push_str(&row(&[&format!("`{path}`"), &takes(schema), &meaning(schema)]));
        told(page, path, schema);
    });
}

/// The fields right below a path. Those of a list of plain values are none, nor are those of Kubernetes' own types, which
/// have no words here.
fn below(path: &str, schema: &Value, each: &mut dyn FnMut(&str, &Value)) {
    for (mark, holder) in [("", schema), ("[]", &schema["items"]), ("{}", &schema["additionalProperties"])] {
        for (name, field) in fields(holder) {
            if mark.is_empty() || field["description"].is_string() {
                let at = format!("{path}{mark}.{name}");
                each(at.trim_start_matches('.'), field);
            }
        }
    }
}

fn rules(page: &mut String, path: &str, schema: &Value) {
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let text = |name: &str| rule[name].as_str().unwrap_or_default();
        let of = if path.is_empty() { "the object".to_owned() } else { format!("`{path}`") };
        page.push_str(&row(&[&of, text("message"), &format!("`{}`", text("rule"))]));
    }
    for (name, field) in fields(schema) {
        rules(page, format!("{path}.{name}").trim_start_matches('.'), field);
    }
    // Of lists and maps what is in them.
    for (mark, inside) in [("[]", &schema["items"]), ("{}", &schema["additionalProperties"])] {
        if inside.is_object() {
            rules(page, &format!("{path}{mark}"), inside);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_bounds_and_defaults_rules_their_messages_and_reasons_their_runbooks() {
        let definition = serde_json::to_value(crd::definition()).unwrap();
        let page = page(&crate::root(), &definition);
        for line in [
            "| `workers.maxReplicas` | integer, 1 to ",
            "| `desiredState` | `Running`, `Paused`, `Stopped` | `Running` |",
            "| `api.allowedOrigins` | list of string (1 to 253 characters), at most 32 items |",
            "| `spec.workers` | `minReplicas` must be less than or equal to `maxReplicas` | `self.minReplicas <= self.maxReplicas` |",
            "| `mongodb.collections[].sharded` | boolean |",
            "| [InvalidSpec](../runbooks/InvalidSpec.md) |",
            "| AllComponentsReady |",
        ] {
            assert!(page.contains(line), "{line} is not in the page:\n{page}");
        }
        let rules = serde_json::to_string(&definition).unwrap().matches("\"rule\":").count();
        let told = page.split("## Rules").nth(1).and_then(|rest| rest.split("## status").next()).unwrap();
        assert_eq!(told.lines().filter(|line| line.starts_with("| ")).count(), rules + 1, "and the head");
    }
}
