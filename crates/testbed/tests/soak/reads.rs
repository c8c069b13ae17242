//! What people look at meanwhile, one question after the other.

use std::time::Duration;

use testbed::Pipeline;
use tokio::time::Instant;

/// Asks for so long, with a pause after each question; answers how many there were. None may find a fault of the API.
pub async fn run(pipeline: &Pipeline, pause: Duration, how_long: Duration) -> u64 {
    let paths = [
        "/api/v1/limits",
        "/api/v1/events/soak-alone-3?userId=user-3",
        "/api/health",
        "/api/v1/dlq",
        "/api/openapi.json",
        "/api/v1/events?userId=user-7&limit=10",
        "/api/ready",
        "/api/v1/events/nowhere?userId=nobody",
    ];
    let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
    let (began, mut asked) = (Instant::now(), 0);
    for path in paths.iter().cycle() {
        let request = http.get(format!("{}{path}", pipeline.api())).header("x-api-key", &pipeline.key);
        if let Ok(response) = request.send().await {
            let (status, text) = (response.status().as_u16(), response.text().await.unwrap_or_default());
            // 503: FerretDB was not done in the API's time.
            assert!([200, 404, 503].contains(&status), "{path}: {status} {text}");
            asked += 1;
        }
        if began.elapsed() + pause > how_long {
            break;
        }
        tokio::time::sleep(pause).await;
    }
    asked
}
