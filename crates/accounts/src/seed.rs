//! The first key and the first administrator, from the settings: inserted once, never overwritten. A key that was
//! revoked keeps its row; an administrator is put in only while there is nobody at all, so that one who was deleted, or
//! has another address by now, does not come back with the password of the settings.

use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::audit::{self, Origin};
use crate::{Error, Settings, passwords, secret, users};

/// Puts them in. Two replicas may do so at once.
pub(crate) async fn first_rows(connection: &mut PgConnection, settings: &Settings) -> Result<(), Error> {
    if let Some(key) = &settings.first_api_key {
        first_key(connection, key).await?;
    }
    if let (Some(email), Some(password)) = (&settings.admin_email, &settings.admin_password) {
        first_admin(connection, &users::email(email)?, password).await?;
    }
    Ok(())
}

async fn first_key(connection: &mut PgConnection, text: &str) -> Result<(), Error> {
    let id = secret::parse(text).ok_or_else(|| {
        Error::invalid("FIRST_API_KEY", "must look like epk_<12 characters>_<40 characters>")
    })?;
    let hash = secret::hash(text);
    let mut transaction = connection.begin().await?;
    let inserted = sqlx::query(
        "insert into api_keys (id, hash, name, scopes, created_by) \
         values ($1, $2, 'first key', array['ingest', 'read', 'admin'], 'settings') on conflict (id) do nothing",
    )
    .bind(id.as_str())
    .bind(hash.as_bytes().as_slice())
    .execute(&mut *transaction)
    .await?
    .rows_affected();
    if inserted == 1 {
        audit::record(&mut transaction, &Origin::settings(), "key.create", id.as_str(), "first key").await?;
        transaction.commit().await?;
        return Ok(());
    }
    let stored: Vec<u8> = sqlx::query_scalar("select hash from api_keys where id = $1")
        .bind(id.as_str())
        .fetch_one(&mut *transaction)
        .await?;
    if stored != hash.as_bytes() {
        tracing::warn!(%id, "FIRST_API_KEY has the id of a key that exists with another secret; the one that exists stays");
    }
    Ok(())
}

async fn first_admin(connection: &mut PgConnection, email: &str, password: &str) -> Result<(), Error> {
    let somebody: bool =
        sqlx::query_scalar("select exists (select from users)").fetch_one(&mut *connection).await?;
    if somebody {
        return Ok(());
    }
    let hash = passwords::hash_once(password.to_owned()).await?;
    let mut transaction = connection.begin().await?;
    let id = Uuid::now_v7();
    let inserted = sqlx::query(
        "insert into users (id, email, password_hash, role) select $1, $2, $3, 'admin' \
         where not exists (select from users) on conflict (email) do nothing",
    )
    .bind(id)
    .bind(email)
    .bind(hash)
    .execute(&mut *transaction)
    .await?
    .rows_affected();
    if inserted == 1 {
        audit::record(
            &mut transaction,
            &Origin::settings(),
            "user.create",
            &format!("{id} {email}"),
            "first administrator",
        )
        .await?;
        transaction.commit().await?;
    }
    Ok(())
}
