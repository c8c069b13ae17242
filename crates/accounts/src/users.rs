//! Administration of people: making, listing, changing and deleting them. Whatever happens, one enabled administrator
//! stays; a change that ends rights ends them for the tokens that are out there too.

use sqlx::{FromRow, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::audit::{self, Origin};
use crate::changes::{Change, person_subject};
use crate::feed::Hub;
use crate::people::Role;
use crate::stores::CHANGE_TIMEOUT;
use crate::{Error, Page, page, passwords};

/// People, at most: the console is for a team, not for the public.
pub const USERS_MAX: i64 = 10_000;
/// Bytes of an e-mail address (RFC 5321).
pub const EMAIL_BYTES_MAX: usize = 254;

/// A person as they are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserInfo {
    /// Names them for good.
    pub id: Uuid,
    /// Lower case.
    pub email: String,
    /// What they may do.
    pub role: Role,
    /// May not sign in, and their tokens do not count.
    pub disabled: bool,
    /// When they were made.
    pub created_at: OffsetDateTime,
    /// When they were last changed.
    pub updated_at: OffsetDateTime,
    /// When they last signed in.
    pub last_login_at: Option<OffsetDateTime>,
}

#[derive(FromRow)]
struct UserRow {
    id: Uuid,
    email: String,
    role: String,
    disabled: bool,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
    last_login_at: Option<OffsetDateTime>,
}

impl From<UserRow> for UserInfo {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id,
            email: row.email,
            // the table's check allows no other; the lesser one if it ever did
            role: Role::parse(&row.role).unwrap_or(Role::Viewer),
            disabled: row.disabled,
            created_at: row.created_at,
            updated_at: row.updated_at,
            last_login_at: row.last_login_at,
        }
    }
}

/// A person to be made.
#[derive(Clone)]
pub struct NewUser {
    /// Of any case.
    pub email: String,
    /// 8 to 256 bytes.
    pub password: String,
    /// What they may do.
    pub role: Role,
}

/// What shall be different; `None` stays as it is.
#[derive(Clone, Default)]
pub struct UserChange {
    /// A new address.
    pub email: Option<String>,
    /// A new password; signs them out everywhere.
    pub password: Option<String>,
    /// Another role.
    pub role: Option<Role>,
    /// Whether they are kept out; signs them out everywhere.
    pub disabled: Option<bool>,
}

/// The address as it is stored, in lower case. Only its form is checked: whether it takes mail is nothing to us.
pub fn email(text: &str) -> Result<String, Error> {
    let email = text.trim().to_lowercase();
    let good = email.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty()
            && !host.is_empty()
            && !host.contains('@')
            && !host.starts_with('.')
            && !host.ends_with('.')
    });
    if good && email.len() <= EMAIL_BYTES_MAX && !email.chars().any(|c| c.is_whitespace() || c.is_control()) {
        Ok(email)
    } else {
        Err(Error::invalid(
            "email",
            format!("an address such as name@example.com, at most {EMAIL_BYTES_MAX} bytes"),
        ))
    }
}

impl Hub {
    pub(crate) async fn create_user(
        &self,
        origin: &Origin,
        new: NewUser,
        hash: String,
    ) -> Result<UserInfo, Error> {
        let email = email(&new.email)?;
        self.stores.require_postgres()?;
        let id = Uuid::now_v7();
        let work = async {
            let mut transaction = self.stores.pool.begin().await?;
            let count: i64 =
                sqlx::query_scalar("select count(*) from users").fetch_one(&mut *transaction).await?;
            if count >= USERS_MAX {
                return Err(Error::Full { what: "users", max: USERS_MAX });
            }
            let row: UserRow = sqlx::query_as(
                "insert into users (id, email, password_hash, role) values ($1, $2, $3, $4) \
                 on conflict (email) do nothing \
                 returning id, email, role, disabled, created_at, updated_at, last_login_at",
            )
            .bind(id)
            .bind(&email)
            .bind(hash)
            .bind(new.role.name())
            .fetch_optional(&mut *transaction)
            .await?
            .ok_or(Error::EmailTaken)?;
            let subject = format!("{id} {email}");
            audit::record(&mut transaction, origin, "user.create", &subject, new.role.name()).await?;
            transaction.commit().await?;
            Ok(row.into())
        };
        tokio::time::timeout(CHANGE_TIMEOUT, work).await?
    }

    /// Newest first.
    pub(crate) async fn list_users(&self, after: Option<Uuid>, limit: u32) -> Result<Page<UserInfo>, Error> {
        self.stores.require_postgres()?;
        let work = sqlx::query_as::<_, UserRow>(
            "select id, email, role, disabled, created_at, updated_at, last_login_at from users \
             where $1::uuid is null or id < $1 order by id desc limit $2",
        )
        .bind(after)
        .bind(i64::from(limit) + 1)
        .fetch_all(&self.stores.pool);
        let rows = tokio::time::timeout(CHANGE_TIMEOUT, work).await??;
        Ok(page(rows.into_iter().map(UserInfo::from).collect(), limit, |user| user.id.to_string()))
    }

    pub(crate) async fn user(&self, id: Uuid) -> Result<UserInfo, Error> {
        self.stores.require_postgres()?;
        let work = sqlx::query_as::<_, UserRow>(
            "select id, email, role, disabled, created_at, updated_at, last_login_at from users where id = $1",
        )
        .bind(id)
        .fetch_optional(&self.stores.pool);
        let row = tokio::time::timeout(CHANGE_TIMEOUT, work).await??;
        row.map(UserInfo::from).ok_or(Error::NotFound("user"))
    }

    /// `hash` is that of `change.password`.
    pub(crate) async fn update_user(
        &self,
        origin: &Origin,
        id: Uuid,
        change: UserChange,
        hash: Option<String>,
    ) -> Result<UserInfo, Error> {
        let email = change.email.as_deref().map(email).transpose()?;
        self.stores.require_postgres()?;
        let work = async {
            let mut transaction = self.stores.pool.begin().await?;
            let admins = lock_admins(&mut transaction).await?;
            let before: UserRow = sqlx::query_as(
                "select id, email, role, disabled, created_at, updated_at, last_login_at from users \
                 where id = $1 for update",
            )
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?
            .ok_or(Error::NotFound("user"))?;
            let stops = change.role == Some(Role::Viewer) || change.disabled == Some(true);
            if stops && admins == [id] {
                return Err(Error::LastAdmin);
            }
            let signs_out = hash.is_some() || change.disabled == Some(true);
            let updated: Result<UserRow, _> = sqlx::query_as(
                "update users set email = coalesce($2, email), password_hash = coalesce($3, password_hash), \
                 role = coalesce($4, role), disabled = coalesce($5, disabled), \
                 token_version = token_version + $6, updated_at = now() where id = $1 \
                 returning id, email, role, disabled, created_at, updated_at, last_login_at",
            )
            .bind(id)
            .bind(&email)
            .bind(hash)
            .bind(change.role.map(Role::name))
            .bind(change.disabled)
            .bind(i32::from(signs_out))
            .fetch_one(&mut *transaction)
            .await;
            let row = match updated {
                Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                    return Err(Error::EmailTaken);
                }
                other => other?,
            };
            let detail = described(&before, &change, email.as_deref());
            audit::record(
                &mut transaction,
                origin,
                "user.update",
                &format!("{id} {}", before.email),
                &detail,
            )
            .await?;
            let change = Change::record(&mut transaction, person_subject(id)).await?;
            transaction.commit().await?;
            Ok((row.into(), change))
        };
        let (info, change) = tokio::time::timeout(CHANGE_TIMEOUT, work).await??;
        change.announce(self).await?;
        Ok(info)
    }

    pub(crate) async fn delete_user(&self, origin: &Origin, id: Uuid) -> Result<(), Error> {
        self.stores.require_postgres()?;
        let work = async {
            let mut transaction = self.stores.pool.begin().await?;
            if lock_admins(&mut transaction).await? == [id] {
                return Err(Error::LastAdmin);
            }
            let email: String = sqlx::query_scalar("delete from users where id = $1 returning email")
                .bind(id)
                .fetch_optional(&mut *transaction)
                .await?
                .ok_or(Error::NotFound("user"))?;
            audit::record(&mut transaction, origin, "user.delete", &format!("{id} {email}"), "").await?;
            let change = Change::record(&mut transaction, person_subject(id)).await?;
            transaction.commit().await?;
            Ok(change)
        };
        let change = tokio::time::timeout(CHANGE_TIMEOUT, work).await??;
        change.announce(self).await
    }
}

/// The enabled administrators, who stay what they are until this transaction ends: two that demote each other at the
/// same moment come one after the other.
async fn lock_admins(connection: &mut PgConnection) -> Result<Vec<Uuid>, Error> {
    let admins = sqlx::query_scalar(
        "select id from users where role = 'admin' and not disabled order by id for update",
    )
    .fetch_all(connection)
    .await?;
    Ok(admins)
}

/// For the audit log: what changed, never a password.
fn described(before: &UserRow, change: &UserChange, email: Option<&str>) -> String {
    let mut words = Vec::new();
    if let Some(email) = email {
        words.push(format!("email {} → {email}", before.email));
    }
    if let Some(role) = change.role {
        words.push(format!("role {} → {}", before.role, role.name()));
    }
    if let Some(disabled) = change.disabled {
        words.push(format!("disabled {} → {disabled}", before.disabled));
    }
    if change.password.is_some() {
        words.push("password changed".to_owned());
    }
    words.join(", ")
}

impl NewUser {
    pub(crate) fn check(&self) -> Result<(), Error> {
        email(&self.email)?;
        passwords::check("password", &self.password)
    }
}

impl UserChange {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.email.is_none() && self.password.is_none() && self.role.is_none() && self.disabled.is_none() {
            return Err(Error::invalid("body", "at least one of email, password, role, disabled"));
        }
        self.email.as_deref().map(email).transpose()?;
        self.password.as_deref().map_or(Ok(()), |password| passwords::check("password", password))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_lower_cased_and_checked_for_their_form_only() {
        assert_eq!(email(" Ada@Example.COM ").unwrap(), "ada@example.com");
        for bad in [
            "",
            "a",
            "@b.c",
            "a@",
            "a@b@c",
            "a b@c.d",
            "a@.c",
            "a@c.",
            "a@b\u{0}c",
            &format!("{}@b.c", "x".repeat(260)),
        ] {
            assert!(email(bad).is_err(), "{bad:?}");
        }
    }
}
