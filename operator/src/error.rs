//! What can go wrong in a pass, in classes, and how soon to try again: one row each.

use std::time::Duration;

use crd::conditions::reasons;
use kube::core::Status;
use kube::runtime::controller::Action;
use plan::status::Trouble;
use thiserror::Error;

/// A pass that did not come to its end.
#[derive(Debug, Error)]
pub enum Error {
    /// The API server.
    #[error("{attempted}: {}", words(source))]
    Cluster {
        /// What was attempted.
        attempted: String,
        /// What it said.
        #[source]
        source: kube::Error,
    },
    /// No answer within the time of one call.
    #[error("{attempted}: no answer within {} s", CALL_TIMEOUT.as_secs())]
    TimedOut {
        /// What was attempted.
        attempted: String,
    },
    /// There is no randomness for a password.
    #[error("the machine gives no random numbers: {0}")]
    NoRandomness(String),
}

/// One call to the API server takes no longer: its own retries could hold a pass for minutes.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// What an error means for the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Another writer was faster.
    Conflict,
    /// It passes by itself.
    Transient,
    /// The operator's role lacks something.
    Forbidden,
    /// The API server refuses what was asked for: nothing changes until somebody changes something.
    Refused,
}

impl Class {
    /// For metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Transient => "transient",
            Self::Forbidden => "forbidden",
            Self::Refused => "refused",
        }
    }

    /// The requeue table. `backoff` is the pause of the failures in a row.
    pub fn requeue(self, backoff: Duration) -> Action {
        match self {
            Self::Conflict => Action::requeue(Duration::from_secs(1)),
            Self::Transient => Action::requeue(backoff),
            Self::Forbidden | Self::Refused => Action::requeue(backoff.max(Duration::from_secs(30))),
        }
    }
}

impl Error {
    /// Its class.
    pub fn class(&self) -> Class {
        match self {
            Self::Cluster { source, .. } => of_cluster(source),
            Self::TimedOut { .. } | Self::NoRandomness(_) => Class::Transient,
        }
    }

    /// What a person has to be told, where no later pass finds it better by itself.
    pub fn trouble(&self) -> Option<Trouble> {
        let (reason, advice) = match (self.class(), self) {
            (Class::Forbidden, Self::Cluster { source, .. }) if is_of_the_role(source) => {
                (reasons::MISSING_PERMISSION, "; the operator's role lacks this, upgrade the chart")
            }
            (Class::Forbidden, _) => (reasons::PODS_REFUSED, OF_A_POLICY),
            (Class::Refused, Self::Cluster { source: kube::Error::Api(status), .. }) => of_refusal(status),
            (Class::Refused, _) => (reasons::INTERNAL_ERROR, OF_OURS),
            (Class::Conflict | Class::Transient, _) => return None,
        };
        Some(Trouble { reason, message: format!("{self}{advice}") })
    }
}

impl Error {
    /// What a person has to be told of; an error that passes by itself ends the pass.
    pub fn lasting(self) -> Result<Trouble, Self> {
        self.trouble().ok_or(self)
    }
}

/// Both are 403: what the role does not grant, and what a quota or an admission policy refuses. Only the first says who
/// cannot do what.
fn is_of_the_role(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 401 || status.message.contains(" cannot "))
}

const OF_A_POLICY: &str = "; a quota or an admission policy refuses it: raise or change it";
const OF_OURS: &str = "; please report it";

/// Objects are made of the spec's fields: what is invalid about them is invalid there. Not so what may not be changed,
/// which the definition and the plan see to; and policies may answer with any code.
fn of_refusal(status: &Status) -> (&'static str, &'static str) {
    let says = |words: &str| status.message.contains(words);
    if says(" denied the request") || says(" denied request") {
        (reasons::PODS_REFUSED, OF_A_POLICY)
    } else if status.code == 422 && !says("immutable") && !says("Forbidden: updates to ") {
        (reasons::INVALID_SPEC, "; correct the field of the spec that this comes from")
    } else {
        (reasons::INTERNAL_ERROR, OF_OURS)
    }
}

/// What the API server said, without the rest of its answer.
fn words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        kube::Error::Api(status) => format!("{} {}", status.code, status.reason),
        other => other.to_string(),
    }
}

fn of_cluster(error: &kube::Error) -> Class {
    match error {
        kube::Error::Api(status) => match status.code {
            409 => Class::Conflict,
            401 | 403 => Class::Forbidden,
            400 | 404 | 405 | 413 | 415 | 422 => Class::Refused,
            _ => Class::Transient,
        },
        _ => Class::Transient,
    }
}

/// Waits for one call, within its time, and says what was attempted when it fails.
pub async fn call<T>(
    attempted: impl Into<String>,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, Error> {
    let attempted = attempted.into();
    match tokio::time::timeout(CALL_TIMEOUT, request).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(Error::Cluster { attempted, source }),
        Err(_) => Err(Error::TimedOut { attempted }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_of_the_api_server_has_a_class() {
        for (code, class) in [
            (409, Class::Conflict),
            (403, Class::Forbidden),
            (422, Class::Refused),
            (429, Class::Transient),
            (500, Class::Transient),
            (503, Class::Transient),
        ] {
            let status = Status { code, ..Status::default() };
            assert_eq!(of_cluster(&kube::Error::Api(Box::new(status))), class, "{code}");
        }
    }

    #[test]
    fn a_missing_right_and_a_policy_are_told_apart_and_what_passes_is_not_told() {
        let answer = |code, message: &str| Error::Cluster {
            attempted: "create Secret a".into(),
            source: kube::Error::Api(Box::new(Status { code, message: message.into(), ..Status::default() })),
        };
        let reason = |error: Error| error.trouble().map(|trouble| trouble.reason);
        let role = r#"secrets is forbidden: User "a" cannot create resource "secrets" in API group """#;
        assert_eq!(reason(answer(403, role)), Some(reasons::MISSING_PERMISSION));
        let quota = r#"secrets "a" is forbidden: exceeded quota: few, requested: secrets=1"#;
        assert_eq!(reason(answer(403, quota)), Some(reasons::PODS_REFUSED));
        let webhook = r#"admission webhook "a" denied the request: no"#;
        assert_eq!(reason(answer(400, webhook)), Some(reasons::PODS_REFUSED));
        let policy =
            r#"secrets "a" is forbidden: ValidatingAdmissionPolicy 'b' with binding 'c' denied request: no"#;
        assert_eq!(reason(answer(422, policy)), Some(reasons::PODS_REFUSED));
        assert_eq!(reason(answer(503, "later")), None);
    }

    #[test]
    fn what_is_invalid_in_an_object_is_invalid_in_the_spec_and_is_told_in_the_api_servers_words() {
        let answer = |code, message: &str| Error::Cluster {
            attempted: "apply Service a".into(),
            source: kube::Error::Api(Box::new(Status { code, message: message.into(), ..Status::default() })),
        };
        let invalid = r#"Service "a" is invalid: spec.ports[0].nodePort: Invalid value: 80: out of range"#;
        let trouble = answer(422, invalid).trouble().unwrap();
        assert_eq!(trouble.reason, reasons::INVALID_SPEC);
        let told = format!("apply Service a: {invalid}; correct the field of the spec that this comes from");
        assert_eq!(trouble.message, told);
        for (code, message) in [
            (422, "spec.selector: Invalid value: field is immutable"),
            (
                422,
                "spec: Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden",
            ),
            (400, "the body is no object"),
        ] {
            let trouble = answer(code, message).trouble().unwrap();
            assert_eq!(trouble.reason, reasons::INTERNAL_ERROR, "{message}");
        }
        let silent = Error::Cluster {
            attempted: "apply Service a".into(),
            source: kube::Error::Api(Box::new(Status {
                code: 503,
                reason: "Unavailable".into(),
                ..Status::default()
            })),
        };
        assert_eq!(silent.to_string(), "apply Service a: 503 Unavailable");
    }

    #[test]
    fn what_nobody_can_mend_within_seconds_is_not_asked_every_second() {
        let soon = Duration::from_secs(1);
        assert_eq!(Class::Transient.requeue(soon), Action::requeue(soon));
        assert_eq!(Class::Forbidden.requeue(soon), Action::requeue(Duration::from_secs(30)));
    }
}
