//! How Kubernetes writes the keys and values of labels, which taints, annotations and resources share.

/// Longest name of a key, and longest value.
const NAME_CHARS_MAX: usize = 63;
/// Longest domain of a key.
const DOMAIN_CHARS_MAX: usize = 253;

/// Whether a text is a key: a name, with a domain and `/` before it if need be.
pub fn is_key(text: &str) -> bool {
    match text.split_once('/') {
        Some((domain, name)) => is_domain(domain) && is_name(name),
        None => is_name(text),
    }
}

/// Whether a text is the value of a label.
pub fn is_value(text: &str) -> bool {
    text.is_empty() || is_name(text)
}

/// Whether a container can ask for such a resource.
pub fn is_resource(text: &str) -> bool {
    matches!(text, "cpu" | "memory" | "ephemeral-storage")
        || text.starts_with("hugepages-")
        || (text.contains('/') && is_key(text))
}

fn is_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let outer = |c: char| c.is_ascii_alphanumeric();
    text.len() <= NAME_CHARS_MAX
        && text.starts_with(outer)
        && text.ends_with(outer)
        && text.chars().all(inner)
}

fn is_domain(text: &str) -> bool {
    let outer = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let label = |part: &str| {
        part.starts_with(outer) && part.ends_with(outer) && part.chars().all(|c| outer(c) || c == '-')
    };
    text.len() <= DOMAIN_CHARS_MAX && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_are_those_that_kubernetes_takes() {
        for key in ["team", "a.b/C_d", "topology.kubernetes.io/zone", "0"] {
            assert!(is_key(key), "{key}");
        }
        for key in ["", "a b", "-a", "a/", "/a", "A.b/c", "a..b/c", "a/b/c", &"a".repeat(64)] {
            assert!(!is_key(key), "{key}");
        }
        for (value, good) in [("", true), ("A-1_b.c", true), ("a/b", false), ("a b", false), ("a-", false)] {
            assert_eq!(is_value(value), good, "{value}");
        }
        for (resource, good) in
            [("cpu", true), ("nvidia.com/gpu", true), ("hugepages-2Mi", true), ("gpu", false)]
        {
            assert_eq!(is_resource(resource), good, "{resource}");
        }
    }
}
