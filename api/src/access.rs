//! What people may do here, `CONSOLE_ACCESS`: everything that their role allows, or only look. Asked once for every
//! request of a person, whatever it says of itself, so that a route that is added later is closed by itself. Programs
//! with an API key do what the key's scopes allow, either way.

use axum::http::Method;
use serde::Serialize;
use utoipa::ToSchema;

use crate::code::Code;
use crate::problem::Problem;

/// What people may ask for all the same, by methods that change things elsewhere: how they see the console themselves;
/// and what would be done with dead letters, whose handlers ask again unless it is a dry run.
const OPEN: &[(Method, &str)] = &[
    (Method::PUT, "/api/v1/settings"),
    (Method::POST, "/api/v1/dlq/replay"),
    (Method::POST, "/api/v1/dlq/discard"),
];

/// What people may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub enum Access {
    /// Everything that their role allows.
    #[default]
    ReadWrite,
    /// Look, and change nothing.
    ReadOnly,
}

impl Access {
    /// The names of the setting, the default first.
    pub const NAMES: &[&str] = &["ReadWrite", "ReadOnly"];

    /// That of a name.
    pub fn named(name: &str) -> Self {
        if name == "ReadOnly" { Self::ReadOnly } else { Self::ReadWrite }
    }

    /// Refuses a request of a person that would change something.
    pub fn permit(self, method: &Method, path: &str) -> Result<(), Problem> {
        let looks = matches!(*method, Method::GET | Method::HEAD);
        if looks || OPEN.iter().any(|(open, at)| open == method && *at == path) {
            return Ok(());
        }
        self.permit_change()
    }

    /// Refuses a change by a person.
    pub fn permit_change(self) -> Result<(), Problem> {
        match self {
            Self::ReadWrite => Ok(()),
            Self::ReadOnly => {
                let detail = "this console is read-only: people look and change nothing. To change things here set \
                              `spec.console.access: ReadWrite` in the EventPipeline; a program with an API key is \
                              not affected";
                Err(Problem::new(Code::ConsoleReadOnly, detail))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_only_console_refuses_whatever_it_does_not_know_to_be_harmless() {
        for (method, path) in [
            (Method::POST, "/api/v1/keys"),
            (Method::DELETE, "/api/v1/users/1"),
            (Method::PATCH, "/api/v1/settings"),
            (Method::PUT, "/api/v1/settings/"),
            (Method::POST, "/api/v1/auth/password"),
            (Method::POST, "/api/v1/a-route-of-tomorrow"),
        ] {
            let refused = Access::ReadOnly.permit(&method, path).unwrap_err();
            assert_eq!((refused.status, refused.code), (403, "console_read_only"), "{method} {path}");
            assert!(refused.detail.contains("`spec.console.access: ReadWrite`"), "{}", refused.detail);
            assert!(Access::ReadWrite.permit(&method, path).is_ok(), "{method} {path}");
        }
        for (method, path) in [(Method::GET, "/api/v1/keys"), (Method::PUT, "/api/v1/settings")] {
            assert!(Access::ReadOnly.permit(&method, path).is_ok(), "{method} {path}");
        }
    }

    #[test]
    fn the_names_of_the_setting_are_those_of_the_reply() {
        for name in Access::NAMES {
            assert_eq!(serde_json::to_value(Access::named(name)).unwrap(), *name);
        }
        assert_eq!(Access::default(), Access::named(Access::NAMES[0]));
    }
}
