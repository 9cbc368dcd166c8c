//! Letters: what a message is about becomes the message, the same one each time it is sent.

use std::sync::Arc;

use super::super::decode::{ContentType, DeadPart, part};
use super::{Aside, Mode, Repeat, Targets};
use crate::broker::{HeaderValue, Properties, Publish, Why, dead_letter};
use crate::ledger::{Commit, JobRecord, NameTable, Reply};
use crate::wire::outcome;

/// What a message on its way is about, so that it can be made again.
#[derive(Debug)]
pub(super) enum What {
    /// Outcomes of a commit, from one record to another.
    Outcomes {
        commit: Arc<Commit>,
        from: usize,
        to: usize,
    },
    /// A copy of an outcome to the one who asked.
    Reply {
        commit: Arc<Commit>,
        at: usize,
        reply: Reply,
        duplicate: bool,
    },
    /// A first outcome again.
    Repeat(Repeat),
    /// A dead letter.
    Aside(Box<Aside>),
}

/// Makes them.
#[derive(Debug)]
pub(super) struct Letters {
    pub(super) mode: Mode,
    pub(super) targets: Targets,
    pub(super) names: NameTable,
}

impl Letters {
    /// The message, to be sent by someone who knows of so many losses; none if there is nothing to
    /// say.
    pub(super) fn message(&self, token: u64, losses: u64, what: &What) -> Option<Publish> {
        let mut publish = match what {
            What::Outcomes { commit, from, to } => self.outcomes(commit, *from, *to)?,
            What::Reply {
                commit,
                at,
                reply,
                duplicate,
            } => {
                let mut publish = self.single(commit, job_at(commit, *at)?, *duplicate);
                publish.exchange = String::new();
                publish.routing_key = reply.to.to_string();
                if let Some(correlation) = &reply.correlation_id {
                    publish.properties.correlation_id = Some(correlation.to_string());
                }
                publish
            }
            What::Repeat(repeat) => {
                let job = outcome::at(&repeat.commit, repeat.position)?;
                self.single(&repeat.commit, job, true)
            }
            What::Aside(aside) => self.aside(aside),
        };
        publish.token = token;
        publish.after_losses = Some(losses);
        Some(publish)
    }

    fn outcomes(&self, commit: &Arc<Commit>, from: usize, to: usize) -> Option<Publish> {
        if self.mode != Mode::Batched {
            return Some(self.single(commit, job_at(commit, from)?, false));
        }
        let first = job_at(commit, from)?;
        let mut body = Vec::new();
        let mut last = first;
        for at in from..to {
            if let Some(job) = job_at(commit, at)
                && job.book == first.book
            {
                outcome::encode(job, commit, &self.names, &mut body);
                body.push(b'\n');
                last = job;
            }
        }
        let book = self.names.book(first.book);
        Some(Publish {
            exchange: self.targets.outcomes.clone(),
            routing_key: format!("{book}.batch"),
            mandatory: true,
            properties: Properties {
                content_type: Some("application/x-ndjson".to_owned()),
                message_id: Some(outcome::batch_id(first, last, commit, &self.names)),
                delivery_mode: Some(2),
                ..Properties::default()
            },
            body,
            ..Publish::default()
        })
    }

    fn single(&self, commit: &Commit, job: &JobRecord, duplicate: bool) -> Publish {
        let mut publish = outcome_message(&self.targets.outcomes, commit, job, &self.names);
        if duplicate {
            let header = HeaderValue::Bool(true);
            publish.properties.set_header("kontor-duplicate", header);
        }
        publish
    }

    fn aside(&self, aside: &Aside) -> Publish {
        let Aside {
            original,
            part: DeadPart { letter, line },
            received_at,
            ..
        } = aside;
        let properties = &original.properties;
        let encoding = properties.content_encoding.as_deref();
        let bytes = ContentType::of(properties.content_type.as_deref(), encoding)
            .ok()
            .filter(|_| *line > 0)
            .and_then(|content_type| part(content_type, &original.body, *line));
        let detail = letter.message();
        let why = Why {
            reason: letter.code.text(),
            detail: &detail,
            path: letter.path.as_deref(),
            line: (*line > 0).then(|| u64::from(*line)),
            received_at,
        };
        dead_letter(&self.targets.dead, 0, original, bytes.as_deref(), &why)
    }
}

/// The message of one outcome for an exchange, the same one each time.
pub fn outcome_message(
    exchange: &str,
    commit: &Commit,
    job: &JobRecord,
    names: &NameTable,
) -> Publish {
    let mut body = Vec::with_capacity(512);
    outcome::encode(job, commit, names, &mut body);
    let mut properties = Properties {
        content_type: Some("application/json".to_owned()),
        message_id: Some(outcome::message_id(job, commit, names)),
        correlation_id: Some(job.envelope.key.to_string()),
        kind: Some(outcome::kind(job).to_owned()),
        delivery_mode: Some(2),
        ..Properties::default()
    }
    .with_text("kontor-status", job.outcome.status.text());
    if let Some(trace) = &job.envelope.traceparent {
        properties.set_header("traceparent", HeaderValue::text(trace));
    }
    Publish {
        exchange: exchange.to_owned(),
        routing_key: outcome::routing_key(job, names),
        mandatory: true,
        properties,
        body,
        ..Publish::default()
    }
}

fn job_at(commit: &Commit, at: usize) -> Option<&JobRecord> {
    commit.records.get(at)?.as_job()
}
