//! Orders: what commands want recorded in the journal of a daemon that runs.
//!
//! The journal has one writer. So a command that acts on dead letters hands the daemon what it is
//! about to do, over a socket in the partition's directory, and acts once it was told that the
//! record is durable. Who can open the socket is decided by the rights of that directory, and the
//! kernel says who did; HTTP stays read-only, because it does not know who asks.
//!
//! An order is a commit with one record in the format of the journal, behind its length; the answer
//! is the position, or nothing if it was not recorded. Both are read within bounds.

use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream as Plain;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use crate::ids::Position;
use crate::journal::record::{decode, encode};
use crate::ledger::commit::LettersRecord;
use crate::ledger::{Commit, Record};
use crate::pipeline::notes::Notes;

/// The socket in the partition's directory.
pub const SOCKET: &str = "orders";
/// More than any order: so many letters with the longest ids and reasons.
const ORDER_BYTES_MAX: u32 = 1 << 20;
/// How long either side waits for the other. A daemon waits for its disk meanwhile.
const PATIENCE: Duration = Duration::from_secs(40);
/// Orders are rare: after a failure to accept one, a moment.
const PAUSE: Duration = Duration::from_millis(200);

/// Why an order was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum OrderFault {
    /// No daemon listens there.
    #[error("no daemon listens at {}: {source}", path.display())]
    Nobody {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The daemon did not record it, or it is not known whether it did.
    #[error("the daemon did not say that it recorded the order ({0}): no letter of it was touched")]
    NotRecorded(String),
}

/// Takes orders while it lives. The socket stays behind without anybody listening: whoever has the
/// lock by then may have made another one under its name.
pub(super) struct Orders(JoinHandle<()>);

impl Orders {
    /// Listen in a directory whose lock this process has, so a socket that is there is a dead one.
    pub(super) fn listen(directory: &Path, notes: Notes) -> io::Result<Self> {
        let path = directory.join(SOCKET);
        match std::fs::remove_file(&path) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self(tokio::spawn(serve(listener, notes))))
    }
}

impl Drop for Orders {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// One order after the other: they wait for the same disk anyway.
async fn serve(listener: UnixListener, notes: Notes) {
    loop {
        let answered = match listener.accept().await {
            Ok((stream, _)) => tokio::time::timeout(PATIENCE, answer(stream, &notes))
                .await
                .unwrap_or(Err(io::ErrorKind::TimedOut.into())),
            Err(fault) => Err(fault),
        };
        if let Err(fault) = answered {
            tracing::warn!(%fault, "an order of a command was not recorded");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn answer(mut stream: UnixStream, notes: &Notes) -> io::Result<()> {
    let user = stream.peer_cred()?.uid();
    let length = match stream.read_u32_le().await {
        // Somebody asked whether we are there, and went.
        Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
        length => length?,
    };
    if length > ORDER_BYTES_MAX {
        return Err(io::Error::other("it is too long"));
    }
    let mut bytes = Vec::new();
    (&mut stream)
        .take(u64::from(length))
        .read_to_end(&mut bytes)
        .await?;
    let mut order = read(&bytes).map_err(io::Error::other)?;
    // Who it is, the kernel says and not the order.
    order.user = user;
    let (act, letters) = (order.act.text(), order.letters.len());
    let recorded = notes.durable(Record::Letters(Box::new(order))).await;
    let position = recorded.ok_or_else(|| io::Error::other("the stations have ended"))?;
    tracing::info!(
        act,
        letters,
        user,
        position = position.0,
        "an act on dead letters is recorded"
    );
    stream.write_u64_le(position.0).await
}

fn read(bytes: &[u8]) -> Result<LettersRecord, String> {
    let commit = decode(bytes).map_err(|fault| fault.to_string())?;
    match commit.records.into_iter().next() {
        Some(Record::Letters(letters)) => Ok(*letters),
        Some(_) | None => Err("it is no order".to_owned()),
    }
}

/// Whether a daemon takes orders in a partition's directory.
pub fn takes_orders(directory: &Path) -> bool {
    Plain::connect(directory.join(SOCKET)).is_ok()
}

/// Have an order recorded by the daemon of a partition's directory.
pub fn order(directory: &Path, letters: LettersRecord) -> Result<Position, OrderFault> {
    let path = directory.join(SOCKET);
    let stream = match Plain::connect(&path) {
        Ok(stream) => stream,
        Err(source) => return Err(OrderFault::Nobody { path, source }),
    };
    let told = |fault: io::Error| OrderFault::NotRecorded(fault.to_string());
    tell(stream, letters).map_err(told)
}

fn tell(mut stream: Plain, letters: LettersRecord) -> io::Result<Position> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let commit = Commit {
        records: vec![Record::Letters(Box::new(letters))],
        ..Commit::default()
    };
    let mut bytes = Vec::new();
    encode(&commit, &mut bytes).map_err(io::Error::other)?;
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    stream.write_all(&length.to_le_bytes())?;
    stream.write_all(&bytes)?;
    let mut position = [0; 8];
    stream.read_exact(&mut position)?;
    Ok(Position(u64::from_le_bytes(position)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::file::disk::user;
    use crate::ledger::commit::LetterAct;
    use crate::pipeline::notes::{Note, notes};
    use crate::pipeline::persist::Frontier;
    use crate::ring::ring;

    fn letters(operator: &str) -> LettersRecord {
        LettersRecord {
            act: LetterAct::Drop,
            user: 77,
            operator: operator.into(),
            letters: vec![("id".to_owned(), "UNKNOWN_KIND".to_owned())],
        }
    }

    async fn ordered(directory: &Path, letters: LettersRecord) -> Result<Position, OrderFault> {
        let directory = directory.to_owned();
        let ordering = tokio::task::spawn_blocking(move || order(&directory, letters));
        ordering.await.unwrap()
    }

    #[tokio::test]
    async fn an_order_is_recorded_with_the_user_that_the_kernel_knows() {
        let dir = tempfile::tempdir().unwrap();
        let (_producer, consumer) = ring::<u8>("post", 1);
        let (notes, mut noted) = notes(consumer.watch(), Frontier::at(Position(42)));
        let orders = Orders::listen(dir.path(), notes).unwrap();
        assert!(takes_orders(dir.path()));
        let post = tokio::spawn(async move {
            let Note { record, placed } = noted.recv().await.unwrap();
            placed.send(Position(42)).unwrap();
            record
        });
        let position = ordered(dir.path(), letters("alice")).await.unwrap();
        assert_eq!(position, Position(42));
        let Record::Letters(recorded) = post.await.unwrap() else {
            panic!("another record");
        };
        let told = LettersRecord {
            user: user(),
            ..letters("alice")
        };
        assert_eq!(*recorded, told);

        // The station is gone: nothing is recorded, and that is said.
        let fault = ordered(dir.path(), letters("bob")).await.unwrap_err();
        assert!(matches!(fault, OrderFault::NotRecorded(_)), "{fault}");
        // A daemon that was killed leaves its socket; the next one makes another.
        drop(orders);
        tokio::task::yield_now().await;
        assert!(dir.path().join(SOCKET).exists());
        let fault = ordered(dir.path(), letters("bob")).await.unwrap_err();
        assert!(matches!(fault, OrderFault::Nobody { .. }), "{fault}");
    }

    #[test]
    fn what_is_no_order_is_refused() {
        let mut stop = Vec::new();
        let commit = Commit {
            records: vec![Record::Stop],
            ..Commit::default()
        };
        encode(&commit, &mut stop).unwrap();
        assert!(read(&stop).is_err());
        assert!(read(b"GET / HTTP/1.0").is_err());
        assert!(read(&[]).is_err());
    }
}
