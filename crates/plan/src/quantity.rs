//! Amounts of Kubernetes (`512Mi`, `250m`) as numbers, to compare and to work out limits from.

/// Bytes of a KiB and a MiB.
pub const MIB: u64 = 1 << 20;

const UNITS: [(&str, u64, u64); 12] = [
    ("Ki", 1 << 10, 1),
    ("Mi", 1 << 20, 1),
    ("Gi", 1 << 30, 1),
    ("Ti", 1 << 40, 1),
    ("Pi", 1 << 50, 1),
    ("m", 1, 1000),
    ("k", 1000, 1),
    ("M", 1_000_000, 1),
    ("G", 1_000_000_000, 1),
    ("T", 1_000_000_000_000, 1),
    ("P", 1_000_000_000_000_000, 1),
    ("", 1, 1),
];

/// Digits behind the point that count; Kubernetes itself rounds up at the ninth.
const FRACTION_DIGITS_MAX: usize = 9;

/// The whole number of an amount, rounded up: bytes of memory or storage. `None` for what is no amount.
pub fn whole(text: &str) -> Option<u64> {
    u64::try_from(scaled(text, 1)?).ok()
}

/// An amount in thousandths, rounded up: CPU. `None` for what is no amount.
pub fn milli(text: &str) -> Option<u128> {
    scaled(text, 1000)
}

fn scaled(text: &str, times: u128) -> Option<u128> {
    let (digits, factor, divisor) = UNITS.iter().find_map(|(unit, factor, divisor)| {
        let digits = text.strip_suffix(unit)?;
        digits.ends_with(|c: char| c.is_ascii_digit()).then_some((digits, *factor, *divisor))
    })?;
    let (integer, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let good = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    if integer.is_empty() || !good(integer) || !good(fraction) || fraction.len() > FRACTION_DIGITS_MAX {
        return None;
    }
    let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    let mantissa = format!("{integer}{fraction}").parse::<u128>().ok()?;
    Some(mantissa.checked_mul(u128::from(factor))?.checked_mul(times)?.div_ceil(scale * u128::from(divisor)))
}

/// An amount of memory as people write it: whole MiB, rounded up.
pub fn mebibytes(bytes: u64) -> String {
    format!("{}Mi", bytes.div_ceil(MIB))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_kubernetes_reads_them() {
        for (text, number) in [
            ("512Mi", 512 << 20),
            ("1.5Gi", 3 << 29),
            ("2G", 2_000_000_000),
            ("1", 1),
            ("250m", 1),
            ("1500m", 2),
            ("0.5", 1),
            ("2P", 2_000_000_000_000_000),
        ] {
            assert_eq!(whole(text), Some(number), "{text}");
        }
        for text in ["", "Mi", "1..5", ".5Gi", "-1", "1e3", "1 Gi", "1Xi", "99999999999999999999Pi", "+1"] {
            assert_eq!(whole(text), None, "{text}");
        }
        assert_eq!(mebibytes((512 << 20) + 1), "513Mi");
        assert_eq!(["250m", "0.5", "2"].map(milli), [Some(250), Some(500), Some(2000)]);
    }
}
