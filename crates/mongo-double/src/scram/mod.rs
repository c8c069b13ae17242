//! SCRAM-SHA-1 and SCRAM-SHA-256: what is stored for a password, and both sides of the exchange.

mod client;
mod server;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bson::{Document, doc};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

pub use client::Client;
pub use server::Exchange;

/// How a login proves its password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// SCRAM-SHA-1 over MongoDB's old digest of name and password.
    Sha1,
    /// SCRAM-SHA-256 over the password. Passwords outside ASCII are taken as they come: no `SASLprep`.
    Sha256,
}

impl Mechanism {
    /// Both, the stronger first.
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Sha1];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SCRAM-SHA-1",
            Self::Sha256 => "SCRAM-SHA-256",
        }
    }

    /// By name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.name() == name)
    }

    /// Iterations of new credentials: the real server's defaults.
    fn iterations(self) -> u32 {
        match self {
            Self::Sha1 => 10_000,
            Self::Sha256 => 15_000,
        }
    }

    fn salt_bytes(self) -> usize {
        match self {
            Self::Sha1 => 16,
            Self::Sha256 => 28,
        }
    }

    fn salted(self, user: &str, password: &str, salt: &[u8], iterations: u32) -> Vec<u8> {
        match self {
            Self::Sha1 => {
                let digest = hex(&Md5::digest(format!("{user}:mongo:{password}").as_bytes()));
                pbkdf2::pbkdf2_hmac_array::<Sha1, 20>(digest.as_bytes(), salt, iterations).to_vec()
            }
            Self::Sha256 => {
                pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), salt, iterations).to_vec()
            }
        }
    }

    fn hmac(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => mac::<Hmac<Sha1>>(key, message),
            Self::Sha256 => mac::<Hmac<Sha256>>(key, message),
        }
    }

    fn hash(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => Sha1::digest(bytes).to_vec(),
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
        }
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return Vec::new() };
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Random bytes of the operating system.
pub(crate) fn random(count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    // Linux has had getrandom(2) since 3.17; without it nobody could log in, and that shows at once.
    let _ = getrandom::fill(&mut bytes);
    bytes
}

fn nonce() -> String {
    STANDARD.encode(random(24))
}

/// What is stored of a password: enough to check it, not enough to log in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    iterations: u32,
    salt: Vec<u8>,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

impl Credential {
    /// For a new password, with a salt of its own.
    pub fn new(mechanism: Mechanism, user: &str, password: &str) -> Self {
        Self::with_salt(mechanism, user, password, &random(mechanism.salt_bytes()))
    }

    /// For the key file's user when the file has two keys: they share their salt, so that either proves itself.
    pub fn of_keys(mechanism: Mechanism, user: &str, keys: &[String]) -> Vec<Self> {
        let salt = random(mechanism.salt_bytes());
        keys.iter().map(|key| Self::with_salt(mechanism, user, key, &salt)).collect()
    }

    fn with_salt(mechanism: Mechanism, user: &str, password: &str, salt: &[u8]) -> Self {
        let iterations = mechanism.iterations();
        let salted = mechanism.salted(user, password, salt, iterations);
        let client_key = mechanism.hmac(&salted, b"Client Key");
        Self {
            iterations,
            salt: salt.to_vec(),
            stored_key: mechanism.hash(&client_key),
            server_key: mechanism.hmac(&salted, b"Server Key"),
        }
    }

    /// As it stands in `system.users`.
    pub fn document(&self) -> Document {
        doc! {
            "iterationCount": i32::try_from(self.iterations).unwrap_or(i32::MAX),
            "salt": STANDARD.encode(&self.salt),
            "storedKey": STANDARD.encode(&self.stored_key),
            "serverKey": STANDARD.encode(&self.server_key),
        }
    }

    /// Out of `system.users`.
    pub fn of_document(document: &Document) -> Option<Self> {
        let bytes = |name| STANDARD.decode(document.get_str(name).ok()?).ok();
        Some(Self {
            iterations: u32::try_from(document.get_i32("iterationCount").ok()?).ok()?,
            salt: bytes("salt")?,
            stored_key: bytes("storedKey")?,
            server_key: bytes("serverKey")?,
        })
    }
}

/// Fields of a SCRAM message: `r=…,s=…`.
fn field<'a>(message: &'a str, name: char) -> Option<&'a str> {
    message.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

fn xor(a: &[u8], b: &[u8]) -> Vec<u8> {
    a.iter().zip(b).map(|(a, b)| a ^ b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_in(mechanism: Mechanism, stored: Vec<Credential>, password: &str) -> Result<bool, &'static str> {
        let (client, first) = Client::new(mechanism, "us=er,x", password);
        let (user, mut exchange, second) = Exchange::begin(mechanism, first.as_bytes(), |_| Some(stored)).unwrap();
        assert_eq!(user, "us=er,x");
        let (last, expected) = client.answer(&String::from_utf8(second).unwrap()).unwrap();
        let verdict = exchange.finish(last.as_bytes()).map_err(|_| "refused")?;
        Ok(verdict == expected.as_bytes())
    }

    #[test]
    fn the_right_password_proves_itself_to_both_sides_and_a_wrong_one_does_not() {
        for mechanism in Mechanism::ALL {
            let stored = Credential::new(mechanism, "us=er,x", "secret");
            let again = Credential::of_document(&stored.document()).unwrap();
            assert_eq!(stored, again);
            assert_eq!(log_in(mechanism, vec![stored], "secret"), Ok(true), "{mechanism:?}");
            assert_eq!(log_in(mechanism, vec![again], "secreT"), Err("refused"), "{mechanism:?}");
        }
    }

    #[test]
    fn either_of_two_keys_logs_in() {
        let keys = ["oldoldold".to_owned(), "newnewnew".to_owned()];
        for key in &keys {
            let stored = Credential::of_keys(Mechanism::Sha256, "us=er,x", &keys);
            assert_eq!(log_in(Mechanism::Sha256, stored, key), Ok(true));
        }
    }
}
