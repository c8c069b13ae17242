//! Pods of StatefulSets that are not even made. A Deployment says why; of a StatefulSet only Events tell.

use std::collections::{BTreeMap, BTreeSet};

use crd::conditions::reasons;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::status::Trouble;

/// A pod is given this long to be made, also anew.
const ABSENT_AFTER: SignedDuration = SignedDuration::from_secs(30);

/// The pods that a StatefulSet should have and that are not there.
pub fn absent<'a>(
    set: &'a str,
    replicas: i64,
    pods: &'a BTreeSet<&str>,
) -> impl Iterator<Item = String> + 'a {
    (0..replicas).map(move |ordinal| format!("{set}-{ordinal}")).filter(|name| !pods.contains(name.as_str()))
}

/// Since when pods have been seen to be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Absences(BTreeMap<String, Timestamp>);

impl Absences {
    /// Notes the pods that are absent now; those that came are forgotten.
    pub fn see(&mut self, absent: impl IntoIterator<Item = String>, now: Timestamp) {
        let before = std::mem::take(&mut self.0);
        let since = |name: &String| before.get(name).copied().unwrap_or(now);
        self.0 =
            absent.into_iter().map(|name| (since(&name), name)).map(|(since, name)| (name, since)).collect();
    }

    /// What a person has to be told of those of a StatefulSet that were absent for too long.
    pub fn trouble(&self, set: &str, now: Timestamp) -> Option<Trouble> {
        let is_of = |name: &str| name.rsplit_once('-').is_some_and(|(of, _)| of == set);
        let lasting = |since: Timestamp| now.duration_since(since) >= ABSENT_AFTER;
        let names: Vec<&str> = self
            .0
            .iter()
            .filter(|(name, since)| is_of(name) && lasting(**since))
            .map(|(name, _)| name.as_str())
            .collect();
        (!names.is_empty()).then(|| Trouble {
            reason: reasons::PODS_REFUSED,
            message: format!(
                "{} could not be created: a quota or an admission policy may refuse the pod or its volume; see `kubectl \
                 get events --field-selector reason=FailedCreate`",
                names.join(", ")
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_that_is_not_made_is_told_of_after_a_while_and_one_that_came_is_not() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let pods = BTreeSet::from(["clicks-shard-0-1", "clicks-shard-1-0"]);
        let missing: Vec<String> = absent("clicks-shard-0", 3, &pods).collect();
        assert_eq!(missing, ["clicks-shard-0-0", "clicks-shard-0-2"]);
        let mut absences = Absences::default();
        absences.see(missing.clone(), at(100));
        assert_eq!(absences.trouble("clicks-shard-0", at(110)), None);
        absences.see(missing.clone(), at(120));
        let told = absences.trouble("clicks-shard-0", at(130)).unwrap();
        assert!(
            told.message.starts_with("clicks-shard-0-0, clicks-shard-0-2 could not be created"),
            "{told:?}"
        );
        assert_eq!(told.reason, reasons::PODS_REFUSED);
        assert_eq!(absences.trouble("clicks-shard", at(130)), None, "another set");
        absences.see(Vec::new(), at(131));
        absences.see(missing, at(140));
        assert_eq!(absences.trouble("clicks-shard-0", at(150)), None, "it was there in between");
    }
}
