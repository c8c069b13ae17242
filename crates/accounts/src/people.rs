//! Who a token speaks for: the person's role and whether tokens of that age still count. Read through the caches.

use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use uuid::Uuid;

use crate::changes::person_subject;
use crate::lookup::Source;

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    Admin,
    /// Look at everything, change nothing but their own settings.
    Viewer,
}

impl Role {
    /// The name on the wire and in PostgreSQL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Viewer => "viewer",
        }
    }

    /// The role of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Admin, Self::Viewer].into_iter().find(|role| role.name() == name)
    }
}

/// A person who has signed in, as of this moment, whatever the role in the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Names them for good.
    pub id: Uuid,
    /// Lower case.
    pub email: String,
    /// What they may do.
    pub role: Role,
}

/// A person as they stand in PostgreSQL and travel through Redis. No hash of a password is among it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PersonRow {
    pub email: String,
    pub role: Role,
    pub disabled: bool,
    pub token_version: i32,
}

/// What a request needs to know of its person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PersonFacts {
    pub person: Person,
    pub token_version: i32,
}

/// How people are looked up.
pub(crate) struct People;

impl Source for People {
    type Id = Uuid;
    type Row = PersonRow;
    type Facts = PersonFacts;

    fn subject(id: Uuid) -> String {
        person_subject(id)
    }

    fn facts(&self, id: Uuid, row: &PersonRow) -> Option<PersonFacts> {
        let person = Person { id, email: row.email.clone(), role: row.role };
        (!row.disabled).then_some(PersonFacts { person, token_version: row.token_version })
    }

    fn same(old: &PersonFacts, new: &PersonFacts) -> bool {
        old == new
    }

    async fn read(pool: &PgPool, id: Uuid) -> sqlx::Result<Option<PersonRow>> {
        let row: Option<(String, String, bool, i32)> =
            sqlx::query_as("select email, role, disabled, token_version from users where id = $1")
                .bind(id)
                .fetch_optional(pool)
                .await?;
        Ok(row.and_then(|(email, role, disabled, token_version)| {
            Some(PersonRow { email, role: Role::parse(&role)?, disabled, token_version })
        }))
    }
}
