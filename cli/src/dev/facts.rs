//! `dev.json`: where the running pipeline is, for people's scripts and for our other commands.

use std::path::Path;

use plan::scaling::Spec;
use serde::{Deserialize, Serialize};

use crate::secrets::write_private;

/// The file, in the data folder.
const FILE: &str = "dev.json";

/// What stands in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// `NAMESPACE/NAME`.
    #[serde(default)]
    pub pipeline: String,
    /// `http://127.0.0.1:3001`.
    pub api: String,
    /// `http://127.0.0.1:3000`.
    pub console: String,
    /// The API's inside listener: `/metrics`, `/livez`, `/readyz`.
    pub metrics: String,
    /// A key with all scopes.
    pub api_key: String,
    /// The administrator.
    pub login: Login,
    /// Redis.
    pub redis: String,
    /// PostgreSQL.
    pub postgres: String,
    /// MongoDB.
    pub mongodb: String,
    /// What the autoscaler goes by on this machine.
    #[serde(default)]
    pub law: Option<Spec>,
    /// Everything that was started.
    pub processes: Vec<ProcessFacts>,
}

/// E-mail and password.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Login {
    /// E-mail.
    pub email: String,
    /// Password.
    pub password: String,
}

/// One process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProcessFacts {
    /// Its name.
    pub name: String,
    /// Its id.
    pub pid: u32,
    /// Where it listens; a worker's is its inside listener.
    pub port: u16,
}

impl Facts {
    /// Those of the pipeline that runs on the usual folder.
    pub fn running() -> Option<Self> {
        Self::read(Path::new(".eventpipeline"))
    }

    /// Those of the pipeline that runs on a folder.
    pub fn read(data: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(data.join(FILE)).ok()?).ok()
    }

    /// Writes the file, mode 0600.
    pub fn write(&self, data: &Path) -> Result<(), String> {
        let path = data.join(FILE);
        let bytes = serde_json::to_vec_pretty(self).map_err(|error| error.to_string())?;
        write_private(&path, &bytes).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Removes the file.
    pub fn remove(data: &Path) {
        let _ = std::fs::remove_file(data.join(FILE));
    }
}
