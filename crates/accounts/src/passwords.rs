//! Hashing and checking passwords with argon2id, a few at a time: each takes 19 MiB and tens of milliseconds of a
//! core, so that logins must never crowd out events.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use tokio::sync::Semaphore;

use crate::Error;

/// Bytes of a password at least (NIST SP 800-63B asks for 8).
pub const PASSWORD_BYTES_MIN: usize = 8;
/// Bytes of a password at most; hashing reads them all.
pub const PASSWORD_BYTES_MAX: usize = 256;
/// Hashes worked out at once in this process.
const AT_ONCE_MAX: usize = 2;
/// Logins that wait for their turn, at most: the last of them waits about half a second.
const WAITING_MAX: usize = 16;

/// What is checked when there is no such person, so that the answer takes as long as any other.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash("no password has this hash").unwrap_or_default());

/// The one place of this process where passwords are worked on.
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Passwords {
    pub(crate) async fn new() -> Self {
        // Now, not in the first login that needs it, which would take twice as long as the others. If the thread
        // fails, that login makes it.
        let _ = tokio::task::spawn_blocking(|| LazyLock::force(&NOBODY)).await;
        Self { turns: Arc::new(Semaphore::new(AT_ONCE_MAX)), waiting: AtomicUsize::new(0) }
    }

    /// The PHC string of a password; [`Error::Busy`] when too many wait already.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Error> {
        self.work(move || hash(&password)).await?
    }

    /// Whether `password` has this hash; against `None` it takes as long and is false.
    pub(crate) async fn verify(&self, password: String, stored: Option<String>) -> Result<bool, Error> {
        self.work(move || {
            let known = stored.is_some();
            let stored = stored.unwrap_or_else(|| NOBODY.clone());
            let right = PasswordHash::new(&stored)
                .is_ok_and(|stored| Argon2::default().verify_password(password.as_bytes(), &stored).is_ok());
            right && known
        })
        .await
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let waiting = Waiting::join(&self.waiting)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|error| Error::System(error.to_string()))?;
        drop(waiting);
        // The thread goes on when whoever asked has gone away, and so its turn goes with it.
        let result = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        });
        result.await.map_err(|error| Error::System(error.to_string()))
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn join(waiting: &'a AtomicUsize) -> Result<Self, Error> {
        let before = waiting.fetch_add(1, Ordering::AcqRel);
        let place = Self(waiting);
        if before < WAITING_MAX { Ok(place) } else { Err(Error::Busy) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Whether a password may be chosen; `field` is where it stands.
pub(crate) fn check(field: &'static str, password: &str) -> Result<(), Error> {
    if (PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX).contains(&password.len()) {
        Ok(())
    } else {
        Err(Error::invalid(field, format!("{PASSWORD_BYTES_MIN} to {PASSWORD_BYTES_MAX} bytes")))
    }
}

/// Hashes outside the queue, for the one password of the settings.
pub(crate) async fn hash_once(password: String) -> Result<String, Error> {
    tokio::task::spawn_blocking(move || hash(&password))
        .await
        .map_err(|error| Error::System(error.to_string()))?
}

fn hash(password: &str) -> Result<String, Error> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| Error::System(format!("a password could not be hashed: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_a_known_person_is_right() {
        let passwords = Passwords::new().await;
        let stored = passwords.hash("correct horse".into()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$"), "{stored}");
        assert!(passwords.verify("correct horse".into(), Some(stored.clone())).await.unwrap());
        assert!(!passwords.verify("battery staple".into(), Some(stored)).await.unwrap());
        assert!(!passwords.verify("no password has this hash".into(), None).await.unwrap());
        assert!(!passwords.verify("x".into(), Some("not a hash".into())).await.unwrap());
    }

    #[tokio::test]
    async fn a_turn_is_over_when_the_work_is_and_not_when_whoever_asked_has_gone() {
        let passwords = std::sync::Arc::new(Passwords::new().await);
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let asking = tokio::spawn({
            let passwords = std::sync::Arc::clone(&passwords);
            async move { passwords.work(move || gone.recv().is_ok()).await }
        });
        while passwords.turns.available_permits() == AT_ONCE_MAX {
            tokio::task::yield_now().await;
        }
        asking.abort();
        assert!(asking.await.is_err());
        assert_eq!(passwords.turns.available_permits(), AT_ONCE_MAX - 1, "it is still being worked on");
        drop(go);
        while passwords.turns.available_permits() < AT_ONCE_MAX {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn more_than_may_wait_are_turned_away_at_once_and_the_rest_is_served() {
        let passwords = std::sync::Arc::new(Passwords::new().await);
        let tries: Vec<_> = (0..40)
            .map(|_| {
                let passwords = std::sync::Arc::clone(&passwords);
                tokio::spawn(async move { passwords.verify("x".into(), None).await })
            })
            .collect();
        let mut busy = 0;
        for one in tries {
            if matches!(one.await.unwrap(), Err(Error::Busy)) {
                busy += 1;
            }
        }
        assert!((1..=40 - WAITING_MAX).contains(&busy), "{busy} were turned away");
        assert!(passwords.verify("x".into(), None).await.is_ok(), "places are given back");
    }
}
