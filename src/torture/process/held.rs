//! While the clock is not believed nothing becomes due: which commits were made so.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::ids::Position;

/// From which positions on commits were made while the clock was not believed, so that nothing
/// became due. Of lives that were lost the later one counts.
#[derive(Clone, Debug, Default)]
pub(in crate::torture) struct Held(Rc<RefCell<BTreeMap<Position, bool>>>);

impl Held {
    pub(super) fn note(&self, first: Position, held: bool) {
        let mut all = self.0.borrow_mut();
        all.split_off(&first);
        all.insert(first, held);
    }

    /// Whether the commit that begins there was made so.
    pub(in crate::torture) fn at(&self, first: Position) -> bool {
        let all = self.0.borrow();
        all.range(..=first)
            .next_back()
            .is_some_and(|(_, held)| *held)
    }
}
