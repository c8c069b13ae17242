//! Who we are: the key of the cluster for its members, two users for the rest.

use std::collections::BTreeMap;
use std::fmt;

use crate::Error;

/// What a server takes as a key.
const KEY_CHARS: std::ops::RangeInclusive<usize> = 6..=1024;

/// Keys and passwords, and where hosts are reached. Its `Debug` shows none of them.
#[derive(Clone)]
pub struct Login {
    pub(crate) keys: Vec<String>,
    pub(crate) operator_password: String,
    pub(crate) application_password: String,
    /// Where a host of a configuration is reached from here, when not by its own name.
    pub addresses: BTreeMap<String, String>,
}

impl Login {
    /// From the text of a key file and the users' passwords.
    pub fn new(key_file: &str, operator_password: &str, application_password: &str) -> Result<Self, Error> {
        let keys = keys(key_file);
        let is_key = |key: &String| KEY_CHARS.contains(&key.len());
        if keys.is_empty() || !keys.iter().all(is_key) {
            let (least, most) = (KEY_CHARS.start(), KEY_CHARS.end());
            let why = format!("the key file must hold a key of {least} to {most} base64 characters");
            return Err(Error::Login(why));
        }
        Ok(Self {
            keys,
            operator_password: operator_password.to_owned(),
            application_password: application_password.to_owned(),
            addresses: BTreeMap::new(),
        })
    }

    /// Where to connect for a host.
    pub(crate) fn address<'a>(&'a self, host: &'a str) -> &'a str {
        self.addresses.get(host).map_or(host, String::as_str)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

/// The keys of a key file: one over any number of lines, or, while keys are rotated, a list of two (`- old`, `- new`).
/// A server compares the text without its whitespace; with it the login fails.
fn keys(text: &str) -> Vec<String> {
    let bare = |text: &str| text.split_whitespace().collect::<String>();
    if !text.trim_start().starts_with('-') {
        return Some(bare(text)).filter(|key| !key.is_empty()).into_iter().collect();
    }
    let items = text.lines().filter_map(|line| line.trim().strip_prefix('-'));
    items.map(|key| bare(key.trim().trim_matches('"'))).filter(|key| !key.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_over_several_lines_is_one_key_without_whitespace() {
        assert_eq!(keys("abc d\nefg\r\n"), ["abcdefg"]);
    }

    #[test]
    fn a_list_of_keys_is_each_of_them() {
        assert_eq!(keys("- oldold\n- \"newnew\"\n"), ["oldold", "newnew"]);
    }

    #[test]
    fn a_key_that_no_server_would_take_is_refused_before_any_is_asked() {
        for text in ["", " \n", "short", &"a".repeat(1025)] {
            let error = Login::new(text, "a", "b").unwrap_err().to_string();
            assert!(error.contains("6 to 1024"), "{error}");
        }
    }

    #[test]
    fn debugging_a_login_shows_no_secret() {
        let login = Login::new("keykeykey", "operators", "services").unwrap();
        let text = format!("{login:?}");
        assert!(
            !text.contains("keykey") && !text.contains("operators") && !text.contains("services"),
            "{text}"
        );
    }
}
