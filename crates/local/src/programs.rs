//! Where programs lie.

use std::path::{Path, PathBuf};

use crate::Error;

/// A program on PATH.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// One of our own programs: beside this one, or one folder up, where a test's target folder has it.
pub fn beside(name: &str) -> Option<PathBuf> {
    let exe = std::env::current_exe().ok()?;
    let folders = exe.ancestors().skip(1).take(2);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// A program on PATH, or how to get it.
pub(crate) fn required(name: &str, fix: &str) -> Result<PathBuf, Error> {
    on_path(name).ok_or_else(|| Error::Missing { program: name.into(), fix: fix.into() })
}

/// FerretDB: `EVENTPIPELINE_FERRETDB`, else `.tools/ferretdb` in a folder above this one or above the program.
pub fn ferretdb() -> Result<PathBuf, Error> {
    if let Some(set) = std::env::var_os("EVENTPIPELINE_FERRETDB") {
        return Ok(set.into());
    }
    let starts = [std::env::current_dir().ok(), std::env::current_exe().ok()];
    let above = |start: PathBuf| {
        start.ancestors().map(|folder| folder.join(".tools/ferretdb")).find(|file| file.is_file())
    };
    starts.into_iter().flatten().find_map(above).ok_or_else(|| Error::Missing {
        program: "MongoDB (mongod), or FerretDB in its place,".into(),
        fix: "run `make deps`, which builds FerretDB, or install MongoDB 7 so that mongod is on PATH".into(),
    })
}

/// PostgreSQL's programs: Debian keeps them off PATH, one folder a version.
pub(crate) fn postgres(name: &str) -> Result<PathBuf, Error> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|version| {
            let number = version.file_name().to_str()?.parse().ok()?;
            let file = version.path().join("bin").join(name);
            (number >= 15 && file.is_file()).then_some((number, file))
        })
        .collect();
    found.sort();
    found.pop().map(|(_, file)| file).or_else(|| on_path(name)).ok_or_else(|| Error::Missing {
        program: format!("PostgreSQL ({name})"),
        fix: "run `make deps`, or `apt-get install postgresql` (15 or newer)".into(),
    })
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path) -> String {
    let text =
        std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].iter().map(|line| format!("  {line}\n")).collect()
}
