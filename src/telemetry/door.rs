//! The listener of the HTTP server: so many connections and no more, and none that says nothing.
//!
//! Connections are file descriptors, and the journal needs those too. Beyond the limit a client
//! waits in the kernel's queue; one that is silent for too long loses its place.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// Many times what a scraper, a probe and a few operators need.
pub(super) const CONNECTIONS_MAX: usize = 64;
/// Longer than the usual pause between two scrapes, so that a scraper keeps its connection.
pub(super) const SILENCE_MAX: Duration = Duration::from_mins(2);

/// A listener that hands out a place with each connection.
pub(super) struct Door {
    listener: TcpListener,
    places: Arc<Semaphore>,
    silence_max: Duration,
}

/// A connection and its place.
pub(super) struct Guest {
    stream: TcpStream,
    silence_max: Duration,
    silence: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Door {
    pub(super) fn new(listener: TcpListener, connections: usize, silence_max: Duration) -> Self {
        Self {
            listener,
            places: Arc::new(Semaphore::new(connections)),
            silence_max,
        }
    }
}

impl Listener for Door {
    type Io = Guest;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guest, SocketAddr) {
        // The semaphore is never closed, so there is always a place in the end.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        // The implementation for TcpListener waits a little when descriptors run out.
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let silence = Box::pin(sleep(self.silence_max));
        (
            Guest {
                stream,
                silence_max: self.silence_max,
                silence,
                _place: place,
            },
            address,
        )
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(context, buffer) {
            let deadline = Instant::now() + self.silence_max;
            self.silence.as_mut().reset(deadline);
            return Poll::Ready(read);
        }
        let silent = self.silence.as_mut().poll(context);
        silent.map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Guest {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    use super::*;

    const MOMENT: Duration = Duration::from_millis(50);

    async fn door(connections: usize, silence_max: Duration) -> (Door, SocketAddr) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        (Door::new(listener, connections, silence_max), address)
    }

    #[tokio::test]
    async fn a_place_is_free_again_when_its_guest_goes() {
        let (mut door, address) = door(1, SILENCE_MAX).await;
        let _first = TcpStream::connect(address).await.unwrap();
        let _second = TcpStream::connect(address).await.unwrap();
        let (guest, _) = door.accept().await;
        assert!(
            timeout(MOMENT, door.accept()).await.is_err(),
            "two guests in one place"
        );
        drop(guest);
        timeout(MOMENT * 20, door.accept())
            .await
            .expect("the place is free");
    }

    #[tokio::test]
    async fn who_says_nothing_loses_the_place() {
        let (mut door, address) = door(1, MOMENT).await;
        let mut client = TcpStream::connect(address).await.unwrap();
        let (mut guest, _) = door.accept().await;
        client.write_all(b"hi").await.unwrap();
        let mut two = [0; 2];
        guest.read_exact(&mut two).await.unwrap();
        let silent = timeout(MOMENT * 20, guest.read_exact(&mut two))
            .await
            .unwrap();
        assert_eq!(silent.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
