//! The client's side, for routers and config servers that log in to other members as `__system`.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Mechanism, field, nonce, xor};

/// Salted passwords are kept: deriving one takes milliseconds, and a pool opens many connections.
static SALTED: LazyLock<Mutex<HashMap<Derivation, Vec<u8>>>> = LazyLock::new(Mutex::default);
/// One per member and restart of it.
const SALTED_MAX: usize = 1_000;

type Derivation = (Mechanism, String, String, Vec<u8>, u32);

/// A login under way.
#[derive(Debug)]
pub struct Client {
    mechanism: Mechanism,
    user: String,
    password: String,
    nonce: String,
    bare: String,
}

impl Client {
    /// With its first message.
    pub fn new(mechanism: Mechanism, user: &str, password: &str) -> (Self, String) {
        let nonce = nonce();
        let bare = format!("n={},r={nonce}", user.replace('=', "=3D").replace(',', "=2C"));
        let first = format!("n,,{bare}");
        (Self { mechanism, user: user.to_owned(), password: password.to_owned(), nonce, bare }, first)
    }

    /// The last message, and what the server must say to it. `None` when the server's message cannot be.
    pub fn answer(&self, second: &str) -> Option<(String, String)> {
        let nonce = field(second, 'r').filter(|nonce| nonce.starts_with(&self.nonce))?;
        let salt = STANDARD.decode(field(second, 's')?).ok()?;
        let iterations: u32 = field(second, 'i')?.parse().ok().filter(|i| (4_096..=1_000_000).contains(i))?;
        let mechanism = self.mechanism;
        let salted = self.salted(salt, iterations);
        let client_key = mechanism.hmac(&salted, b"Client Key");
        let without_proof = format!("c=biws,r={nonce}");
        let said = format!("{},{second},{without_proof}", self.bare);
        let signature = mechanism.hmac(&mechanism.hash(&client_key), said.as_bytes());
        let proof = STANDARD.encode(xor(&client_key, &signature));
        let server_key = mechanism.hmac(&salted, b"Server Key");
        let expected = STANDARD.encode(mechanism.hmac(&server_key, said.as_bytes()));
        Some((format!("{without_proof},p={proof}"), format!("v={expected}")))
    }

    fn salted(&self, salt: Vec<u8>, iterations: u32) -> Vec<u8> {
        let derivation = (self.mechanism, self.user.clone(), self.password.clone(), salt, iterations);
        let lock = || SALTED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = lock().get(&derivation) {
            return found.clone();
        }
        let salted = self.mechanism.salted(&self.user, &self.password, &derivation.3, iterations);
        let mut kept = lock();
        if kept.len() >= SALTED_MAX {
            kept.clear();
        }
        kept.insert(derivation, salted.clone());
        salted
    }
}
