//! Events for people. One that is lost is not worth a pass, nor a decision.

use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType};

use crate::context::Context;

/// The client tries a refused request (429, 503) again for minutes: an API server that is flooded with Events must not
/// hold up what they tell of.
const TIMEOUT: Duration = Duration::from_secs(3);
/// An Event's note may have no more.
const NOTE_BYTES_MAX: usize = 1000;

/// Writes an Event, or gives it up.
pub async fn publish(
    type_: EventType,
    (action, reason): (&str, &str),
    note: &str,
    object: &ObjectReference,
    context: &Context,
) {
    let event = Event {
        type_,
        reason: reason.to_owned(),
        note: Some(within(note).to_owned()),
        action: action.to_owned(),
        secondary: None,
    };
    match tokio::time::timeout(TIMEOUT, context.recorder.publish(&event, object)).await {
        Ok(Ok(())) => (),
        Ok(Err(error)) => tracing::debug!(%error, reason, "an Event was not written"),
        Err(_) => tracing::debug!(reason, "an Event was not written in time"),
    }
}

/// As much of a note as an Event takes, in whole characters.
fn within(note: &str) -> &str {
    note.get(..note.floor_char_boundary(NOTE_BYTES_MAX)).unwrap_or(note)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_cut_at_a_whole_character() {
        assert_eq!(within("short"), "short");
        let long = format!("a{}", "é".repeat(700));
        let cut = within(&long);
        assert!(long.starts_with(cut) && cut.len() == NOTE_BYTES_MAX - 1, "{}", cut.len());
    }
}
