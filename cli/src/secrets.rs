//! The secrets of the pipeline on this machine: made once, kept beside the data, readable by their owner only.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// All of them.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Secrets {
    /// A key with all scopes.
    pub api_key: String,
    /// The administrator.
    pub admin_email: String,
    /// The administrator's password.
    pub admin_password: String,
    /// Signs tokens.
    pub jwt_secret: String,
    /// PostgreSQL's password.
    pub postgres_password: String,
}

impl Secrets {
    /// Reads the secrets of a folder, or makes them.
    pub fn of(folder: &Path) -> Result<Self, String> {
        let path = folder.join("secrets.json");
        let fault = |error: String| format!("{}: {error}", path.display());
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                fault(format!("{error}; `eventpipeline reset` makes new ones, with empty stores"))
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let secrets = Self::made()?;
                write_private(&path, &serde_json::to_vec_pretty(&secrets).unwrap_or_default())
                    .map_err(|error| fault(error.to_string()))?;
                Ok(secrets)
            }
            Err(error) => Err(fault(error.to_string())),
        }
    }

    fn made() -> Result<Self, String> {
        Ok(Self {
            api_key: format!("epk_{}_{}", letters(12)?, letters(40)?),
            admin_email: "admin@localhost.localdomain".into(),
            admin_password: letters(20)?,
            jwt_secret: letters(48)?,
            postgres_password: letters(24)?,
        })
    }
}

/// Random letters and digits, without bias.
pub(crate) fn letters(count: usize) -> Result<String, String> {
    let mut text = String::with_capacity(count);
    while text.len() < count {
        let mut bytes = [0u8; 64];
        getrandom::fill(&mut bytes).map_err(|error| format!("the system gives no randomness: {error}"))?;
        let fair =
            bytes.iter().filter(|byte| **byte < 248).map(|byte| char::from(BASE62[usize::from(byte % 62)]));
        text.extend(fair.take(count - text.len()));
    }
    Ok(text)
}

/// Writes a file that only its owner can read, all at once.
pub fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let next = path.with_extension("next");
    let _ = std::fs::remove_file(&next);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&next)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&next, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secrets_are_made_once_and_are_private() {
        let folder = tempfile::tempdir().unwrap();
        let made = Secrets::of(folder.path()).unwrap();
        assert_eq!(Secrets::of(folder.path()).unwrap().api_key, made.api_key);
        assert_eq!(made.api_key.len(), 4 + 12 + 1 + 40);
        let file_mode = std::fs::metadata(folder.path().join("secrets.json")).unwrap().permissions().mode();
        assert_eq!(file_mode & 0o777, 0o600);
    }
}
