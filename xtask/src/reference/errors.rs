//! The codes of refusals, as the API prints them.

use super::head;

/// The page, of the API's table.
pub fn page(table: &str) -> String {
    let intro = head(
        "Error codes",
        "Every refusal of a request that could be read is a problem (RFC 9457, `application/problem+json`) with one of \
         these codes as `code`; refused events of a batch, and those to send again, have one in `results` or `errors`. A \
         code keeps its meaning; the words of `detail` may change. `retryable` is what the third column says: 429 after \
         `Retry-After`, nothing was queued; 503 and 504 with the same ids, the outcome may be unknown. \
         `eventpipeline-api --errors` prints this list.",
    );
    format!("{intro}\n{table}")
}
