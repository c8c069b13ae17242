//! Files that are made and not written: `.env.example` from the settings of the services, `docs/openapi.json` from
//! the API's handlers. The built binaries print them, so this needs no part of theirs.

use std::path::Path;
use std::process::Command;

const SERVICES: [&str; 2] = ["api", "worker"];

/// What each generated file should hold now.
fn files(root: &Path) -> Result<Vec<(&'static str, String)>, String> {
    let mut example = String::from(
        "# Every setting of the services, with its default or an example. Made by `cargo xtask generate`; do not edit.\n",
    );
    for service in SERVICES {
        let lines = print(root, service, "--settings")?;
        example.extend(["\n# ---- ", service, " ----\n", &lines]);
    }
    Ok(vec![(".env.example", example), ("docs/openapi.json", print(root, "api", "--openapi")?)])
}

fn print(root: &Path, service: &str, flag: &str) -> Result<String, String> {
    let package = format!("eventpipeline-{service}");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .args(["run", "--quiet", "--package", &package, "--bin", &package, "--", flag])
        .env_clear()
        .envs(std::env::vars().filter(|(name, _)| {
            ["PATH", "HOME", "TMPDIR"].contains(&name.as_str())
                || name.starts_with("CARGO")
                || name.starts_with("RUST")
        }))
        .current_dir(root)
        .output()
        .map_err(|error| format!("{package} {flag} could not be run: {error}"))?;
    if !output.status.success() {
        return Err(format!("{package} {flag} failed:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{package} {flag} printed no text: {error}"))
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
