//! The `Prefer` header (RFC 7240): what the answer waits for, and how much it says.

use axum::http::HeaderMap;

use crate::code::Code;
use crate::problem::Problem;

/// What the caller prefers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prefer {
    /// `return=representation`: list every event of a batch.
    pub representation: bool,
}

impl Prefer {
    /// Reads the header. A wait that cannot be had is refused: silence would promise what is not kept.
    pub fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut prefer = Self::default();
        for value in headers.get_all("prefer") {
            let text = value.to_str().unwrap_or("");
            for preference in text.split([',', ';']).map(str::trim) {
                let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
                match (name.trim().to_ascii_lowercase().as_str(), value.trim().trim_matches('"')) {
                    ("return", "representation") => prefer.representation = true,
                    ("ack", "queued") => (),
                    ("ack", other) => {
                        let detail = format!("ack={other} cannot be had here; ack=queued can");
                        return Err(Problem {
                            parameter: Some("Prefer".into()),
                            ..Problem::new(Code::AckUnavailable, detail)
                        });
                    }
                    // RFC 7240: preferences that are not known are ignored.
                    _ => (),
                }
            }
        }
        Ok(prefer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Result<Prefer, &'static str> {
        let headers = HeaderMap::from_iter([(
            axum::http::HeaderName::from_static("prefer"),
            axum::http::HeaderValue::from_static(text),
        )]);
        Prefer::read(&headers).map_err(|problem| problem.code)
    }

    #[test]
    fn known_preferences_are_read_and_an_ack_that_cannot_be_had_is_refused() {
        assert_eq!(read("ack=queued, return=representation"), Ok(Prefer { representation: true }));
        assert_eq!(read("respond-async; wait=10"), Ok(Prefer::default()));
        assert_eq!(read("ack=stored"), Err("ack_unavailable"));
        assert_eq!(read("ack=synced"), Err("ack_unavailable"));
    }
}
