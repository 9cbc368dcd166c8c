//! The names of the whole catalogue with their codes, built or not.
//!
//! A code is never used again and the hundreds are families. A kind that is not built yet still has
//! its name here, so that a refused reuse of a key can name it.

use crate::ids::KindCode;

/// One kind of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindInfo {
    /// Code.
    pub code: KindCode,
    /// Name on the wire.
    pub name: &'static str,
}

/// Every kind of the catalogue, by ascending code.
pub const KINDS: &[KindInfo] = &[
    KindInfo {
        code: KindCode(101),
        name: "account.open",
    },
    KindInfo {
        code: KindCode(102),
        name: "account.update",
    },
    KindInfo {
        code: KindCode(103),
        name: "account.close",
    },
    KindInfo {
        code: KindCode(151),
        name: "reference.set",
    },
    KindInfo {
        code: KindCode(201),
        name: "entry.post",
    },
    KindInfo {
        code: KindCode(202),
        name: "entry.reverse",
    },
    KindInfo {
        code: KindCode(203),
        name: "batch.post",
    },
    KindInfo {
        code: KindCode(204),
        name: "entry.allocate",
    },
    KindInfo {
        code: KindCode(205),
        name: "recurring.post",
    },
    KindInfo {
        code: KindCode(206),
        name: "entry.adjust",
    },
    KindInfo {
        code: KindCode(301),
        name: "hold.place",
    },
    KindInfo {
        code: KindCode(302),
        name: "hold.capture",
    },
    KindInfo {
        code: KindCode(303),
        name: "hold.void",
    },
    KindInfo {
        code: KindCode(304),
        name: "hold.expire",
    },
    KindInfo {
        code: KindCode(351),
        name: "approval.request",
    },
    KindInfo {
        code: KindCode(352),
        name: "approval.decide",
    },
    KindInfo {
        code: KindCode(401),
        name: "invoice.issue",
    },
    KindInfo {
        code: KindCode(402),
        name: "credit_note.issue",
    },
    KindInfo {
        code: KindCode(403),
        name: "payment.receive",
    },
    KindInfo {
        code: KindCode(404),
        name: "payment.allocate",
    },
    KindInfo {
        code: KindCode(405),
        name: "refund.issue",
    },
    KindInfo {
        code: KindCode(406),
        name: "usage.rate",
    },
    KindInfo {
        code: KindCode(407),
        name: "writeoff.post",
    },
    KindInfo {
        code: KindCode(408),
        name: "dunning.charge",
    },
    KindInfo {
        code: KindCode(409),
        name: "interest.charge",
    },
    KindInfo {
        code: KindCode(410),
        name: "subscription.renew",
    },
    KindInfo {
        code: KindCode(411),
        name: "subscription.change",
    },
    KindInfo {
        code: KindCode(501),
        name: "revenue.schedule",
    },
    KindInfo {
        code: KindCode(502),
        name: "revenue.recognise",
    },
    KindInfo {
        code: KindCode(503),
        name: "revenue.allocate",
    },
    KindInfo {
        code: KindCode(601),
        name: "settlement.instruct",
    },
    KindInfo {
        code: KindCode(602),
        name: "settlement.attempt",
    },
    KindInfo {
        code: KindCode(603),
        name: "settlement.update",
    },
    KindInfo {
        code: KindCode(604),
        name: "netting.open",
    },
    KindInfo {
        code: KindCode(605),
        name: "netting.obligation",
    },
    KindInfo {
        code: KindCode(606),
        name: "netting.close",
    },
    KindInfo {
        code: KindCode(607),
        name: "trade.capture",
    },
    KindInfo {
        code: KindCode(701),
        name: "payout.sale",
    },
    KindInfo {
        code: KindCode(702),
        name: "payout.refund",
    },
    KindInfo {
        code: KindCode(703),
        name: "payout.chargeback",
    },
    KindInfo {
        code: KindCode(704),
        name: "payout.settle",
    },
    KindInfo {
        code: KindCode(705),
        name: "payout.release",
    },
    KindInfo {
        code: KindCode(706),
        name: "fx.convert",
    },
    KindInfo {
        code: KindCode(801),
        name: "bank.import",
    },
    KindInfo {
        code: KindCode(802),
        name: "recon.match",
    },
    KindInfo {
        code: KindCode(803),
        name: "recon.resolve",
    },
    KindInfo {
        code: KindCode(901),
        name: "period.open",
    },
    KindInfo {
        code: KindCode(902),
        name: "period.close",
    },
    KindInfo {
        code: KindCode(903),
        name: "accrual.post",
    },
    KindInfo {
        code: KindCode(904),
        name: "fx.revalue",
    },
    KindInfo {
        code: KindCode(1001),
        name: "compliance.hold",
    },
    KindInfo {
        code: KindCode(1002),
        name: "compliance.erase",
    },
    KindInfo {
        code: KindCode(1003),
        name: "export.audit",
    },
    KindInfo {
        code: KindCode(1004),
        name: "compliance.screen",
    },
    KindInfo {
        code: KindCode(1101),
        name: "query.balance",
    },
    KindInfo {
        code: KindCode(1102),
        name: "query.statement",
    },
    KindInfo {
        code: KindCode(1103),
        name: "query.open_items",
    },
    KindInfo {
        code: KindCode(1104),
        name: "query.price",
    },
    KindInfo {
        code: KindCode(1105),
        name: "query.stock",
    },
    KindInfo {
        code: KindCode(1106),
        name: "risk.check",
    },
    KindInfo {
        code: KindCode(1107),
        name: "risk.exposure",
    },
    KindInfo {
        code: KindCode(1108),
        name: "report.trial_balance",
    },
    KindInfo {
        code: KindCode(1109),
        name: "report.variance",
    },
];

/// The first code of the questions: they are answered, never booked.
pub const FIRST_QUESTION: KindCode = KindCode(1101);

/// The kind of a code.
pub fn info(code: KindCode) -> Option<&'static KindInfo> {
    let place = KINDS.binary_search_by_key(&code, |kind| kind.code).ok()?;
    KINDS.get(place)
}

/// The code of a name.
pub fn kind_code(name: &str) -> Option<KindCode> {
    KINDS
        .iter()
        .find(|kind| kind.name == name)
        .map(|kind| kind.code)
}

/// The name of a code.
pub fn kind_name(code: KindCode) -> Option<&'static str> {
    info(code).map(|kind| kind.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_ascend_and_names_are_unique() {
        assert!(KINDS.windows(2).all(|pair| pair[0].code < pair[1].code));
        for kind in KINDS {
            assert_eq!(kind_code(kind.name), Some(kind.code));
        }
        assert_eq!(KINDS.len(), 63, "every kind of the catalogue stands here");
    }
}
