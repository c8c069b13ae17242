//! Signing in: throttled, then the password, then a token. What is wrong is never told apart. A person's own change of
//! their password goes the same way: whoever finds a page left open must guess as slowly.

use std::net::IpAddr;
use std::time::Instant;

use sqlx::FromRow;
use uuid::Uuid;

use crate::audit::{self, Actor, Origin};
use crate::passwords::{self, PASSWORD_BYTES_MAX};
use crate::people::Role;
use crate::stores::{CHANGE_TIMEOUT, wall_clock};
use crate::users::{UserChange, email};
use crate::{Accounts, Error, LoginError, Person, Token};

#[derive(FromRow)]
struct Candidate {
    id: Uuid,
    email: String,
    password_hash: String,
    role: String,
    disabled: bool,
    token_version: i32,
}

impl Accounts {
    /// A token for the person of that e-mail and password. `address` is the client's, as far as it can be believed.
    pub async fn login(
        &self,
        sent_email: &str,
        password: &str,
        address: IpAddr,
        request_id: &str,
    ) -> Result<Token, LoginError> {
        // An address without the form of one is nobody's, and takes the same way as any unknown one.
        let email = email(sent_email).unwrap_or_else(|_| sent_email.chars().take(300).collect());
        let candidate = self.verified(&email, password, address).await?;
        self.sign_in(candidate, request_id).await
    }

    /// The person of that e-mail, if they may sign in and this is their password. Failures are counted.
    async fn verified(&self, email: &str, password: &str, address: IpAddr) -> Result<Candidate, LoginError> {
        let attempt =
            self.inner.throttle.begin(email, address, Instant::now()).map_err(LoginError::Throttled)?;
        let candidate = match self.candidate(email).await {
            Ok(candidate) => candidate,
            Err(error) => {
                attempt.never_was();
                return Err(error.into());
            }
        };
        let stored = candidate.as_ref().map(|candidate| candidate.password_hash.clone());
        // longer than any password may be: not worth hashing, but worth the same time
        let password = if password.len() > PASSWORD_BYTES_MAX { "" } else { password };
        let right = match self.inner.passwords.verify(password.to_owned(), stored).await {
            Ok(right) => right,
            Err(error) => {
                attempt.never_was();
                return Err(if matches!(error, Error::Busy) { LoginError::Busy } else { error.into() });
            }
        };
        match candidate {
            Some(candidate) if right && !candidate.disabled => {
                attempt.succeeded();
                Ok(candidate)
            }
            _ => Err(LoginError::WrongCredentials),
        }
    }

    /// Gives a person another password once they know the present one, and signs them out everywhere. The token is for
    /// who asks: they showed as much as at signing in.
    pub async fn change_password(
        &self,
        person: &Person,
        current: &str,
        new: &str,
        address: IpAddr,
        request_id: &str,
    ) -> Result<Token, LoginError> {
        passwords::check("newPassword", new)?;
        let candidate = self.verified(&person.email, current, address).await?;
        let origin = Origin { actor: Actor::Person(person.clone()), request_id: request_id.to_owned() };
        let change = UserChange { password: Some(new.to_owned()), ..UserChange::default() };
        let changed = self.update_user(&origin, candidate.id, change).await?;
        // Another change at the same moment makes a later version: then this token is as dead as all the others.
        let person = Person { id: changed.id, email: changed.email, role: changed.role };
        let now = wall_clock();
        Ok(self.inner.signer.sign(person, candidate.token_version + 1, now, now)?)
    }

    async fn candidate(&self, email: &str) -> Result<Option<Candidate>, Error> {
        let stores = &self.inner.hub.stores;
        stores.require_postgres()?;
        if email.contains('\0') {
            return Ok(None); // PostgreSQL refuses the text itself
        }
        let work = sqlx::query_as(
            "select id, email, password_hash, role, disabled, token_version from users where email = $1",
        )
        .bind(email)
        .fetch_optional(&stores.pool);
        Ok(tokio::time::timeout(CHANGE_TIMEOUT, work).await??)
    }

    async fn sign_in(&self, candidate: Candidate, request_id: &str) -> Result<Token, LoginError> {
        let Candidate { id, email, role, token_version, .. } = candidate;
        let person = Person { id, email, role: Role::parse(&role).unwrap_or(Role::Viewer) };
        let origin = Origin { actor: Actor::Person(person.clone()), request_id: request_id.to_owned() };
        let subject = format!("{id} {}", person.email);
        let work = async {
            let mut transaction = self.inner.hub.stores.pool.begin().await?;
            sqlx::query("update users set last_login_at = now() where id = $1")
                .bind(id)
                .execute(&mut *transaction)
                .await?;
            audit::record(&mut transaction, &origin, "user.login", &subject, "").await?;
            transaction.commit().await?;
            Ok::<_, Error>(())
        };
        tokio::time::timeout(CHANGE_TIMEOUT, work).await.map_err(Error::from)??;
        let now = wall_clock();
        Ok(self.inner.signer.sign(person, token_version, now, now)?)
    }
}
