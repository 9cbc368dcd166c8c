//! The jobs of a case as their producers send them, each at its instant.

use super::case::{Case, CaseFault, CaseJob, RAW};
use crate::jobs::catalogue::FIRST_QUESTION;
use crate::jobs::kind_code;
use crate::time::Timestamp;

/// Where the clock stands if no job says so.
const CLOCK: &str = "2027-01-01T00:00:00Z";

/// One job and when it comes.
#[derive(Debug)]
pub struct Step<'c> {
    /// The job.
    pub job: &'c CaseJob,
    /// Where the clock stands. A job may name an instant before that of an earlier one.
    pub now: Timestamp,
    /// The message that carries it; none for a question, which does not come with the jobs.
    pub message: Option<Message>,
}

/// A message on the queue of the jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The book it is sent to, if it names one; else that of the case.
    pub book: Option<String>,
    /// Who acts, as whoever sends it vouches.
    pub actor: Option<String>,
    /// Content type.
    pub content_type: String,
    /// Body.
    pub body: Vec<u8>,
}

impl Case {
    /// The jobs, in order.
    pub fn steps(&self) -> Result<Vec<Step<'_>>, CaseFault> {
        let mut now = self.begins()?;
        let mut steps = Vec::with_capacity(self.jobs.len());
        for (at, job) in self.jobs.iter().enumerate() {
            if let Some(text) = &job.at {
                now = instant(at, text)?;
            }
            let message = job.sent(at)?;
            steps.push(Step { job, now, message });
        }
        Ok(steps)
    }

    /// The earliest instant that a job names.
    pub fn begins(&self) -> Result<Timestamp, CaseFault> {
        let jobs = self.jobs.iter().enumerate();
        let named = jobs.filter_map(|(at, job)| Some(instant(at, job.at.as_deref()?)));
        let named: Vec<Timestamp> = named.collect::<Result<_, _>>()?;
        let first = named.into_iter().min();
        Ok(first
            .or_else(|| Timestamp::parse(CLOCK))
            .unwrap_or_default())
    }
}

impl CaseJob {
    /// The message that carries the job at a place of the list; none if it is a question.
    fn sent(&self, at: usize) -> Result<Option<Message>, CaseFault> {
        let json = "application/json";
        if self.kind == RAW {
            let fault = |problem| CaseFault::member(format!("/jobs/{at}/data"), problem);
            let raw = self.raw().map_err(fault)?;
            return Ok(Some(Message {
                book: None,
                actor: None,
                body: raw.bytes().map_err(fault)?,
                content_type: raw.content_type.unwrap_or_else(|| json.to_owned()),
            }));
        }
        if kind_code(&self.kind).is_some_and(|code| code >= FIRST_QUESTION) {
            return Ok(None);
        }
        Ok(Some(Message {
            // Whoever sends a job gives it the routing key of the book that it names.
            book: self.book(),
            actor: self.actor(),
            body: self.message(),
            content_type: json.to_owned(),
        }))
    }
}

fn instant(at: usize, text: &str) -> Result<Timestamp, CaseFault> {
    Timestamp::parse(text).ok_or_else(|| {
        let problem = format!("{text:?} is no RFC 3339 instant such as {CLOCK}");
        CaseFault::member(format!("/jobs/{at}/at"), problem)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_comes_at_the_instant_that_was_named_last() {
        let text = r#"{"title":"a","jobs":[
            {"n":1,"kind":"entry.post","book":"other","actor":"anna","at":"2026-05-01T12:00:00Z"},
            {"n":2,"kind":"raw","data":{"body":"x","content_type":"text/plain"}},
            {"n":3,"kind":"query.balance","at":"2026-04-01T12:00:00Z"}]}"#;
        let case = Case::read(text.as_bytes()).unwrap();
        let steps = case.steps().unwrap();
        let shown: Vec<String> = steps.iter().map(|step| step.now.short()).collect();
        let (may, april) = ("2026-05-01T12:00:00Z", "2026-04-01T12:00:00Z");
        assert_eq!(shown, [may, may, april]);
        assert_eq!(case.begins().unwrap().short(), april);
        let sent: Vec<Option<&Message>> = steps.iter().map(|step| step.message.as_ref()).collect();
        let first = sent[0].unwrap();
        assert_eq!(first.book.as_deref(), Some("other"));
        assert_eq!(first.actor.as_deref(), Some("anna"));
        assert_eq!(sent[1].unwrap().content_type, "text/plain");
        assert_eq!(sent[2], None);
        let never = r#"{"title":"a","jobs":[{"n":1,"kind":"raw","at":"tomorrow"}]}"#;
        let fault = Case::read(never.as_bytes()).unwrap().steps().unwrap_err();
        assert!(fault.to_string().starts_with("/jobs/0/at: "), "{fault}");
    }
}
