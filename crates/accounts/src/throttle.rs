//! Slows down guessing: five failed logins a minute for one e-mail, and from one address. Counted in this process and
//! before the password is looked at, so that guesses sent at once count too. Time comes in as an argument.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::memory::lock;

/// Failures within [`WINDOW`] after which the next attempt is refused unseen.
const FAILURES_MAX: usize = 5;
const WINDOW: Duration = Duration::from_mins(1);
/// E-mails and addresses remembered, at most (about 200 bytes each); the oldest go first.
const ENTRIES_MAX: usize = 10_000;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Who {
    /// The hash of an e-mail: as long as any other, whatever was sent.
    Email([u8; 16]),
    Address(IpAddr),
}

/// See the module.
#[derive(Default)]
pub(crate) struct Throttle {
    failures: Mutex<HashMap<Who, Vec<Instant>>>,
}

/// An attempt that counts as a failure until it is known to be none.
#[must_use]
pub(crate) struct Attempt<'a> {
    throttle: &'a Throttle,
    who: [Who; 2],
    at: Instant,
}

impl Throttle {
    /// Begins an attempt, or says how long to wait.
    pub(crate) fn begin(&self, email: &str, address: IpAddr, now: Instant) -> Result<Attempt<'_>, Duration> {
        let who = [email_key(email), Who::Address(network(address))];
        let mut failures = lock(&self.failures);
        if failures.len() + who.len() > ENTRIES_MAX {
            make_room(&mut failures, now);
        }
        for one in &who {
            if let Some(times) = failures.get_mut(one) {
                times.retain(|at| now.saturating_duration_since(*at) < WINDOW);
                if times.len() >= FAILURES_MAX {
                    return Err(WINDOW.saturating_sub(now.saturating_duration_since(times[0])));
                }
            }
        }
        for one in &who {
            failures.entry(one.clone()).or_default().push(now);
        }
        Ok(Attempt { throttle: self, who, at: now })
    }
}

impl Attempt<'_> {
    /// The password was right: the e-mail starts anew, the address gets this attempt back.
    pub(crate) fn succeeded(self) {
        let mut failures = lock(&self.throttle.failures);
        failures.remove(&self.who[0]);
        drop(failures);
        self.never_was();
    }

    /// It was not decided whether the password is right.
    pub(crate) fn never_was(self) {
        let mut failures = lock(&self.throttle.failures);
        for one in &self.who {
            if let Some(times) = failures.get_mut(one) {
                if let Some(place) = times.iter().position(|at| *at == self.at) {
                    times.remove(place);
                }
                if times.is_empty() {
                    failures.remove(one);
                }
            }
        }
    }
}

fn make_room(failures: &mut HashMap<Who, Vec<Instant>>, now: Instant) {
    failures.retain(|_, times| times.last().is_some_and(|at| now.saturating_duration_since(*at) < WINDOW));
    if failures.len() + 2 > ENTRIES_MAX {
        // all within a minute: a flood from many addresses. Half of it goes, the oldest first.
        let mut ends: Vec<Instant> = failures.values().filter_map(|times| times.last().copied()).collect();
        ends.sort_unstable();
        let middle = ends[ends.len() / 2];
        failures.retain(|_, times| times.last().is_some_and(|at| *at > middle));
    }
}

fn email_key(email: &str) -> Who {
    let mut key = [0; 16];
    key.copy_from_slice(&blake3::hash(email.as_bytes()).as_bytes()[..16]);
    Who::Email(key)
}

/// An IPv6 customer has a whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn the_sixth_failure_within_a_minute_is_refused_for_the_email_and_for_the_address() {
        let throttle = Throttle::default();
        let now = Instant::now();
        for last in 0..5 {
            assert!(throttle.begin("a@b.c", address(last), now).is_ok());
        }
        assert_eq!(
            throttle.begin("a@b.c", address(9), now + Duration::from_secs(20)).err(),
            Some(Duration::from_secs(40))
        );
        assert!(throttle.begin("other@b.c", address(9), now).is_ok());
        for n in 0..5 {
            assert!(throttle.begin(&format!("{n}@b.c"), address(77), now).is_ok());
        }
        assert!(throttle.begin("new@b.c", address(77), now).is_err());
        assert!(throttle.begin("a@b.c", address(9), now + WINDOW).is_ok());
    }

    #[test]
    fn right_passwords_do_not_count() {
        let throttle = Throttle::default();
        let now = Instant::now();
        for _ in 0..50 {
            throttle.begin("a@b.c", address(1), now).expect("not refused").succeeded();
        }
        assert!(lock(&throttle.failures).is_empty());
    }

    #[test]
    fn a_flood_from_everywhere_stays_bounded() {
        let throttle = Throttle::default();
        let now = Instant::now();
        for n in 0..30_000_u32 {
            let address = IpAddr::from(n.to_be_bytes());
            let _ = throttle.begin(&format!("{n}@b.c"), address, now + Duration::from_micros(u64::from(n)));
        }
        assert!(lock(&throttle.failures).len() <= ENTRIES_MAX);
    }

    #[test]
    fn neighbours_in_one_ipv6_network_count_as_one() {
        let one = network("2001:db8::1".parse().unwrap());
        assert_eq!(one, network("2001:db8::ffff:2".parse().unwrap()));
        assert_ne!(one, network("2001:db8:0:1::1".parse().unwrap()));
        assert_eq!(network("::ffff:10.0.0.1".parse().unwrap()), address(1));
    }
}
