//! Every code that an answer can carry, with its status, what it means and what to do: the one list, of which
//! `docs/reference/errors.md` is made. A code is a promise: it stays, and means the same.

use std::fmt::Write as _;

use axum::http::StatusCode;
use event::parse::BodyCode;

macro_rules! codes {
    ($($(#[doc = $meaning:literal])+ $name:ident = $text:literal, [$($status:literal),*], $to_do:literal;)+) => {
        /// A stable code, for programs to branch on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $($(#[doc = $meaning])+ $name),+
        }

        impl Code {
            /// All of them, as the reference lists them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The code as it stands in answers and metrics.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text),+
                }
            }

            /// The statuses that it comes with, the usual one first; none if it only stands within an answer.
            fn statuses(self) -> &'static [u16] {
                match self {
                    $(Self::$name => &[$($status),*]),+
                }
            }

            fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($meaning),+)),+
                }
            }

            fn to_do(self) -> &'static str {
                match self {
                    $(Self::$name => $to_do),+
                }
            }
        }
    };
}

codes! {
    /// Neither a key nor a token was sent.
    CredentialMissing = "credential_missing", [401], "Send an API key as `X-Api-Key`, or a key or token as `Authorization: Bearer`.";
    /// What was sent has not the form of a key or token, or two headers differ.
    CredentialMalformed = "credential_malformed", [401], "Look for a cut or quoted value; send one header.";
    /// Nobody has this key, or the token was signed elsewhere.
    CredentialUnknown = "credential_unknown", [401], "Take a key of this pipeline.";
    /// The key was revoked, or the person disabled or given another password.
    CredentialRevoked = "credential_revoked", [401], "Take another key; sign in again.";
    /// The token is past its time.
    TokenExpired = "token_expired", [401], "Sign in again.";
    /// E-mail or password is wrong, or the person is disabled: on purpose not told apart.
    WrongCredentials = "wrong_credentials", [401], "Ask an administrator for a new password.";
    /// Too many failed logins of this e-mail or from this address.
    TooManyLogins = "too_many_logins", [429], "Wait for `Retry-After`.";
    /// The key lacks the scope, or the person the role.
    Forbidden = "forbidden", [403], "Take a key with the scope that `detail` names.";
    /// A change by a session came from another page than the console's.
    CrossSite = "cross_site", [403], "From a program: send a key or a token instead of the cookie.";
    /// These settings belong to people, and a key asked.
    PeopleOnly = "people_only", [403], "Sign in and send the token.";
    /// `spec.console.access` is `ReadOnly`: people look and change nothing.
    ConsoleReadOnly = "console_read_only", [403], "Set `spec.console.access: ReadWrite` in the EventPipeline, or ask with an API key.";
    /// The present password that was sent with a new one is not the person's.
    WrongPassword = "wrong_password", [422], "Send the present one; an administrator can set a new one without it.";

    /// There is nothing at this path or of this id.
    NotFound = "not_found", [404], "See `/api/openapi.json` for paths; ids are as answered before.";
    /// The path does not take this method.
    MethodNotAllowed = "method_not_allowed", [405], "See the `Allow` header.";
    /// The path is not UTF-8.
    BadPath = "bad_path", [400], "Percent-encode ids as UTF-8.";
    /// The query is not `name=value` pairs in UTF-8, or has too many.
    BadQuery = "bad_query", [400], "Percent-encode names and values.";
    /// A query parameter or header has a value that it cannot have; `parameter` names it.
    BadParameter = "bad_parameter", [400], "`detail` says what it takes.";
    /// There is no such query parameter here.
    UnknownParameter = "unknown_parameter", [400], "Look for a misspelt filter.";
    /// `Prefer` asks to wait for what cannot be waited for.
    AckUnavailable = "ack_unavailable", [400], "Leave `ack` out, or say `ack=queued`.";

    /// The body is not `application/json` in UTF-8.
    UnsupportedMediaType = "unsupported_media_type", [415], "Send `Content-Type: application/json`.";
    /// The `Content-Encoding` is neither gzip nor zstd.
    UnsupportedEncoding = "unsupported_encoding", [415], "Send gzip, zstd or none.";
    /// The body does not inflate: it is not what its `Content-Encoding` says, or is cut.
    BadEncoding = "bad_encoding", [400], "Compress it again, and send all of it.";
    /// The connection ended within the body.
    BodyCut = "body_cut", [400], "Send it again whole.";
    /// The body did not arrive in time; nothing was queued.
    BodyTimeout = "body_timeout", [408], "Send it again; smaller bodies, or over a faster line.";
    /// The body is above the limit of bytes on the wire.
    BodyTooLarge = "body_too_large", [413], "Split the batch; `/api/v1/limits` says what is taken.";
    /// The body inflates to more than is taken.
    InflatedTooLarge = "inflated_too_large", [413], "Split the batch.";
    /// The body is not JSON; `detail` says where.
    InvalidJson = "invalid_json", [400], "Mend the JSON.";
    /// A field of a request that is not an event cannot be so; `pointer` says which.
    InvalidField = "invalid_field", [422], "`detail` says what it takes.";

    /// A batch without an event.
    EmptyBatch = "empty_batch", [422], "Send at least one.";
    /// A batch of more events, or more bytes of them as BSON, than are taken at once, or than a minute of the key's rate.
    TooManyEvents = "too_many_events", [413], "Split the batch.";
    /// Every event of the batch was refused; `errors` says why.
    AllRejected = "all_rejected", [422], "Mend the events.";
    /// A field that must be there is missing.
    MissingField = "missing_field", [422], "Add it.";
    /// A value of another type.
    WrongType = "wrong_type", [422], "`detail` says which one is wanted.";
    /// A text without a character.
    EmptyField = "empty_field", [422], "Fill it, or leave `id` out.";
    /// A text with more bytes than the field takes.
    TooLong = "too_long", [422], "`detail` says how many it takes.";
    /// A field that an event, or a batch, does not have.
    UnknownField = "unknown_field", [422], "Put it into `properties`.";
    /// `timestamp` is no time that can be kept.
    BadTimestamp = "bad_timestamp", [422], "Write RFC 3339 with a zone.";
    /// A number that a 64-bit integer or double cannot hold.
    NumberOutOfRange = "number_out_of_range", [422], "Send it as a text.";
    /// A key with a NUL character.
    BadKey = "bad_key", [422], "Rename the key.";
    /// A text with a NUL character where none can be kept.
    BadCharacter = "bad_character", [422], "Remove it.";
    /// The same key twice in one object.
    DuplicateKey = "duplicate_key", [422], "Keep one.";
    /// Nested deeper than is kept. 400 where the rest of the body could not be read.
    TooDeep = "too_deep", [422, 400], "Flatten it: 32 levels are kept.";
    /// One event of more bytes than are taken.
    EventTooLarge = "event_too_large", [413], "Keep large values elsewhere and send where they are.";

    /// The key is above its rate; nothing was queued.
    RateLimited = "rate_limited", [429], "Wait for `Retry-After`, or raise the key's rate.";
    /// `desiredState` is Stopped; nothing was queued.
    IngestStopped = "ingest_stopped", [503], "Send the same ids again when it runs.";
    /// Other requests, or what waits for Redis, fill what this process may hold; nothing was queued.
    Overloaded = "overloaded", [503], "Send the same ids again.";
    /// Redis is full and workers are draining it.
    QueueFull = "queue_full", [503], "Send the same ids again; if it lasts, more workers or memory.";
    /// Redis cannot write to its disk.
    QueueDisk = "queue_disk", [503], "Free space there, and send the same ids again.";
    /// Redis did not answer; whether events were queued is unknown.
    QueueUnavailable = "queue_unavailable", [503], "Send the same ids again.";
    /// Redis did not answer in time; whether events were queued is unknown.
    OutcomeUnknown = "outcome_unknown", [504], "Send the same ids again.";
    /// Redis is out of reach for a question.
    RedisUnavailable = "redis_unavailable", [503], "Ask again.";
    /// MongoDB is out of reach, or too slow.
    StoreUnavailable = "store_unavailable", [503], "Ask again; with narrower filters where it is slow.";
    /// PostgreSQL is out of reach. Known keys go on working.
    AccountsUnavailable = "accounts_unavailable", [503], "Ask again; after a change, look first whether it happened.";
    /// The change is stored, but Redis did not announce it to the other processes.
    ChangeNotAnnounced = "change_not_announced", [503], "Ask again: that announces it again.";
    /// As many passwords are being checked as are at once.
    Busy = "busy", [503], "Ask again in a second.";
    /// This process cannot take events now.
    NotReady = "not_ready", [503], "Nothing: who balances the load asks another one.";

    /// Somebody has this e-mail already.
    EmailTaken = "email_taken", [409], "Take another one.";
    /// Nobody would be left who can administer.
    LastAdmin = "last_admin", [409], "Make another administrator first.";
    /// There are as many as there may be.
    LimitReached = "limit_reached", [409], "Remove what is not used.";

    /// A dead letter that cannot be sent again: its bytes are no event. Among `skipped`.
    Undecodable = "undecodable", [], "Discard it.";

    /// The server failed; its log has the reason under the request's id.
    Internal = "internal", [500], "Report it.";
}

impl Code {
    /// The status that it usually comes with.
    pub fn status(self) -> StatusCode {
        let usual = self.statuses().first().and_then(|status| StatusCode::from_u16(*status).ok());
        usual.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Whether sending the same again can succeed.
    pub fn retryable(self) -> bool {
        // A body that was not whole is worth another try, and nothing of it was queued.
        self == Self::BodyCut || matches!(self.status().as_u16(), 408 | 429 | 503 | 504)
    }
}

/// Each variant of another enum becomes the one of the same name.
macro_rules! same_name {
    ($other:ty, $test:ident: $($name:ident),+) => {
        impl From<$other> for Code {
            fn from(code: $other) -> Self {
                match code {
                    $(<$other>::$name => Self::$name),+
                }
            }
        }

        #[cfg(test)]
        const $test: &[$other] = &[$(<$other>::$name),+];
    };
}

same_name!(event::Code, OF_EVENTS: MissingField, WrongType, EmptyField, TooLong, UnknownField, BadTimestamp,
    NumberOutOfRange, BadKey, BadCharacter, DuplicateKey, TooDeep, EventTooLarge);
same_name!(BodyCode, OF_BODIES: InvalidJson, WrongType, MissingField, UnknownField, DuplicateKey, EmptyBatch,
    TooManyEvents, TooDeep);

/// The list as a table in Markdown.
pub fn table() -> String {
    let mut table =
        String::from("| Code | Status | Send again? | Means | What to do |\n|---|---|---|---|---|\n");
    for code in Code::ALL {
        let statuses: Vec<String> = code.statuses().iter().map(u16::to_string).collect();
        let again = if code.retryable() { "yes" } else { "no" };
        let (text, meaning, to_do) = (code.as_str(), code.meaning().trim(), code.to_do());
        let _ = writeln!(table, "| `{text}` | {} | {again} | {meaning} | {to_do} |", statuses.join(", "));
    }
    // Who prints it ends the line.
    table.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_different_and_each_has_a_status_a_meaning_and_a_next_step() {
        let codes: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.len(), Code::ALL.len());
        for code in Code::ALL {
            let text = code.as_str();
            assert!(text.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{text}");
            assert!(code.statuses().iter().all(|status| (400..600).contains(status)), "{text}");
            for sentence in [code.meaning(), code.to_do()] {
                assert!(sentence.ends_with('.') && !sentence.contains('|'), "{text}: {sentence}");
            }
        }
    }

    #[test]
    fn a_code_of_an_event_or_a_body_has_the_same_text_here() {
        for code in OF_EVENTS {
            assert_eq!(Code::from(*code).as_str(), code.as_str());
        }
        for code in OF_BODIES {
            assert_eq!(Code::from(*code).as_str(), code.as_str());
        }
    }
}
