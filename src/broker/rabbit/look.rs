//! Looking at the broker without changing anything: is it there, how long is a queue, what is in
//! it.
//!
//! Every look has a connection of its own, because a refusal may take the connection along.
//! Looking into a queue is a [`Walk`] that acknowledges nothing.

use lapin::Connection;
use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::FieldTable;

use super::super::fault::BrokerFault;
use super::super::message::Delivery;
use super::connection::{ConnectOptions, answered, close, connect, short};
use super::walk::Walk;

/// The name the broker's operator sees.
const NAME: &str = "kontor look";

/// Ask whether an exchange exists; [`BrokerFault::NotFound`] if it does not.
pub async fn exchange(options: &ConnectOptions, name: &str) -> Result<(), BrokerFault> {
    let connection = connect(options, NAME).await?;
    let passive = ExchangeDeclareOptions {
        passive: true,
        ..ExchangeDeclareOptions::default()
    };
    let asked = async {
        let channel = connection.create_channel().await?;
        let kind = lapin::ExchangeKind::Topic;
        channel
            .exchange_declare(short(name), kind, passive, FieldTable::default())
            .await
    };
    goodbye(&connection, answered(asked).await).await
}

/// How many messages wait in a queue, those being looked at left out.
pub async fn depth(options: &ConnectOptions, queue: &str) -> Result<u32, BrokerFault> {
    let connection = connect(options, NAME).await?;
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let asked = async {
        let channel = connection.create_channel().await?;
        let queue = channel
            .queue_declare(short(queue), passive, FieldTable::default())
            .await?;
        Ok(queue.message_count())
    };
    goodbye(&connection, answered(asked).await).await
}

/// The first messages of a queue, which stay in it.
pub async fn peek(
    options: &ConnectOptions,
    queue: &str,
    most: usize,
) -> Result<Vec<Delivery>, BrokerFault> {
    let mut walk = Walk::begin(options, queue, NAME).await?;
    let mut found = Vec::new();
    while found.len() < most {
        let Some(message) = walk.next().await? else {
            break;
        };
        found.push(message);
    }
    walk.end().await?;
    Ok(found)
}

async fn goodbye<T>(
    connection: &Connection,
    result: Result<T, BrokerFault>,
) -> Result<T, BrokerFault> {
    if result.is_ok() {
        close(connection).await;
    }
    result
}
