//! Whether PostgreSQL takes the login that stands in a Secret: the API would start with any, and answer 503.

use std::time::{Duration, Instant};

use plan::status::Answer;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::net::TcpStream;

use super::outside::ANSWER_TIMEOUT;

/// A login costs both sides milliseconds of hashing; one that was taken is not tried again for this long.
const TAKEN_FOR: Duration = Duration::from_mins(5);

/// A login that was taken: its address, and when.
pub type Taken = Option<(String, Instant)>;

/// Asks. `taken` is what the last look gave back.
pub async fn ask(url: &str, taken: Taken) -> (Answer, Taken) {
    let Ok(options) = url.parse::<PgConnectOptions>() else {
        return (
            Answer::Unsuitable("the address in its Secret is none of PostgreSQL's; correct it".into()),
            None,
        );
    };
    let address = format!("{}:{}", options.get_host(), options.get_port());
    let unreachable = |why: String| (Answer::Unreachable(format!("{address}: {why}")), None);
    let in_time = format!("no answer within {} s", ANSWER_TIMEOUT.as_secs());
    match tokio::time::timeout(ANSWER_TIMEOUT, TcpStream::connect(&address)).await {
        Ok(Ok(_)) => (),
        Ok(Err(error)) => return unreachable(error.to_string()),
        Err(_) => return unreachable(in_time),
    }
    if taken.as_ref().is_some_and(|(known, at)| known == url && at.elapsed() < TAKEN_FOR) {
        return (Answer::Answered, taken);
    }
    let options = options.disable_statement_logging();
    match tokio::time::timeout(ANSWER_TIMEOUT, PgConnection::connect_with(&options)).await {
        Ok(Ok(connection)) => {
            // It was only asked; whether the goodbye arrives does not matter.
            let _ = tokio::time::timeout(ANSWER_TIMEOUT, connection.close()).await;
            (Answer::Answered, Some((url.to_owned(), Instant::now())))
        }
        Ok(Err(sqlx::Error::Database(error))) => (refusal(error.code().as_deref(), error.message()), None),
        Ok(Err(error)) => unreachable(error.to_string()),
        Err(_) => unreachable(in_time),
    }
}

/// By the code of PostgreSQL's manual, appendix A.
fn refusal(code: Option<&str>, message: &str) -> Answer {
    match code {
        // invalid_password, invalid_authorization_specification
        Some("28P01" | "28000") => Answer::Refused(message.to_owned()),
        // invalid_catalog_name: the database is not there
        Some("3D000") => Answer::Unsuitable(format!("{message}; create it, or name another in the Secret")),
        _ => Answer::Unreachable(message.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_password_is_told_from_a_missing_database_and_from_a_server_that_is_full() {
        assert!(matches!(refusal(Some("28P01"), "no"), Answer::Refused(_)));
        assert!(matches!(refusal(Some("3D000"), "no"), Answer::Unsuitable(_)));
        assert!(matches!(refusal(Some("53300"), "too many connections"), Answer::Unreachable(_)));
    }

    #[tokio::test]
    async fn nobody_who_listens_and_no_address_are_told_apart() {
        let (answer, _) = ask("postgres://a:b@127.0.0.1:1/c", None).await;
        assert!(
            matches!(&answer, Answer::Unreachable(why) if why.starts_with("127.0.0.1:1: ")),
            "{answer:?}"
        );
        let (answer, _) = ask("not a url", None).await;
        assert!(matches!(answer, Answer::Unsuitable(_)), "{answer:?}");
    }
}
