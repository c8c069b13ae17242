//! Whether there is room.

use std::path::Path;

use crate::Error;

/// PostgreSQL and MongoDB take about 100 MiB before the first event.
pub const FREE_MIB_MIN: u64 = 200;

/// Refuses a folder with too little room.
pub fn room(folder: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
    let stat = nix::sys::statvfs::statvfs(folder)
        .map_err(|errno| Error::File { path: folder.into(), source: errno.into() })?;
    #[allow(clippy::useless_conversion, reason = "the types differ between platforms")]
    let free_mib = u64::from(stat.blocks_available()).saturating_mul(u64::from(stat.fragment_size())) >> 20;
    if free_mib < FREE_MIB_MIN {
        return Err(Error::DiskFull { path: folder.into(), free_mib, need_mib: FREE_MIB_MIN });
    }
    Ok(())
}
