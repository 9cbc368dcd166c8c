//! How large a thing will be when it is written down, without writing it down.

use super::{Commit, Effect, Envelope, Value};

/// About how many bytes an effect with so many legs takes in a record, and rather too many than too
/// few. What is not counted one by one is small.
pub fn weight(effect: &Effect, legs: usize) -> usize {
    const SMALL: usize = 64;
    const LEG: usize = 32;
    let members = match effect {
        Effect::Reference { value, .. } => value.text().len(),
        Effect::Document(change) => change
            .set
            .iter()
            .map(|(_, value)| SMALL.saturating_add(value_weight(value)))
            .fold(0, usize::saturating_add),
        Effect::AccountOpened(opened) => {
            let labels = opened.change.labels.as_ref().map_or(0, Vec::len);
            let text = opened.change.text.as_ref().map_or(0, Vec::len);
            text.saturating_add(labels.saturating_mul(SMALL))
        }
        Effect::Keep { job, .. } => job.as_ref().map_or(0, |job| job.content.len()),
        Effect::Unit { .. }
        | Effect::Post(_)
        | Effect::Hold(_)
        | Effect::Release { .. }
        | Effect::Number { .. }
        | Effect::AccountChanged { .. }
        | Effect::Series { .. }
        | Effect::Period { .. }
        | Effect::NaturalKey(_)
        | Effect::Reversed { .. }
        | Effect::Alarm { .. }
        | Effect::Carried(_) => 0,
    };
    let legs = legs.saturating_mul(LEG);
    SMALL.saturating_add(members).saturating_add(legs)
}

fn value_weight(value: &Value) -> usize {
    const SMALL: usize = 32;
    match value {
        Value::Text(text) => SMALL.saturating_add(text.len()),
        Value::List(values) => values
            .iter()
            .map(value_weight)
            .fold(SMALL, usize::saturating_add),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| name.len().saturating_add(value_weight(value)))
            .fold(SMALL, usize::saturating_add),
        Value::Bool(_) | Value::Int(_) | Value::Amount { .. } | Value::Date(_) => SMALL,
    }
}

/// About how many bytes a job takes in the journal, whatever it does: its content, what stands
/// around it, and its outcome.
pub fn weight_of_job(envelope: &Envelope) -> usize {
    const OUTCOME: usize = 256;
    let text = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
    let reply = envelope.reply.as_ref().map_or(0, |reply| {
        reply.to.len().saturating_add(text(&reply.correlation_id))
    });
    [
        envelope.content.len(),
        envelope.key.len(),
        text(&envelope.principal),
        text(&envelope.actor),
        text(&envelope.traceparent),
        reply,
    ]
    .into_iter()
    .fold(OUTCOME, usize::saturating_add)
}

/// The same of the effects of a commit from this one on.
pub fn weight_of_effects(commit: &Commit, first: usize) -> usize {
    let effects = commit.effects.get(first..).unwrap_or_default();
    let weights = effects.iter().map(|effect| {
        let legs = effect.as_post().map_or(0, |post| post.legs.len());
        weight(effect, legs)
    });
    weights.fold(0, usize::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{AccountIndex, EntryNo};
    use crate::ledger::effect::Nature;
    use crate::ledger::{Leg, Post};
    use crate::time::Date;

    #[test]
    fn an_entry_weighs_by_its_legs() {
        let legs = |count: u32| {
            let post = Post {
                number: EntryNo(1),
                booking_date: Date::from_days(1),
                value_date: Date::from_days(1),
                legs: 0..count,
                reverses: None,
                owned: false,
                opening: false,
                nature: Nature::Plain,
                document_ref: None,
            };
            let leg = Leg::debit(AccountIndex(1), i64::MAX);
            Commit {
                effects: vec![Effect::Post(post.clone()), Effect::Post(post)],
                legs: std::iter::repeat_n(leg, usize::try_from(count).unwrap()).collect(),
                ..Commit::default()
            }
        };
        let (small, large) = (legs(2), legs(1_000));
        assert!(weight_of_effects(&small, 0) < 500);
        assert!(weight_of_effects(&large, 0) > 50_000);
        assert_eq!(
            weight_of_effects(&large, 0),
            weight_of_effects(&large, 1) * 2
        );
    }
}
