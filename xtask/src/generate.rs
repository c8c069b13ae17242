//! Files that are made and not written: `.env.example` from the settings of the services, `docs/openapi.json` from
//! the API's handlers, `crds/eventpipelines.yaml` from the types, `docs/reference/` from all of these. The built binaries
//! print what only they know, so this needs no part of theirs.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::reference;

const SERVICES: [&str; 3] = ["api", "worker", "operator"];
const API: &str = "eventpipeline-api";

/// What each generated file should hold now.
fn files(root: &Path) -> Result<Vec<(&'static str, String)>, String> {
    build(root)?;
    let mut example = String::from(
        "# Every setting of the services, with its default or an example. Made by `cargo xtask generate`; do not edit.\n",
    );
    for service in SERVICES {
        let lines = print(root, &format!("eventpipeline-{service}"), "--settings")?;
        example.extend(["\n# ---- ", service, " ----\n", &lines]);
    }
    let mut settings = Vec::new();
    let mut metrics = Vec::new();
    for service in SERVICES {
        settings.push((service, print(root, &format!("eventpipeline-{service}"), "--settings-table")?));
        metrics.push((service, print(root, &format!("eventpipeline-{service}"), "--metrics")?));
    }
    let document = print(root, API, "--openapi")?;
    Ok(vec![
        (".env.example", example),
        ("docs/reference/http.md", reference::http::page(&document)?),
        ("docs/reference/errors.md", reference::errors::page(&print(root, API, "--errors")?)),
        ("docs/reference/eventpipeline.md", reference::crd::page(root, &kubernetes_api()?)),
        ("docs/reference/cli.md", print(root, "eventpipeline", "reference")?),
        ("docs/openapi.json", document),
        ("docs/reference/settings.md", reference::settings::page(&settings)),
        ("docs/reference/metrics.md", reference::metrics::page(&metrics)),
        ("crds/eventpipelines.yaml", definition()?),
        // Helm reads nothing outside a chart.
        ("charts/eventpipeline/files/eventpipelines.yaml", definition()?),
    ])
}

/// The definition as users apply it.
fn definition() -> Result<String, String> {
    let yaml = serde_yaml::to_string(&sorted(kubernetes_api()?))
        .map_err(|error| format!("the definition could not be written as YAML: {error}"))?;
    Ok(format!("# Made by `cargo xtask generate`; do not edit.\n{yaml}"))
}

fn kubernetes_api() -> Result<Value, String> {
    serde_json::to_value(crd::definition()).map_err(|error| format!("the definition is no JSON: {error}"))
}

/// With keys in the order of the alphabet: what other crates ask of `serde_json` changes the order that maps have.
pub fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let entries: BTreeMap<String, Value> =
                map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        plain => plain,
    }
}

/// Builds all binaries at once: one by one, cargo would choose other features and build the dependencies again.
fn build(root: &Path) -> Result<(), String> {
    let built = crate::cargo(root).args(["build", "--quiet", "--workspace", "--bins"]).status();
    match built {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cargo build ended with {status}")),
        Err(error) => Err(format!("cargo build could not be run: {error}")),
    }
}

fn print(root: &Path, program: &str, flag: &str) -> Result<String, String> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), std::path::PathBuf::from);
    let program = target.join("debug").join(program);
    // Without the environment: what is printed is the same on every machine.
    let output = Command::new(&program).arg(flag).env_clear().current_dir(root).output();
    let output = output.map_err(|error| format!("{} {flag} could not be run: {error}", program.display()))?;
    if !output.status.success() {
        return Err(format!(
            "{} {flag} failed:\n{}",
            program.display(),
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    String::from_utf8(output.stdout)
        .map_err(|error| format!("{} printed no text: {error}", program.display()))
}

/// Writes all generated files.
pub fn write(root: &Path) -> Result<(), String> {
    for (path, text) in files(root)? {
        std::fs::write(root.join(path), text)
            .map_err(|error| format!("{path} could not be written: {error}"))?;
        println!("wrote {path}");
    }
    Ok(())
}

/// The generated files that are not current.
pub fn stale(root: &Path) -> Result<Vec<String>, String> {
    let stale = files(root)?.into_iter().filter(|(path, text)| {
        std::fs::read_to_string(root.join(path)).ok().as_deref() != Some(text.as_str())
    });
    Ok(stale.map(|(path, _)| format!("{path} is out of date: run `cargo xtask generate`")).collect())
}
