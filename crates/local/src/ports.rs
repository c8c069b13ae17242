//! Ports of 127.0.0.1: free ones, and who has the others.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};

/// A port that is free now.
pub fn free() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Whether a port can be listened on, on this machine's loopback and on all its addresses.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
        && TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}

/// The name and id of the process that listens on a port, where /proc tells.
pub fn owner(port: u16) -> Option<String> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| table.lines().filter_map(|line| listening(line, port)).collect::<Vec<_>>())
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    for process in processes.filter(|process| process.file_name().to_string_lossy().parse::<u32>().is_ok()) {
        let Ok(files) = fs::read_dir(process.path().join("fd")) else { continue };
        let has = |link: std::path::PathBuf| inodes.iter().any(|inode| link.as_os_str() == inode.as_str());
        if files.flatten().filter_map(|file| fs::read_link(file.path()).ok()).any(has) {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("{} (pid {})", name.trim(), process.file_name().to_string_lossy()));
        }
    }
    None
}

/// The inode of a line of /proc/net/tcp that listens on `port`.
fn listening(line: &str, port: u16) -> Option<String> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (_, hex) = fields.get(1)?.rsplit_once(':')?;
    let listens = *fields.get(3)? == "0A" && u16::from_str_radix(hex, 16) == Ok(port);
    listens.then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_not_free_and_its_owner_is_named() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(!is_free(port));
        assert!(owner(port).unwrap().contains(&format!("pid {}", std::process::id())));
        drop(listener);
        assert!(is_free(port));
    }
}
