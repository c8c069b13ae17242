//! Whether the Lease is still ours, from what it said whenever it was read. Nothing here is asked of a clock of the
//! cluster's: that a renewal was seen is what counts, not the time that stands in it.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::LeaseSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

/// What is known of a Lease that was acquired. Times are since any one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenure {
    identity: String,
    /// After so long without a renewal another may take the Lease.
    lasts: Duration,
    /// The Lease was surely renewed after this.
    confirmed: Duration,
    /// The last look, and the renewal that it found.
    looked: Duration,
    renewed: Option<MicroTime>,
    /// Somebody else was found to hold it.
    taken: bool,
}

impl Tenure {
    /// Of a Lease that was acquired now.
    pub fn new(identity: &str, lasts: Duration, now: Duration) -> Self {
        let identity = identity.to_owned();
        Self { identity, lasts, confirmed: now, looked: now, renewed: None, taken: false }
    }

    /// Notes what the Lease said when it was asked for at `asked`. One that nobody holds confirms nothing.
    pub fn look(&mut self, lease: Option<&LeaseSpec>, asked: Duration) {
        let Some(holder) = lease.and_then(|lease| lease.holder_identity.as_deref()) else { return };
        if holder != self.identity {
            self.taken = true;
            return;
        }
        let renewed = lease.and_then(|lease| lease.renew_time.clone());
        if renewed != self.renewed {
            // Somewhere between the last look and this one; the first look finds the renewal of the acquisition.
            if self.renewed.is_some() {
                self.confirmed = self.looked;
            }
            self.renewed = renewed;
        }
        self.looked = asked;
    }

    /// How long it is surely ours; nothing once it may be another's.
    pub fn left(&self, now: Duration) -> Duration {
        if self.taken { Duration::ZERO } else { (self.confirmed + self.lasts).saturating_sub(now) }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    const LASTS: Duration = Duration::from_secs(15);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn lease(holder: Option<&str>, renewed: i64) -> LeaseSpec {
        LeaseSpec {
            holder_identity: holder.map(Into::into),
            renew_time: Some(MicroTime(Timestamp::from_second(renewed).unwrap())),
            ..LeaseSpec::default()
        }
    }

    #[test]
    fn a_lease_that_is_renewed_is_kept_for_ever() {
        let mut tenure = Tenure::new("a", LASTS, seconds(100));
        for look in 0..500 {
            let now = 100 + 2 * look;
            // Renewed every five seconds, by a clock that has nothing to do with ours.
            let renewed = i64::try_from(9_000 + now / 5 * 5).unwrap();
            tenure.look(Some(&lease(Some("a"), renewed)), seconds(now));
            assert!(tenure.left(seconds(now)) >= seconds(6), "{now}: {tenure:?}");
        }
    }

    #[test]
    fn an_api_server_that_is_away_costs_the_lease_before_another_may_take_it() {
        let mut tenure = Tenure::new("a", LASTS, seconds(0));
        tenure.look(Some(&lease(Some("a"), 0)), seconds(2));
        tenure.look(Some(&lease(Some("a"), 5)), seconds(6));
        assert_eq!(tenure.left(seconds(6)), seconds(11), "renewed after the look at 2 s");
        assert_eq!(tenure.left(seconds(16)), seconds(1));
        assert_eq!(tenure.left(seconds(17)), Duration::ZERO);
        assert_eq!(tenure.left(seconds(600)), Duration::ZERO);
    }

    #[test]
    fn reading_a_lease_that_nobody_renews_does_not_keep_it() {
        let mut tenure = Tenure::new("a", LASTS, seconds(0));
        for now in 1..15 {
            tenure.look(Some(&lease(Some("a"), 0)), seconds(now));
        }
        assert_eq!(tenure.left(seconds(14)), seconds(1));
        tenure.look(None, seconds(14));
        tenure.look(Some(&lease(None, 14)), seconds(14));
        assert_eq!(tenure.left(seconds(15)), Duration::ZERO, "deleted, or given up");
    }

    #[test]
    fn a_lease_that_another_holds_is_lost_at_once_and_for_good() {
        let mut tenure = Tenure::new("a", LASTS, seconds(0));
        tenure.look(Some(&lease(Some("b"), 1)), seconds(1));
        assert_eq!(tenure.left(seconds(1)), Duration::ZERO);
        tenure.look(Some(&lease(Some("a"), 2)), seconds(2));
        assert_eq!(tenure.left(seconds(2)), Duration::ZERO);
    }
}
