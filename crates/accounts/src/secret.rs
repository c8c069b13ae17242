//! The text of an API key: `epk_<id>_<secret>`. Reads it, makes a new one, hashes it. Knows nothing of where keys live.

use std::fmt;

/// Base62 characters of the public part: 71 bits, so ids never meet by chance.
pub const ID_LENGTH: usize = 12;
/// Base62 characters of the secret part: 238 bits, so a fast hash is enough to store it.
pub const SECRET_LENGTH: usize = 40;
const PREFIX: &[u8] = b"epk_";
const TEXT_LENGTH: usize = PREFIX.len() + ID_LENGTH + 1 + SECRET_LENGTH;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The public part of an API key. It may be logged and listed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; ID_LENGTH]);

impl KeyId {
    /// The id of exactly 12 base62 characters, else nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; ID_LENGTH] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_alphanumeric).then_some(Self(bytes))
    }

    /// The 12 characters.
    pub fn as_str(&self) -> &str {
        // checked to be ASCII when it was made
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The id within a well-formed key text; nothing for any other text, in time that does not depend on its secret.
pub fn parse(text: &str) -> Option<KeyId> {
    let bytes = text.as_bytes();
    if bytes.len() != TEXT_LENGTH || !bytes.starts_with(PREFIX) || bytes[PREFIX.len() + ID_LENGTH] != b'_' {
        return None;
    }
    let (id, rest) = bytes[PREFIX.len()..].split_at(ID_LENGTH);
    let id: [u8; ID_LENGTH] = id.try_into().ok()?;
    (id.iter().chain(&rest[1..]).all(u8::is_ascii_alphanumeric)).then_some(KeyId(id))
}

/// The hash that is stored in place of the key, of the whole text. Comparing two is constant in time.
pub fn hash(text: &str) -> blake3::Hash {
    blake3::hash(text.as_bytes())
}

/// A new key from the system's randomness: its id and its whole text, which is shown once.
pub fn generate() -> Result<(KeyId, String), getrandom::Error> {
    let mut characters = [0_u8; ID_LENGTH + SECRET_LENGTH];
    base62(&mut characters)?;
    let (id, secret) = characters.split_at(ID_LENGTH);
    let id = KeyId(id.try_into().expect("split at the length of an id"));
    let secret = std::str::from_utf8(secret).expect("base62 is ASCII");
    Ok((id, format!("epk_{id}_{secret}")))
}

/// Fills with uniform base62: bytes of 248 and above would favour the first characters, so they are drawn again.
fn base62(out: &mut [u8]) -> Result<(), getrandom::Error> {
    let mut random = [0_u8; 64];
    let mut filled = 0;
    while filled < out.len() {
        getrandom::fill(&mut random)?;
        for byte in random.iter().filter(|byte| **byte < 248) {
            if filled == out.len() {
                break;
            }
            out[filled] = ALPHABET[usize::from(*byte % 62)];
            filled += 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_reads_back_as_its_own_id_and_no_two_are_alike() {
        let (id, text) = generate().unwrap();
        assert_eq!(parse(&text), Some(id));
        assert_eq!(text.len(), 57);
        assert_ne!(generate().unwrap().1, text);
    }

    #[test]
    fn anything_but_the_exact_form_is_not_a_key() {
        let (_, good) = generate().unwrap();
        let mut bad = vec![
            String::new(),
            "epk_".into(),
            good[..56].into(),
            format!("{good}a"),
            good.replace("epk", "EPK"),
        ];
        bad.push(good.replacen('_', "-", 2));
        bad.push(format!("{}é", &good[..55]));
        bad.push(format!("{} ", &good[..56]));
        for text in bad {
            assert_eq!(parse(&text), None, "{text}");
        }
    }

    #[test]
    fn every_character_of_the_alphabet_comes_up_about_as_often() {
        let mut many = vec![0_u8; 62_000];
        base62(&mut many).unwrap();
        let mut counts = [0_u32; 128];
        for byte in &many {
            counts[usize::from(*byte)] += 1;
        }
        for letter in ALPHABET {
            let count = counts[usize::from(*letter)];
            assert!((800..1_200).contains(&count), "{} came {count} times", char::from(*letter));
        }
    }
}
