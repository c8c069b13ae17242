//! The key file that the members of a cluster share.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Characters of a key, as the real servers take them.
const KEY_CHARS: std::ops::RangeInclusive<usize> = 6..=1024;

/// A key file that stops a server at its start.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It could not be read.
    #[error("the key file {0} could not be read: {1}")]
    Unreadable(PathBuf, std::io::Error),
    /// Group or others may read it.
    #[error("permissions on {0} are too open: {1:04o}; give it mode 0400 or 0600")]
    TooOpen(PathBuf, u32),
    /// It is no key.
    #[error("{0}: a key has 6 to 1024 characters of the base64 set; at most two keys, one a line as `- key`")]
    Malformed(PathBuf),
}

/// Reads one key, or two as `- key` lines while keys are being changed. White space is no part of a key.
pub fn read(path: &Path) -> Result<Vec<String>, KeyFileError> {
    let unreadable = |error| KeyFileError::Unreadable(path.to_owned(), error);
    let mode = std::fs::metadata(path).map_err(unreadable)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::TooOpen(path.to_owned(), mode));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    parse(&text).ok_or_else(|| KeyFileError::Malformed(path.to_owned()))
}

fn parse(text: &str) -> Option<Vec<String>> {
    let is_list = text.lines().any(|line| line.trim_start().starts_with("- "));
    let parts: Vec<&str> = if is_list {
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| line.trim_start_matches("- ")).collect()
    } else {
        vec![text]
    };
    let keys: Vec<String> =
        parts.iter().map(|part| part.chars().filter(|c| !c.is_whitespace()).collect()).collect();
    let fits = |key: &String| {
        KEY_CHARS.contains(&key.len())
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
    };
    ((1..=2).contains(&keys.len()) && keys.iter().all(fits)).then_some(keys)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn white_space_is_no_part_of_a_key_and_two_keys_may_be_listed() {
        assert_eq!(parse("abc\n def\n"), Some(vec!["abcdef".into()]));
        assert_eq!(parse("- oldoldold\n- newnewnew\n"), Some(vec!["oldoldold".into(), "newnewnew".into()]));
        for bad in ["abc", "ab!cdef", "", "- aaaaaa\n- bbbbbb\n- cccccc"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "abcdefgh").unwrap();
        for (mode, good) in [(0o400, true), (0o600, true), (0o440, false), (0o640, false), (0o604, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(read(&path).is_ok(), good, "{mode:o}");
        }
    }
}
