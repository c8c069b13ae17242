//! Ports of 127.0.0.1: free ones, and who has the others.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

/// Below what the system gives to outgoing connections where it is not told otherwise, and below Kubernetes' ports of nodes;
/// above most services and above Kubernetes' own.
const RANGE: std::ops::Range<u16> = 11_000..30_000;
/// Tries before the system may choose: with half of the range in use, one in a million fails so often.
const TRIES: u32 = 20;

/// A port that is free now, and not one that an outgoing connection may take before it is listened on: what the system
/// chooses is one of those.
pub fn free() -> std::io::Result<u16> {
    // One counter from a start of its own for each process: no port twice in a row, and seldom that of another process.
    static NEXT: OnceLock<AtomicU32> = OnceLock::new();
    let start = || {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        AtomicU32::new(std::process::id().wrapping_mul(7_919).wrapping_add(now.subsec_micros()))
    };
    let next = NEXT.get_or_init(start);
    for _ in 0..TRIES {
        let step = next.fetch_add(1, Ordering::Relaxed) % u32::try_from(RANGE.len()).unwrap_or(1);
        let port = RANGE.start + u16::try_from(step).unwrap_or(0);
        if is_free(port) {
            return Ok(port);
        }
    }
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
    fn free_ports_differ_and_are_none_that_an_outgoing_connection_gets() {
        let ports: Vec<u16> = (0..50).map(|_| free().unwrap()).collect();
        let different: std::collections::HashSet<_> = ports.iter().collect();
        assert_eq!(different.len(), 50);
        assert!(ports.iter().all(|port| RANGE.contains(port)), "{ports:?}");
    }

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
