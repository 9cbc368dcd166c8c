//! Work that others go before.

use std::io;

/// How much a thread lets others go first, as a nice value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yield {
    /// Before everything else: for work that nobody waits for.
    Most,
    /// It gets a tenth of a core that is wanted by another thread all the time.
    Some,
    /// It gets a quarter of such a core.
    Little,
}

/// Let other threads go first. Of the calling thread only, and not to be taken back.
pub fn give_way(how: Yield) -> io::Result<()> {
    let value = match how {
        Yield::Most => 19,
        Yield::Some => 10,
        Yield::Little => 5,
    };
    // On Linux a nice value belongs to the thread.
    rustix::process::nice(value)?;
    Ok(())
}
