//! A network that can be broken: everything between a daemon and its broker goes through it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Pieces under way in one direction of a connection.
const PIECES_MAX: usize = 1_024;

/// What the network does with what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Carries it, so much later.
    Carry(Duration),
    /// Keeps it, and takes nothing more. Connections can be made, and nobody answers.
    Hold,
    /// Lets nobody in.
    Refuse,
}

/// The network. Dropping it cuts everything.
pub(crate) struct Proxy {
    port: u16,
    to: Arc<AtomicU16>,
    way: watch::Sender<Way>,
    cuts: watch::Sender<Cut>,
}

/// How often connections were cut, on both sides and on the broker's side only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cut {
    whole: u64,
    half: u64,
}

impl Proxy {
    /// A network that leads to a port of this machine.
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let proxy = Self {
            port: listener.local_addr().expect("its address").port(),
            to: Arc::new(AtomicU16::new(port)),
            way: watch::Sender::new(Way::Carry(Duration::ZERO)),
            cuts: watch::Sender::new(Cut::default()),
        };
        let (to, way, cuts) = (
            Arc::clone(&proxy.to),
            proxy.way.subscribe(),
            proxy.cuts.subscribe(),
        );
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if way.has_changed().is_err() {
                    return;
                }
                if *way.borrow() != Way::Refuse {
                    let to = to.load(Ordering::Relaxed);
                    tokio::spawn(connection(client, to, way.clone(), cuts.clone()));
                }
            }
        });
        proxy
    }

    pub(crate) fn uri(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    pub(crate) fn turn(&self, way: Way) {
        self.way.send_replace(way);
    }

    /// Lead new connections elsewhere.
    pub(crate) fn lead_to(&self, port: u16) {
        self.to.store(port, Ordering::Relaxed);
    }

    /// End every connection.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cut| cut.whole += 1);
    }

    /// End every connection at the broker, and let nobody on this side know.
    pub(crate) fn cut_unheard(&self) {
        self.cuts.send_modify(|cut| cut.half += 1);
    }
}

async fn connection(
    client: TcpStream,
    to: u16,
    way: watch::Receiver<Way>,
    mut cuts: watch::Receiver<Cut>,
) {
    let Ok(broker) = TcpStream::connect(("127.0.0.1", to)).await else {
        return;
    };
    let began = *cuts.borrow_and_update();
    client.set_nodelay(true).ok();
    broker.set_nodelay(true).ok();
    let (client_reads, client_writes) = client.into_split();
    let (broker_reads, broker_writes) = broker.into_split();
    // The halves at the client stay with us, whatever becomes of the broker's.
    let mut client = (client_reads, client_writes);
    let mut broker = (broker_reads, broker_writes);
    tokio::select! {
        () = carry(&mut client.0, &mut broker.1, way.clone()) => return,
        () = carry(&mut broker.0, &mut client.1, way.clone()) => return,
        cut = cuts.wait_for(|cut| *cut != began) => match cut {
            Ok(cut) if cut.half > began.half => {}
            Ok(_) | Err(_) => return,
        },
    }
    drop(broker);
    let _ended = cuts.wait_for(|cut| cut.whole > began.whole).await;
}

/// One direction of a connection, until either side ends it.
async fn carry(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf, mut way: watch::Receiver<Way>) {
    let (pieces, mut taken) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES_MAX);
    let mut held = way.clone();
    let reading = async move {
        let mut buffer = vec![0; 65_536];
        loop {
            let later = match way.wait_for(|way| *way != Way::Hold).await.as_deref() {
                Ok(Way::Carry(later)) => *later,
                Ok(_) | Err(_) => Duration::ZERO,
            };
            match from.read(&mut buffer).await {
                Ok(count) if count > 0 => {
                    let piece = (Instant::now() + later, buffer[..count].to_vec());
                    if pieces.send(piece).await.is_err() {
                        return;
                    }
                }
                Ok(_) | Err(_) => return,
            }
        }
    };
    let writing = async move {
        while let Some((at, piece)) = taken.recv().await {
            tokio::time::sleep_until(at).await;
            if held.wait_for(|way| *way != Way::Hold).await.is_err()
                || to.write_all(&piece).await.is_err()
            {
                return;
            }
        }
    };
    tokio::join!(reading, writing);
}
