//! Why an event is refused, in words that a program can branch on (`code`) and a person can act on (`detail`).

/// The stable code of a refusal. None of these goes away by sending the same event again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "`detail` of each refusal says it in a sentence")]
pub enum Code {
    MissingField,
    WrongType,
    EmptyField,
    TooLong,
    UnknownField,
    BadTimestamp,
    NumberOutOfRange,
    BadKey,
    BadCharacter,
    DuplicateKey,
    TooDeep,
    EventTooLarge,
}

impl Code {
    /// The code as it stands in replies and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingField => "missing_field",
            Self::WrongType => "wrong_type",
            Self::EmptyField => "empty_field",
            Self::TooLong => "too_long",
            Self::UnknownField => "unknown_field",
            Self::BadTimestamp => "bad_timestamp",
            Self::NumberOutOfRange => "number_out_of_range",
            Self::BadKey => "bad_key",
            Self::BadCharacter => "bad_character",
            Self::DuplicateKey => "duplicate_key",
            Self::TooDeep => "too_deep",
            Self::EventTooLarge => "event_too_large",
        }
    }
}

/// One event that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// What kind of fault.
    pub code: Code,
    /// JSON pointer (RFC 6901) into the body as it was sent.
    pub pointer: String,
    /// What is wrong and what would be right.
    pub detail: String,
    /// The sender's id, when it could be read.
    pub id: Option<String>,
}

/// Appends one reference token, escaped as RFC 6901 asks.
pub(crate) fn push_token(pointer: &mut String, token: &str) {
    pointer.push('/');
    for c in token.chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
}
