//! Free ports for a node.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// The ports of a node, all on loopback.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    /// For clients.
    pub(super) amqp: u16,
    /// For other nodes and the command line tools.
    pub(super) distribution: u16,
    /// Of the port mapper.
    pub(super) epmd: u16,
    /// The first of the command line tools.
    pub(super) ctl: u16,
}

impl Ports {
    /// Ports that nobody listens on. All are held until the last is found, so they differ.
    pub(super) fn free() -> io::Result<Self> {
        let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let held = [listen()?, listen()?, listen()?, listen()?];
        let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
        let [amqp, distribution, epmd, ctl] = &held;
        Ok(Self {
            amqp: port(amqp)?,
            distribution: port(distribution)?,
            epmd: port(epmd)?,
            ctl: port(ctl)?,
        })
    }
}
