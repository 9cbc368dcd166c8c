//! Every setting there is: key, rule, default, unit and what it is for.
//!
//! One table, read by everything: the reader takes defaults and bounds from it,
//! `config/kontor.toml` and `docs/configuration.md` are rendered from it, and a key that is not in
//! it is a mistake in the operator's file. Rules between two settings are not here; they stand in
//! `check.rs`.

use super::setting::{Reload, Rule, Section, Setting};

/// The highest partition number: 1,024 queues are more than one broker wants to serve.
pub const PARTITION_MAX: u64 = 1_023;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

const fn setting(key: &'static str, rule: Rule, unit: &'static str, text: &'static str) -> Setting {
    Setting {
        key,
        rule,
        unit,
        reload: Reload::Restart,
        text,
    }
}

const fn live(key: &'static str, rule: Rule, text: &'static str) -> Setting {
    Setting {
        key,
        rule,
        unit: "",
        reload: Reload::Live,
        text,
    }
}

const fn text(default: &'static str) -> Rule {
    Rule::Text { default }
}

const fn whole(default: u64, min: u64, max: u64) -> Rule {
    Rule::Whole { default, min, max }
}

/// All sections but `[[book]]`, in the order of the file.
pub const SECTIONS: &[Section] = &[
    Section {
        name: "broker",
        text: "Where jobs come from and outcomes go to.",
        settings: BROKER,
    },
    Section {
        name: "journal",
        text: "Where the durable book of original entry is kept.",
        settings: JOURNAL,
    },
    Section {
        name: "partitions",
        text: "Which part of the work this process does.",
        settings: &[setting(
            "partitions.run",
            Rule::Wholes {
                default: &[0],
                max: PARTITION_MAX,
            },
            "partition numbers",
            "Which partitions this process serves. Each needs at least one book.",
        )],
    },
    Section {
        name: "pipeline",
        text: "How much may be under way between the broker and the journal.",
        settings: PIPELINE,
    },
    Section {
        name: "outcomes",
        text: "What is published about the jobs.",
        settings: OUTCOMES,
    },
    Section {
        name: "http",
        text: "Metrics, health and the read side.",
        settings: &[setting(
            "http.listen",
            text("127.0.0.1:9464"),
            "",
            "IP address and port to listen on. There is no authentication: keep it on loopback, or \
             put a proxy in front that asks who is there. On loopback only requests whose Host is \
             an IP address or localhost are answered.",
        )],
    },
    Section {
        name: "clock",
        text: "How far the clock of the machine is believed.",
        settings: &[setting(
            "clock.jump_max_s",
            whole(60, 1, 86_400),
            "seconds",
            "If the wall clock runs away from the monotonic one by more than this, or at start \
             lies this far before the last record, intake stops and readiness falls.",
        )],
    },
    Section {
        name: "log",
        text: "What is written to standard error.",
        settings: LOG,
    },
];

const BROKER: &[Setting] = &[
    setting(
        "broker.uri",
        text("amqp://guest:guest@127.0.0.1:5672/%2f"),
        "",
        "Address of the broker: amqp:// or amqps:// for TLS. A password may also come from \
         password_file or from the systemd credential amqp-password, and should.",
    ),
    setting(
        "broker.prefix",
        text("kontor"),
        "",
        "First word of every exchange and queue: 1 to 32 of a-z, 0-9, '.', '_' and '-'.",
    ),
    setting(
        "broker.prefetch",
        whole(2_000, 1, 65_535),
        "deliveries",
        "Unacknowledged deliveries the broker may have open with one partition. Times \
         message_bytes_max it must fit intake_bytes_max and half the memory limit of the cgroup.",
    ),
    setting(
        "broker.prefetch_min",
        whole(256, 1, 65_535),
        "deliveries",
        "One batch of one-job messages. Where memory is short prefetch is lowered as far as this, \
         with a warning; below it kontor refuses to start.",
    ),
    setting(
        "broker.message_bytes_max",
        whole(MIB, KIB, 16 * MIB),
        "bytes",
        "Largest message body that is read; a larger one becomes a dead letter.",
    ),
    setting(
        "broker.intake_bytes_max",
        whole(2 * GIB, MIB, TIB),
        "bytes",
        "Most memory that open deliveries of all partitions may take: prefetch times \
         message_bytes_max times partitions.",
    ),
    live(
        "broker.username",
        text(""),
        "User name. Empty: the one in uri. A changed one is used for the next connection.",
    ),
    live(
        "broker.password",
        Rule::Secret,
        "Password. Empty: from password_file, else from the systemd credential amqp-password, else \
         the one in uri. Better kept out of this file.",
    ),
    live(
        "broker.password_file",
        text(""),
        "File that holds the password and nothing else; one line end after it is ignored. It is \
         read again for every connection.",
    ),
    live(
        "broker.ca_file",
        text(""),
        "PEM file of the authorities that may vouch for the broker. Empty: those of the system. \
         Only with amqps://.",
    ),
    live(
        "broker.client_cert_file",
        text(""),
        "PEM file of our own certificate chain, for SASL EXTERNAL. Only with client_key_file and \
         amqps://.",
    ),
    live(
        "broker.client_key_file",
        text(""),
        "PEM file (PKCS#8) of the key to client_cert_file.",
    ),
    setting(
        "broker.heartbeat_s",
        whole(10, 1, 600),
        "seconds",
        "Heartbeat asked of the broker; a peer silent for twice as long is taken for gone.",
    ),
    setting(
        "broker.connect_timeout_ms",
        whole(10_000, 100, 600_000),
        "milliseconds",
        "How long one attempt to connect may take.",
    ),
    setting(
        "broker.reconnect_ms_min",
        whole(100, 10, 60_000),
        "milliseconds",
        "Pause before the first attempt to reconnect; it doubles, with jitter, up to \
         reconnect_ms_max.",
    ),
    setting(
        "broker.reconnect_ms_max",
        whole(5_000, 10, 600_000),
        "milliseconds",
        "Longest pause between two attempts to reconnect.",
    ),
    setting(
        "broker.reply_to",
        text(""),
        "",
        "Regular expression of the queues that replies may go to, besides direct reply-to and \
         amq.gen-*. Empty: ^<prefix>\\.replies\\.",
    ),
    setting(
        "broker.trusted_front_ends",
        Rule::Texts,
        "",
        "Broker users whose word on the actor of a job is taken. Default none: then an actor must \
         equal the user the broker vouches for.",
    ),
    setting(
        "broker.outcomes_log",
        Rule::Switch { default: true },
        "",
        "Whether the topology has <prefix>.outcomes.log, a stream of all outcomes that can be \
         replayed.",
    ),
];

const JOURNAL: &[Setting] = &[
    setting(
        "journal.kind",
        Rule::Choice {
            default: "file",
            of: &["file", "postgres"],
        },
        "",
        "file is the embedded journal on a local disk; postgres is not built yet.",
    ),
    setting(
        "journal.dir",
        text("/var/lib/kontor"),
        "",
        "State directory of the file journal, on a local file system. One folder and one lock per \
         partition.",
    ),
    setting(
        "journal.url",
        text(""),
        "",
        "Database of the postgres journal.",
    ),
    setting(
        "journal.archive_dir",
        text(""),
        "",
        "Directory to which segments move that no start needs any more: those before the two \
         newest snapshots. It may be on another local file system, belongs to one state directory, \
         and must stay readable; without one every segment stays in dir.",
    ),
    setting(
        "journal.segment_bytes",
        whole(64 * MIB, MIB, GIB),
        "bytes",
        "Size of one segment. Segments are written full ahead of use, so two of them are the least \
         the disk must hold.",
    ),
    setting(
        "journal.snapshot_jobs",
        whole(1_000_000, 1_000, 1_000_000_000),
        "jobs",
        "A snapshot is taken after this many jobs, or after snapshot_bytes, whichever comes first. \
         It bounds the replay after a crash.",
    ),
    setting(
        "journal.snapshot_bytes",
        whole(GIB, MIB, TIB),
        "bytes",
        "A snapshot is taken after this many bytes of journal, or after snapshot_jobs.",
    ),
    setting(
        "journal.seal_idle_ms",
        whole(50, 1, 60_000),
        "milliseconds",
        "After this much idle time a synced seal follows the last group, so that later damage to \
         it cannot pass for a write that was cut off.",
    ),
    setting(
        "journal.free_bytes_min",
        whole(256 * MIB, MIB, TIB),
        "bytes",
        "Free space below which intake stops: a full disk stops work cleanly before it breaks a \
         write.",
    ),
];

const PIPELINE: &[Setting] = &[
    setting(
        "pipeline.batch_jobs_max",
        whole(8_192, 1, 65_536),
        "jobs",
        "Most jobs that the engine takes at once and the journal keeps as one commit. Batches form \
         from what is there; nothing waits for one to fill.",
    ),
    setting(
        "pipeline.ring_jobs",
        whole(16_384, 2, 1_048_576),
        "jobs",
        "Room between decode and post. Two batches, so that one fills while one is posted.",
    ),
    setting(
        "pipeline.ring_commits",
        whole(64, 2, 65_536),
        "commits",
        "Room between post and persist: how far the engine may run ahead of the disk.",
    ),
    setting(
        "pipeline.drain_budget_ms",
        whole(60_000, 0, 3_600_000),
        "milliseconds",
        "How long a stop may take to finish, persist, acknowledge and publish what was taken. Keep \
         it below TimeoutStopSec of the unit.",
    ),
];

const OUTCOMES: &[Setting] = &[
    setting(
        "outcomes.mode",
        Rule::Choice {
            default: "each",
            of: &["each", "batched", "off"],
        },
        "",
        "each: one message per outcome. batched: many outcomes of a book in one message. off: \
         journaled, the cursor follows, nothing published but replies.",
    ),
    setting(
        "outcomes.backlog_bytes_max",
        whole(256 * MIB, MIB, TIB),
        "bytes",
        "Durable outcomes that may wait for the broker; at this bound intake stops.",
    ),
    setting(
        "outcomes.unconfirmed_max",
        whole(512, 1, 65_535),
        "messages",
        "Published messages that may wait for their confirm.",
    ),
];

const LOG: &[Setting] = &[
    live(
        "log.level",
        Rule::Choice {
            default: "info",
            of: &["error", "warn", "info", "debug", "trace"],
        },
        "The least severe line that is written. error: act. warn: look. info: a state changed.",
    ),
    setting(
        "log.format",
        Rule::Choice {
            default: "text",
            of: &["text", "json"],
        },
        "",
        "text for people, json for machines: one object a line.",
    ),
];

/// What kontor itself reads under `[[book]]`; every other member is reference data.
pub const BOOK: &[Setting] = &[
    setting(
        "book.name",
        text("main"),
        "",
        "Name of the book: 1 to 64 of a-z, 0-9, '_' and '-'.",
    ),
    setting(
        "book.functional_unit",
        text("EUR"),
        "",
        "Unit the books are kept in. Empty: none, every document posts in its own unit.",
    ),
    setting(
        "book.time_zone",
        text("Europe/Berlin"),
        "",
        "Zone that turns instants into booking dates, by its IANA name.",
    ),
    setting(
        "book.partition",
        whole(0, 0, PARTITION_MAX),
        "",
        "Partition that holds the book.",
    ),
];

/// Every setting outside `[[book]]`.
pub fn all() -> impl Iterator<Item = &'static Setting> {
    SECTIONS.iter().flat_map(|section| section.settings)
}

/// The setting of this key, also of a book.
pub fn find(key: &str) -> Option<&'static Setting> {
    all().chain(BOOK).find(|setting| setting.key == key)
}
