//! Making the topology, and comparing it with what the broker has, over AMQP alone.
//!
//! A passive declare only tells whether a name exists. An active declare of something that
//! exists changes nothing and is refused with the first differing argument (406). So existence
//! is asked passively first; then we declare actively, and each difference the broker names is
//! noted and taken over into the next attempt, until it agrees: that lists every difference, and
//! lets limits differ. Every refusal costs its connection (the client library may lose it
//! anyway), so each object is asked on a throw-away connection that is renewed after a refusal.
//!
//! Bindings cannot be read over AMQP; [`apply`] makes them again, which is harmless.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection};

use super::super::fault::BrokerFault;
use super::super::topology::{
    Argument, Check, Exchange, ExchangeKind, Mismatch, Queue, Topology, is_limit,
};
use super::connection::{ConnectOptions, close, connect, fault, short};
use super::convert::amqp_arguments;
use super::inequivalence::{Current, Inequivalence};

/// More differences than one object has settings mean that the broker repeats itself.
const DIFFERENCES_MAX: usize = 24;

/// Compare without changing anything.
pub async fn check(options: &ConnectOptions, topology: &Topology) -> Result<Check, BrokerFault> {
    let mut probe = Probe::new(options);
    let mut result = Check::default();
    for exchange in &topology.exchanges {
        probe
            .compare(&Object::of_exchange(exchange), &mut result)
            .await?;
    }
    for queue in &topology.queues {
        probe.compare(&Object::of_queue(queue), &mut result).await?;
    }
    probe.finish().await;
    Ok(result)
}

/// Make what is missing, bind, take back bindings of an earlier topology, and compare the rest. An
/// exchange or queue that exists is never changed.
pub async fn apply(options: &ConnectOptions, topology: &Topology) -> Result<Check, BrokerFault> {
    let mut probe = Probe::new(options);
    let exchanges = topology.exchanges.iter().map(Object::of_exchange);
    let queues = topology.queues.iter().map(Object::of_queue);
    for object in exchanges.chain(queues) {
        if !probe.exists(&object).await? {
            probe.declare(&object).await?;
        }
    }
    for binding in &topology.bindings {
        let bound = probe
            .channel()
            .await?
            .queue_bind(
                short(&binding.queue),
                short(&binding.exchange),
                short(&binding.routing_key),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await;
        probe.judge(bound)?;
    }
    // Behind the new ones, so that no book is without a queue in between. One that is not there is
    // no fault to the broker.
    for binding in &topology.outdated {
        let unbound = probe
            .channel()
            .await?
            .queue_unbind(
                short(&binding.queue),
                short(&binding.exchange),
                short(&binding.routing_key),
                FieldTable::default(),
            )
            .await;
        probe.judge(unbound)?;
    }
    probe.finish().await;
    check(options, topology).await
}

/// An exchange or queue on its way to the broker, with settings that can be adjusted.
#[derive(Debug, Clone)]
struct Object {
    name: String,
    kind: Kind,
    durable: bool,
    auto_delete: bool,
    internal: bool,
    arguments: Vec<(String, Argument)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Exchange(String),
    Queue,
}

impl Object {
    fn of_exchange(exchange: &Exchange) -> Self {
        let kind = Kind::Exchange(exchange.kind.name().to_owned());
        Self::new(&exchange.name, kind, &exchange.arguments)
    }

    fn of_queue(queue: &Queue) -> Self {
        Self::new(&queue.name, Kind::Queue, &queue.arguments)
    }

    fn new(name: &str, kind: Kind, arguments: &[(&'static str, Argument)]) -> Self {
        let arguments = arguments
            .iter()
            .map(|(n, v)| ((*n).to_owned(), v.clone()))
            .collect();
        let (durable, auto_delete, internal) = (true, false, false);
        Self {
            name: name.to_owned(),
            kind,
            durable,
            auto_delete,
            internal,
            arguments,
        }
    }

    fn noun(&self) -> &'static str {
        match self.kind {
            Kind::Exchange(_) => "exchange",
            Kind::Queue => "queue",
        }
    }

    /// Take over what the broker has, so that the next declare gets past this difference.
    /// False if what it has is not known well enough.
    fn adjust(&mut self, difference: &Inequivalence) -> bool {
        let Some(flag) = self.flag(&difference.setting) else {
            return self.adjust_argument(difference);
        };
        let Current::Value(Argument::Flag(current)) = difference.current else {
            return false;
        };
        let changed = *flag != current;
        *flag = current;
        changed
    }

    fn adjust_argument(&mut self, difference: &Inequivalence) -> bool {
        let setting = &difference.setting;
        if let (Kind::Exchange(kind), "type") = (&mut self.kind, setting.as_str()) {
            let Current::Value(Argument::Text(current)) = &difference.current else {
                return false;
            };
            let changed = kind != current;
            kind.clone_from(current);
            return changed;
        }
        let before = self.arguments.clone();
        self.arguments.retain(|(name, _)| name != setting);
        match &difference.current {
            Current::Absent => {}
            Current::Value(value) => self.arguments.push((setting.clone(), value.clone())),
            Current::Unknown => return false,
        }
        self.arguments != before
    }

    fn flag(&mut self, setting: &str) -> Option<&mut bool> {
        match setting {
            "durable" => Some(&mut self.durable),
            "auto_delete" => Some(&mut self.auto_delete),
            "internal" => Some(&mut self.internal),
            _ => None,
        }
    }
}

/// A throw-away connection, renewed after each refusal.
struct Probe<'a> {
    options: &'a ConnectOptions,
    open: Option<(Connection, Channel)>,
}

impl<'a> Probe<'a> {
    fn new(options: &'a ConnectOptions) -> Self {
        Self {
            options,
            open: None,
        }
    }

    async fn channel(&mut self) -> Result<Channel, BrokerFault> {
        if let Some((_, channel)) = &self.open {
            return Ok(channel.clone());
        }
        let connection = connect(self.options, "kontor topology").await?;
        let channel = connection
            .create_channel()
            .await
            .map_err(|error| fault(&error))?;
        self.open = Some((connection, channel.clone()));
        Ok(channel)
    }

    fn judge(&mut self, result: lapin::Result<()>) -> Result<(), BrokerFault> {
        result.map_err(|error| {
            self.open = None;
            fault(&error)
        })
    }

    async fn finish(&mut self) {
        if let Some((connection, _)) = self.open.take() {
            close(&connection).await;
        }
    }

    async fn exists(&mut self, object: &Object) -> Result<bool, BrokerFault> {
        match self.ask(object, true).await {
            Ok(()) => Ok(true),
            Err(BrokerFault::NotFound { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }

    async fn declare(&mut self, object: &Object) -> Result<(), BrokerFault> {
        self.ask(object, false).await
    }

    async fn ask(&mut self, object: &Object, passive: bool) -> Result<(), BrokerFault> {
        let channel = self.channel().await?;
        let name = short(&object.name);
        let arguments = amqp_arguments(&object.arguments);
        let Object {
            durable,
            auto_delete,
            internal,
            ..
        } = *object;
        let answer = match &object.kind {
            Kind::Exchange(kind) => {
                let nowait = false;
                let options = ExchangeDeclareOptions {
                    passive,
                    durable,
                    auto_delete,
                    internal,
                    nowait,
                };
                channel
                    .exchange_declare(name, exchange_kind(kind), options, arguments)
                    .await
            }
            Kind::Queue => {
                let (exclusive, nowait) = (false, false);
                let options = QueueDeclareOptions {
                    passive,
                    durable,
                    exclusive,
                    auto_delete,
                    nowait,
                };
                channel
                    .queue_declare(name, options, arguments)
                    .await
                    .map(|_queue| ())
            }
        };
        self.judge(answer)
    }

    async fn compare(&mut self, object: &Object, result: &mut Check) -> Result<(), BrokerFault> {
        if !self.exists(object).await? {
            result.mismatches.push(missing(object));
            return Ok(());
        }
        let mut asked = object.clone();
        for _ in 0..DIFFERENCES_MAX {
            let detail = match self.declare(&asked).await {
                Ok(()) => return Ok(()),
                Err(BrokerFault::AccessRefused { .. }) => {
                    result.unverified.push(object.name.clone());
                    return Ok(());
                }
                Err(BrokerFault::PreconditionFailed { detail }) => detail,
                Err(other) => return Err(other),
            };
            let Some(difference) = Inequivalence::parse(&detail) else {
                result.mismatches.push(differs(object, detail));
                return Ok(());
            };
            if !is_limit(&difference.setting) && !difference.is_default_queue_type() {
                result
                    .mismatches
                    .push(differs(object, difference.to_string()));
            }
            if !asked.adjust(&difference) {
                return Ok(());
            }
        }
        Ok(())
    }
}

fn exchange_kind(kind: &str) -> lapin::ExchangeKind {
    if kind == ExchangeKind::Topic.name() {
        lapin::ExchangeKind::Topic
    } else if kind == ExchangeKind::Fanout.name() {
        lapin::ExchangeKind::Fanout
    } else {
        lapin::ExchangeKind::Custom(kind.to_owned())
    }
}

fn missing(object: &Object) -> Mismatch {
    Mismatch {
        object: object.name.clone(),
        difference: format!("the {} does not exist", object.noun()),
        remedy: "make it with `kontor topology apply`".to_owned(),
    }
}

fn differs(object: &Object, difference: String) -> Mismatch {
    let noun = object.noun();
    let remedy = match object.kind {
        Kind::Exchange(_) => {
            format!("delete the {noun} and make it again with `kontor topology apply`")
        }
        Kind::Queue => format!(
            "move what is in the {noun} elsewhere, delete it and make it again with \
             `kontor topology apply`: a queue cannot be changed"
        ),
    };
    Mismatch {
        object: object.name.clone(),
        difference,
        remedy,
    }
}
