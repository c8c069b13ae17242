//! Numbers that may be trusted: what comes in is made finite and bounded once, so that no later line can overflow,
//! divide by nothing or meet a NaN.

/// Integers up to this are exact in an `f64`; no counter of events gets there (at 1M/s: 285 years).
pub(super) const AMOUNT_MAX: f64 = 9_007_199_254_740_992.0;
/// Seconds. Above any clock, milliseconds since 1970 included; three decimals still differ there.
pub(super) const TIME_MAX: f64 = 4.0e12;
/// Events per second, of a fleet. Six decimals still differ there.
pub(super) const RATE_MAX: f64 = 4.0e9;
/// Events per second of one worker: an event that takes eleven days.
pub(super) const RATE_MIN: f64 = 1.0e-6;

/// A quantity that is none when it is null, not finite or negative.
pub(super) fn amount(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite() && *value >= 0.0).map(|value| value.min(AMOUNT_MAX))
}

/// A cumulative counter; unlike an amount it may be anywhere, as only its growth counts.
pub(super) fn counter(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite()).map(|value| value.clamp(-AMOUNT_MAX, AMOUNT_MAX))
}

/// A time, or none when it is no number.
pub(super) fn time(value: f64) -> Option<f64> {
    // Plus zero: there is one zero and not two.
    value.is_finite().then(|| value.clamp(-TIME_MAX, TIME_MAX) + 0.0)
}

/// Events per second.
pub(super) fn rate(events: f64, seconds: f64) -> f64 {
    if seconds > 0.0 { (events / seconds).clamp(0.0, RATE_MAX) } else { 0.0 }
}

/// Whole workers for a need: rounded up, but a rounding error above a whole number is that number.
pub(super) fn workers(need: f64) -> u32 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float saturates")]
    let whole = (need - 1e-9).ceil().max(0.0) as u32;
    whole
}

/// Six decimals: what is saved or printed reads back as the same number everywhere, and is the same number again.
pub(super) fn micro(value: f64) -> f64 {
    let rounded = (value * 1e6).round() / 1e6 + 0.0;
    if value.abs() < RATE_MAX { rounded } else { value.round() }
}

/// Three decimals, for times.
pub(super) fn milli(value: f64) -> f64 {
    (value * 1e3).round() / 1e3 + 0.0
}
