//! The data of a question, from JSON.

use super::message::schema;
use super::schema::SchemaFault;
use super::{tree, typed};
use crate::code::Code;
use crate::ids::KindCode;
use crate::jobs::{KindInfo, Question, QuestionData, QuestionVisitor};
use crate::ledger::Rejection;

struct FromJson<'t>(tree::Json<'t>);

impl QuestionVisitor for FromJson<'_> {
    type Made = Result<QuestionData, SchemaFault>;

    fn visit<Q: Question>(
        &mut self,
        _: &'static KindInfo,
        wrap: fn(Box<Q>) -> QuestionData,
    ) -> Self::Made {
        typed::read::<Q>(self.0).map(|data| wrap(Box::new(data)))
    }
}

/// Read the data of a question of a built kind.
pub fn read(kind: KindCode, data: &[u8]) -> Result<QuestionData, Rejection> {
    let json = tree::read(data).map_err(|fault| {
        Rejection::schema(
            Code::MessageMalformed,
            &fault.path,
            fault.problem.to_string(),
        )
    })?;
    match QuestionData::visit(kind, &mut FromJson(json.root())) {
        Some(Ok(data)) => Ok(data),
        Some(Err(fault)) => Err(schema(&fault)),
        None => Err(Rejection::new(Code::UnknownKind)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::kind_code;

    #[test]
    fn a_question_is_read_as_strictly_as_a_job() {
        let read = |data: &str| read(kind_code("query.balance").unwrap(), data.as_bytes());
        assert!(read(r#"{"accounts":["bank/main"]}"#).is_ok());
        let refusal = read(r#"{"accounts":[],"colour":1}"#).unwrap_err();
        assert_eq!(
            (refusal.code(), refusal.path()),
            (Code::SchemaInvalid, Some("/colour"))
        );
    }
}
