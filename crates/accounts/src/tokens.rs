//! People's tokens: JWT signed with HS256, short-lived. A token says who; what they may do is looked up.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::people::Role;
use crate::{AuthError, Error, Person};

const ISSUER: &str = "eventpipeline";
/// Clocks of two replicas may differ by this.
const LEEWAY_SECONDS: u64 = 5;
/// A longer text is no token of ours; it is refused before anything is worked out.
const TOKEN_BYTES_MAX: usize = 2_048;

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    email: String,
    role: Role,
    iat: i64,
    exp: i64,
    jti: String,
    /// The person's `token_version` when it was signed.
    ver: i32,
    /// When the person signed in; a renewed token keeps it.
    #[serde(default)]
    since: i64,
}

/// What a token says, once its signature and its time are known to be good.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Read {
    /// Whose it is.
    pub(crate) id: Uuid,
    /// The version it was signed at.
    pub(crate) version: i32,
    /// When the person signed in, Unix seconds.
    pub(crate) since: i64,
}

/// A new token, as a login answers it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// The JWT; a secret.
    pub text: String,
    /// Seconds it lives.
    pub expires_in: u32,
    /// Whose it is.
    pub person: Person,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("person", &self.person).finish_non_exhaustive()
    }
}

/// Signs and reads tokens.
pub(crate) struct Signer {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    audience: String,
    lifetime_seconds: u32,
}

impl Signer {
    pub(crate) fn new(secret: &str, pipeline: &str, lifetime_minutes: u32) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = LEEWAY_SECONDS;
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[pipeline]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        Self {
            encoding: EncodingKey::from_secret(secret.as_bytes()),
            decoding: DecodingKey::from_secret(secret.as_bytes()),
            validation,
            audience: pipeline.to_owned(),
            lifetime_seconds: lifetime_minutes * 60,
        }
    }

    pub(crate) fn sign(
        &self,
        person: Person,
        token_version: i32,
        now_unix_seconds: i64,
        since_unix_seconds: i64,
    ) -> Result<Token, Error> {
        let claims = Claims {
            iss: ISSUER.into(),
            aud: self.audience.clone(),
            sub: person.id.to_string(),
            email: person.email.clone(),
            role: person.role,
            iat: now_unix_seconds,
            exp: now_unix_seconds + i64::from(self.lifetime_seconds),
            jti: Uuid::now_v7().to_string(),
            ver: token_version,
            since: since_unix_seconds,
        };
        let text = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .map_err(|error| Error::System(format!("a token could not be signed: {error}")))?;
        Ok(Token { text, expires_in: self.lifetime_seconds, person })
    }

    /// What a token of ours says.
    pub(crate) fn read(&self, text: &str) -> Result<Read, AuthError> {
        if text.len() > TOKEN_BYTES_MAX || text.bytes().filter(|byte| *byte == b'.').count() != 2 {
            return Err(AuthError::Malformed);
        }
        match jsonwebtoken::decode::<Claims>(text, &self.decoding, &self.validation) {
            Ok(token) => {
                let id = token.claims.sub.parse().map_err(|_| AuthError::Malformed)?;
                Ok(Read { id, version: token.claims.ver, since: token.claims.since })
            }
            Err(error) => Err(match error.kind() {
                ErrorKind::ExpiredSignature => AuthError::Expired,
                ErrorKind::InvalidToken | ErrorKind::Base64(_) | ErrorKind::Json(_) | ErrorKind::Utf8(_) => {
                    AuthError::Malformed
                }
                _ => AuthError::Unknown,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn person() -> Person {
        Person { id: Uuid::now_v7(), email: "a@b.c".into(), role: Role::Viewer }
    }

    fn now() -> i64 {
        time::OffsetDateTime::now_utc().unix_timestamp()
    }

    #[test]
    fn a_token_reads_back_until_it_expires() {
        let signer = Signer::new(SECRET, "default/laptop", 15);
        let person = person();
        let token = signer.sign(person.clone(), 3, now(), 7).unwrap();
        assert_eq!(signer.read(&token.text), Ok(Read { id: person.id, version: 3, since: 7 }));
        assert_eq!(token.expires_in, 900);
        let old = signer.sign(person, 3, now() - 906, 7).unwrap();
        assert_eq!(signer.read(&old.text), Err(AuthError::Expired));
    }

    #[test]
    fn other_secrets_pipelines_algorithms_and_no_signature_are_refused() {
        let signer = Signer::new(SECRET, "default/laptop", 15);
        let refuse = |text: &str| signer.read(text).unwrap_err();
        let foreign = Signer::new("another secret of thirty-two bytes", "default/laptop", 15);
        assert_eq!(refuse(&foreign.sign(person(), 0, now(), 7).unwrap().text), AuthError::Unknown);
        let elsewhere = Signer::new(SECRET, "default/other", 15);
        assert_eq!(refuse(&elsewhere.sign(person(), 0, now(), 7).unwrap().text), AuthError::Unknown);
        let good = signer.sign(person(), 0, now(), 7).unwrap().text;
        let (head, body) = good.rsplit_once('.').unwrap().0.split_once('.').unwrap();
        // {"alg":"none","typ":"JWT"}
        assert_eq!(refuse(&format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{body}.")), AuthError::Malformed);
        assert_eq!(refuse(&format!("{head}.{body}.")), AuthError::Unknown);
        assert_eq!(refuse("a.b"), AuthError::Malformed);
        assert_eq!(refuse(&"a.b.c".repeat(1_000)), AuthError::Malformed);
    }
}
