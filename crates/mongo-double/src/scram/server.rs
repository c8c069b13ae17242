//! The server's side of a login.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Credential, Mechanism, field, nonce, xor};

/// A login under way: what was said so far.
#[derive(Debug)]
pub struct Exchange {
    mechanism: Mechanism,
    credentials: Vec<Credential>,
    nonce: String,
    /// client-first without its header, then server-first.
    said: String,
}

/// Why a login failed. All reasons look alike from outside.
#[derive(Debug, PartialEq, Eq)]
pub struct Failed;

impl Exchange {
    /// Reads the first message, finds what is stored of its user, and answers.
    pub fn begin(
        mechanism: Mechanism,
        first: &[u8],
        stored: impl FnOnce(&str) -> Option<Vec<Credential>>,
    ) -> Result<(String, Self, Vec<u8>), Failed> {
        let (user, bare, client_nonce) = Self::first(first)?;
        let credentials = stored(&user).filter(|found| !found.is_empty()).ok_or(Failed)?;
        let nonce = format!("{client_nonce}{}", nonce());
        let Credential { salt, iterations, .. } = &credentials[0];
        let answer = format!("r={nonce},s={},i={iterations}", STANDARD.encode(salt));
        let said = format!("{bare},{answer}");
        Ok((user, Self { mechanism, credentials, nonce, said }, answer.into_bytes()))
    }

    /// The user that a first message names.
    pub fn user(first: &[u8]) -> Result<String, Failed> {
        Self::first(first).map(|(user, ..)| user)
    }

    fn first(message: &[u8]) -> Result<(String, &str, &str), Failed> {
        let message = std::str::from_utf8(message).map_err(|_| Failed)?;
        let bare = message.strip_prefix("n,,").ok_or(Failed)?;
        let user = field(bare, 'n').ok_or(Failed)?.replace("=2C", ",").replace("=3D", "=");
        Ok((user, bare, field(bare, 'r').filter(|nonce| !nonce.is_empty()).ok_or(Failed)?))
    }

    /// Checks the proof; answers the server's own.
    pub fn finish(&mut self, last: &[u8]) -> Result<Vec<u8>, Failed> {
        let message = std::str::from_utf8(last).map_err(|_| Failed)?;
        let (without_proof, proof) = message.rsplit_once(",p=").ok_or(Failed)?;
        if field(without_proof, 'c') != Some("biws") || field(without_proof, 'r') != Some(self.nonce.as_str()) {
            return Err(Failed);
        }
        let proof = STANDARD.decode(proof).map_err(|_| Failed)?;
        let said = format!("{},{without_proof}", self.said);
        let mechanism = self.mechanism;
        let proved = self.credentials.iter().find(|credential| {
            let signature = mechanism.hmac(&credential.stored_key, said.as_bytes());
            mechanism.hash(&xor(&proof, &signature)) == credential.stored_key
        });
        let signature = mechanism.hmac(&proved.ok_or(Failed)?.server_key, said.as_bytes());
        Ok(format!("v={}", STANDARD.encode(signature)).into_bytes())
    }
}
