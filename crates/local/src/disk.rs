//! Whether there is room.

use std::path::Path;

use crate::Error;

/// PostgreSQL and MongoDB take about 100 MiB before the first event.
pub const FREE_MIB_MIN: u64 = 200;

/// Refuses a folder with too little room. It need not be there yet.
pub fn room(folder: &Path) -> Result<(), Error> {
    let free_mib = free_mib(folder)?;
    if free_mib < FREE_MIB_MIN {
        return Err(Error::DiskFull { path: folder.into(), free_mib, need_mib: FREE_MIB_MIN });
    }
    Ok(())
}

/// Free for us on the file system of a folder, or of the first one above it that is there.
pub fn free_mib(folder: &Path) -> Result<u64, Error> {
    let there = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    let stat = nix::sys::statvfs::statvfs(there)
        .map_err(|errno| Error::File { path: there.into(), source: errno.into() })?;
    #[allow(clippy::useless_conversion, reason = "the types differ between platforms")]
    let bytes = u64::from(stat.blocks_available()).saturating_mul(u64::from(stat.fragment_size()));
    Ok(bytes >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_yet_has_the_room_of_the_one_it_will_lie_in() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("a/b");
        assert!(free_mib(&inside).unwrap().abs_diff(free_mib(folder.path()).unwrap()) < 100);
        assert!(!inside.exists(), "looking makes nothing");
    }
}
