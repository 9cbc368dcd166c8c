//! JSON pointers (RFC 6901), built from the inside out.
//!
//! A fault is raised where the trouble is and travels outwards; each container it passes adds the
//! step that led to it in front. So a value without faults pays nothing for its path.

/// Longest member name shown whole in a pointer, in characters. Names come from the sender, and
/// a pointer is published: an answer must not grow with what was sent.
const STEP_CHARS_MAX: usize = 128;

/// Put a step in front of a pointer.
pub(super) fn enter(path: &mut String, step: &str) {
    let mut whole = String::with_capacity(path.len() + step.len() + 1);
    whole.push('/');
    for (count, symbol) in step.chars().enumerate() {
        if count == STEP_CHARS_MAX {
            whole.push('…');
            break;
        }
        match symbol {
            '~' => whole.push_str("~0"),
            '/' => whole.push_str("~1"),
            other => whole.push(other),
        }
    }
    whole.push_str(path);
    *path = whole;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_escaped_and_stand_in_order() {
        let mut path = String::new();
        enter(&mut path, "a/b~c");
        enter(&mut path, "0");
        enter(&mut path, "legs");
        assert_eq!(path, "/legs/0/a~1b~0c");
    }

    #[test]
    fn a_long_name_is_cut() {
        let mut path = String::new();
        enter(&mut path, &"ü".repeat(1_000));
        assert_eq!(path, format!("/{}…", "ü".repeat(STEP_CHARS_MAX)));
    }
}
