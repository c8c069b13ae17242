//! One pipeline on one folder of data. The lock is the kernel's, so it goes with its process however that ends.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};

/// Says who has the lock.
pub fn taken(data: &Path, pid: &str) -> String {
    format!(
        "a pipeline runs on {} already (pid {pid}); stop it with `eventpipeline stop`, or choose another folder with --data",
        data.display()
    )
}

/// Held while a pipeline runs.
pub struct Lock {
    _file: Flock<File>,
}

impl Lock {
    /// Takes the lock, or says who has it.
    pub fn take(data: &Path) -> Result<Self, String> {
        let path = data.join("lock");
        let fault = |error: std::io::Error| {
            format!("{}: {error}; check that the folder is yours and has room", path.display())
        };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(fault)?;
        let mut file = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| {
            let pid = std::fs::read_to_string(&path).unwrap_or_default();
            taken(data, pid.trim())
        })?;
        file.set_len(0).map_err(fault)?;
        writeln!(file, "{}", std::process::id()).map_err(fault)?;
        Ok(Self { _file: file })
    }

    /// The process that holds the lock, if one does.
    pub fn holder(data: &Path) -> Option<i32> {
        let path = data.join("lock");
        let file = File::open(&path).ok()?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(_) => None,
            Err(_) => std::fs::read_to_string(&path).ok()?.trim().parse().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_pipeline_on_the_same_data_is_refused_and_the_first_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Lock::holder(folder.path()), None);
        let lock = Lock::take(folder.path()).unwrap();
        let refused = Lock::take(folder.path()).err().unwrap();
        assert!(refused.contains(&format!("pid {}", std::process::id())), "{refused}");
        drop(lock);
        assert!(Lock::take(folder.path()).is_ok());
    }
}
