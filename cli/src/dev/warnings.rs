//! Says once in the terminal that a disk is filling up, or that Redis takes no events, and once that it is over. What
//! ends by itself needs no more words.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tokio_util::task::AbortOnDropHandle;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// Less free space than this is little: the stores fill it within seconds under load.
const LOW_MIB: u64 = 100;
/// More than this is enough again, so that the warning does not come and go.
const EASED_MIB: u64 = 200;

/// Looks until the handle is dropped. `folders` are those that the stores write to.
pub fn start(api: &str, folders: Vec<PathBuf>) -> AbortOnDropHandle<()> {
    let url = format!("{api}/api/health");
    AbortOnDropHandle::new(tokio::spawn(async move {
        let http = reqwest::Client::new();
        let mut disks: Vec<(PathBuf, Trouble)> =
            folders.into_iter().map(|folder| (folder, Trouble::default())).collect();
        let mut redis = Trouble::default();
        loop {
            tokio::time::sleep(LOOK).await;
            for (folder, trouble) in &mut disks {
                let Ok(free_mib) = local::disk::free_mib(folder) else { continue };
                let words = low(free_mib, trouble.0).then(|| {
                    let folder = folder.display();
                    format!(
                        "only {free_mib} MiB are free where {folder} lies; when they are used up no events are taken: free some space"
                    )
                });
                print(trouble.news(words, &format!("there is room again where {} lies", folder.display())));
            }
            // An API that does not answer is told of elsewhere.
            let Ok(answer) = http.get(&url).timeout(LOOK * 2).send().await else { continue };
            let Ok(health) = answer.json::<Value>().await else { continue };
            print(redis.news(refusing(&health), "Redis takes events again"));
        }
    }))
}

fn print(news: Option<String>) {
    if let Some(news) = news {
        println!("{news}");
    }
}

fn low(free_mib: u64, was_low: bool) -> bool {
    free_mib < if was_low { EASED_MIB } else { LOW_MIB }
}

/// Why Redis takes no events, of `/api/health`.
fn refusing(health: &Value) -> Option<String> {
    let redis = &health["redis"];
    (redis["status"] == "refusing")
        .then(|| redis["detail"].as_str().unwrap_or("Redis takes no events").to_owned())
}

/// Whether it was told.
#[derive(Default)]
struct Trouble(bool);

impl Trouble {
    /// What to say when this is how it is now.
    fn news(&mut self, words: Option<String>, over: &str) -> Option<String> {
        let before = std::mem::replace(&mut self.0, words.is_some());
        match words {
            Some(words) if !before => Some(format!("warning: {words}")),
            None if before => Some(over.to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn trouble_is_told_once_and_so_is_its_end() {
        let mut trouble = Trouble::default();
        assert_eq!(trouble.news(None, "over"), None);
        assert_eq!(trouble.news(Some("full".into()), "over").as_deref(), Some("warning: full"));
        assert_eq!(trouble.news(Some("still full".into()), "over"), None);
        assert_eq!(trouble.news(None, "over").as_deref(), Some("over"));
        assert_eq!(trouble.news(None, "over"), None);
    }

    #[test]
    fn little_room_stays_little_until_there_is_clearly_more() {
        assert!(low(99, false) && !low(100, false));
        assert!(low(199, true) && !low(200, true));
    }

    #[test]
    fn only_a_redis_that_refuses_is_told_of_here() {
        assert_eq!(
            refusing(&json!({"redis": {"status": "refusing", "detail": "its disk"}})).as_deref(),
            Some("its disk")
        );
        assert_eq!(refusing(&json!({"redis": {"status": "away", "detail": "away"}})), None);
    }
}
