//! Which queues a reply may go to.
//!
//! Replies are published through the default exchange, which would deliver to any queue of the
//! virtual host. A job must not be able to make kontor write into somebody else's queue.

use regex::Regex;

/// The rule for `reply_to`.
#[derive(Debug, Clone)]
pub struct ReplyTo {
    pattern: Regex,
}

impl ReplyTo {
    /// The pattern of `broker.reply_to`; the default if it is empty.
    pub(super) fn new(pattern: &str, prefix: &str) -> Result<Self, regex::Error> {
        let default = format!(r"^{}\.replies\.", regex::escape(prefix));
        let pattern = if pattern.is_empty() {
            &default
        } else {
            pattern
        };
        Ok(Self {
            pattern: Regex::new(pattern)?,
        })
    }

    /// Whether a reply may go there: direct reply-to, a queue the broker named, or one that
    /// matches.
    pub fn allows(&self, queue: &str) -> bool {
        queue == "amq.rabbitmq.reply-to"
            || queue.starts_with("amq.rabbitmq.reply-to.")
            || queue.starts_with("amq.gen-")
            || self.pattern.is_match(queue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_go_to_reply_queues_only() {
        let rule = ReplyTo::new("", "kontor").unwrap();
        for queue in [
            "kontor.replies.web",
            "amq.gen-x1",
            "amq.rabbitmq.reply-to.g1.abc",
        ] {
            assert!(rule.allows(queue), "{queue}");
        }
        for queue in [
            "kontor.jobs.0",
            "kontorXreplies.web",
            "x.kontor.replies.a",
            "amq.topic",
            "",
        ] {
            assert!(!rule.allows(queue), "{queue}");
        }
    }

    #[test]
    fn an_own_pattern_replaces_the_default() {
        let rule = ReplyTo::new("^answers-", "kontor").unwrap();
        assert!(rule.allows("answers-1"));
        assert!(!rule.allows("kontor.replies.web"));
    }
}
