//! The routes, of the OpenAPI document.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use super::schema::{code, fields, kind, meaning, takes};
use super::{head, one_line, row, table};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
const PROBLEM: &str = "application/problem+json";

/// The page, of the document as JSON.
pub fn page(document: &str) -> Result<String, String> {
    let document: Value =
        serde_json::from_str(document).map_err(|error| format!("docs/openapi.json is no JSON: {error}"))?;
    let mut page = head(
        "HTTP",
        "Each route with what it takes and answers; the same as [openapi.json](../openapi.json), for people. The console's \
         listener (port 3000) serves all of it, the public one (port 3001) what its own `/api/openapi.json` names. A \
         refusal is a [Problem](#problem) of the media type `application/problem+json`; its `code` is one of \
         [errors.md](errors.md). Other bodies are `application/json`. A key or token is sent as `X-Api-Key` or \
         `Authorization: Bearer`; the console has a session instead ([ADR 7](../adr/0007-the-session-of-the-console.md)).",
    );
    let shared = shared(&document);
    page.push_str("\n## Refusals that routes share\n\n");
    page.push_str(&table(&["Status", "When"]));
    for (status, when) in &shared {
        page.push_str(&row(&[status, when]));
    }
    for tag in tags(&document) {
        let _ = write!(page, "\n## {}\n", capitalized(&tag));
        for (path, method, operation) in
            operations(&document).filter(|(.., operation)| tag_of(operation) == tag)
        {
            route(&mut page, (path, method), operation, &shared);
        }
    }
    page.push_str("\n## Bodies\n");
    for (name, schema) in fields(&serde_json::json!({"properties": document["components"]["schemas"]})) {
        body(&mut page, name, schema);
    }
    Ok(page)
}

/// By path, and in the order of [`METHODS`] within one.
fn operations(document: &Value) -> impl Iterator<Item = (&String, &'static str, &Value)> {
    let mut paths: Vec<_> = document["paths"].as_object().into_iter().flatten().collect();
    paths.sort_by_key(|(path, _)| *path);
    paths.into_iter().flat_map(|(path, item)| {
        METHODS
            .into_iter()
            .filter_map(move |method| item.get(method).map(|operation| (path, method, operation)))
    })
}

fn tag_of(operation: &Value) -> &str {
    operation["tags"][0].as_str().unwrap_or("other")
}

/// In the order in which they are met.
fn tags(document: &Value) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for (.., operation) in operations(document) {
        let tag = tag_of(operation);
        if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    tags
}

fn route(page: &mut String, (path, method): (&str, &str), operation: &Value, shared: &Answers) {
    let text = |name: &str| one_line(operation[name].as_str().unwrap_or_default());
    let said = [text("summary"), text("description")].join(" ");
    let open = operation["security"].as_array().is_none_or(Vec::is_empty);
    let who = if open { " Asks nobody who they are." } else { "" };
    let _ = write!(page, "\n### `{} {path}`\n\n{}{who}\n", method.to_ascii_uppercase(), said.trim());
    if let Some(parameters) = operation["parameters"].as_array().filter(|parameters| !parameters.is_empty()) {
        page.push('\n');
        page.push_str(&table(&["Parameter", "In", "Takes", "Meaning"]));
        for parameter in parameters {
            let schema = &parameter["schema"];
            let name = format!("`{}`", parameter["name"].as_str().unwrap_or_default());
            page.push_str(&row(&[
                &name,
                parameter["in"].as_str().unwrap_or_default(),
                &takes(schema),
                &meaning(parameter),
            ]));
        }
    }
    if let Some(schema) = content(&operation["requestBody"]) {
        let _ = write!(page, "\nBody: {}.\n", kind(schema));
    }
    page.push('\n');
    page.push_str(&table(&["Status", "Body", "When"]));
    let mut also = Vec::new();
    for (status, response) in answers(operation) {
        if shared.contains(&(status.clone(), meaning(response))) {
            also.push(status.as_str());
            continue;
        }
        let body = content(response).map(kind).unwrap_or_default();
        page.push_str(&row(&[status, &body, &meaning(response)]));
    }
    if !also.is_empty() {
        let _ = write!(page, "\nAlso [{}](#refusals-that-routes-share).\n", also.join(", "));
    }
}

/// Statuses, and when they are answered.
type Answers = BTreeSet<(String, String)>;

/// Those of at least a quarter of the routes.
fn shared(document: &Value) -> Answers {
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut routes = 0;
    for (.., operation) in operations(document) {
        routes += 1;
        for (status, response) in answers(operation) {
            *counts.entry((status.clone(), meaning(response))).or_default() += 1;
        }
    }
    counts.into_iter().filter(|(_, count)| count * 4 >= routes).map(|(answer, _)| answer).collect()
}

/// In the order of the statuses.
fn answers(operation: &Value) -> Vec<(&String, &Value)> {
    let mut answers: Vec<_> = operation["responses"].as_object().into_iter().flatten().collect();
    answers.sort_by_key(|(status, _)| *status);
    answers
}

/// The schema of a body, whatever its media type.
fn content(body: &Value) -> Option<&Value> {
    let content = body["content"].as_object()?;
    let media =
        content.get("application/json").or_else(|| content.get(PROBLEM)).or_else(|| content.values().next());
    media.and_then(|media| media.get("schema"))
}

fn body(page: &mut String, name: &str, schema: &Value) {
    let _ = write!(page, "\n### {name}\n\n{}\n", meaning(schema));
    let (inline, linked): (Vec<&Value>, Vec<&Value>) =
        schema["allOf"].as_array().into_iter().flatten().partition(|part| part["properties"].is_object());
    if linked.is_empty() && !schema["properties"].is_object() {
        let _ = write!(page, "\nIs {}.\n", takes(schema));
    } else if !linked.is_empty() {
        let linked: Vec<String> = linked.into_iter().map(kind).collect();
        let _ = write!(page, "\nHas all of {}, and:\n", linked.join(" and "));
    }
    let own: Vec<(&String, &Value, bool)> = std::iter::once(schema)
        .chain(inline)
        .flat_map(|part| {
            let required = move |name: &str| {
                part["required"].as_array().is_some_and(|names| names.iter().any(|known| known == name))
            };
            fields(part).into_iter().map(move |(name, schema)| (name, schema, required(name)))
        })
        .collect();
    if own.is_empty() {
        return;
    }
    page.push('\n');
    page.push_str(&table(&["Field", "Takes", "Meaning"]));
    for (name, field, required) in own {
        let absent = if required { "" } else { ", may be absent" };
        let default = field.get("default").map(|value| format!(", default {}", code(value)));
        let takes = format!("{}{absent}{}", takes(field), default.unwrap_or_default());
        // Of a reference that may be null the words are inside.
        let inside =
            field["oneOf"].as_array().into_iter().flatten().map(meaning).find(|text| !text.is_empty());
        let said = Some(meaning(field)).filter(|text| !text.is_empty()).or(inside).unwrap_or_default();
        page.push_str(&row(&[&format!("`{name}`"), &takes, &said]));
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_route_has_its_own_answers_and_a_line_of_those_that_all_share() {
        let away = json!({"description": "Away"});
        let document = json!({
            "paths": {"/b": {"post": {
                "tags": ["things"], "summary": "Make one.", "security": [{"key": []}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/c/Thing"}}}},
                "responses": {"503": away, "201": {"description": "Made"}}
            }}, "/a": {"get": {"tags": ["things"], "responses": {"503": away, "200": {"description": "All"}}}},
            "/c": {"get": {"tags": ["things"], "responses": {"503": away}}},
            "/d": {"get": {"tags": ["things"], "responses": {"503": away}}},
            "/e": {"get": {"tags": ["things"], "responses": {"503": away}}}},
            "components": {"schemas": {"Thing": {
                "type": "object", "description": "One.", "required": ["name"],
                "properties": {"name": {"type": "string", "maxLength": 3}, "size": {"type": "integer", "default": 2}}
            }}}
        });
        let page = page(&document.to_string()).unwrap();
        assert!(page.contains(
            "## Refusals that routes share\n\n| Status | When |\n|---|---|\n| 503 | Away |\n\n## Things\n"
        ));
        assert!(page.find("`GET /a`").unwrap() < page.find("`POST /b`").unwrap());
        let made = "### `POST /b`\n\nMake one.\n\nBody: [Thing](#thing).\n\n| Status | Body | When |\n|---|---|---|\n\
                    | 201 |  | Made |\n\nAlso [503](#refusals-that-routes-share).\n";
        assert!(page.contains(made), "{page}");
        let body = "### Thing\n\nOne.\n\n| Field | Takes | Meaning |\n|---|---|---|\n\
                    | `name` | string, at most 3 characters |  |\n| `size` | integer, may be absent, default `2` |  |\n";
        assert!(page.contains(body), "{page}");
        assert!(page.contains("Asks nobody who they are."));
    }
}
