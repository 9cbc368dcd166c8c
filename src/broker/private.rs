//! A RabbitMQ node of our own, for the demo and the tests.
//!
//! It runs beside any system broker without touching it: own ports on loopback, own cookie, own
//! directory, own port mapper. It needs Debian's `rabbitmq-server` to be installed, not running,
//! and neither root nor systemd.
//!
//! Nothing may survive the process that started it, however that process ends: the node and its
//! port mapper are [`Guarded`], and a temporary directory goes with them.
//!
//! Blocking on purpose: it is called before and after the asynchronous part of a program.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use thiserror::Error;

use crate::guarded::{self, Guarded};

mod ports;

use ports::Ports;

/// Where packages put RabbitMQ's inner scripts. The ones on the path insist on root or on the
/// user `rabbitmq`.
const SCRIPT_DIRS: [&str; 3] = [
    "/usr/lib/rabbitmq/bin",
    "/opt/rabbitmq/sbin",
    "/usr/local/opt/rabbitmq/sbin",
];
/// A node starts in 10 s when alone and was seen to take 24 s beside a compiler.
const START_TIMEOUT: Duration = Duration::from_mins(3);
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);
/// Ports are found free and then used a moment later; somebody may be faster.
const START_ATTEMPTS: u32 = 3;
/// What `rabbitmqctl` says of a node that is about to be ready.
const NOT_YET: &str = "requires the 'rabbit' app to be running";
/// Erlang's secret, in the node's directory.
const COOKIE: &str = "home/.erlang.cookie";
/// The port range of the command line tools, one per call at the same time.
const CTL_PORTS: u16 = 8;

/// The node's process: the port mapper, and once that answers the server beside it. `$0` and `$1`
/// are the two. After a kill the port of the earlier mapper may be taken for a moment.
const NODE: &str = r#"
while :; do
    "$0" -port "$ERL_EPMD_PORT" -address 127.0.0.1 -relaxed_command_check >/dev/null 2>&1
    sleep 0.05
done &
tries=0
until "$0" -port "$ERL_EPMD_PORT" -names >/dev/null 2>&1 || [ "$tries" -ge 200 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
exec "$1"
"#;
/// Every start of Erlang tries to start a port mapper of its own, in a session of its own. It ends
/// by itself if there is one already; but if ours was killed at that very moment it would stay for
/// ever.
const NO_MAPPER: &str = "-start_epmd false";

/// The package to install.
pub const PACKAGE: &str = "rabbitmq-server";
/// Names the directory of RabbitMQ's inner scripts where it is none of the usual ones.
pub const SCRIPTS_VARIABLE: &str = "KONTOR_RABBITMQ_SCRIPTS";

/// How to start the node.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Keep everything here, also afterwards; without it a temporary directory is used and
    /// removed at the end.
    pub dir: Option<PathBuf>,
    /// Further lines for `rabbitmq.conf`.
    pub config: String,
    /// Plugins to enable.
    pub plugins: Vec<String>,
    /// A start is given up when somebody sets this.
    pub stop: Arc<AtomicBool>,
    /// Form a cluster with the node that this came from.
    pub beside: Option<Member>,
}

/// What another node must know of one to form a cluster with it.
#[derive(Debug, Clone)]
pub struct Member {
    node: String,
    cookie: String,
    epmd: u16,
}

/// What the start is waiting for, to be shown to whoever waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The node was launched.
    Launched,
    /// It does not answer yet.
    Waiting {
        /// Since the launch.
        elapsed: Duration,
    },
    /// It takes connections.
    Ready {
        /// Since the launch.
        elapsed: Duration,
    },
}

/// Why there is no private broker.
#[derive(Debug, Error)]
pub enum PrivateFault {
    /// RabbitMQ is not installed.
    #[error("rabbitmq-server is not installed; run: apt-get install rabbitmq-server")]
    NotInstalled,
    /// A file or process could not be handled.
    #[error("the private broker cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The node ended before it took connections.
    #[error("the private broker did not start; its last words:\n{last_words}")]
    Ended {
        /// The end of its log.
        last_words: String,
    },
    /// Somebody asked to give up.
    #[error("the start of the private broker was given up")]
    Stopped,
    /// The node takes no connections in time.
    #[error(
        "the private broker takes no connections after {waited:?}; its last words:\n{last_words}"
    )]
    Timeout {
        /// How long was waited.
        waited: Duration,
        /// The end of its log.
        last_words: String,
    },
    /// A command of `rabbitmqctl` failed.
    #[error("rabbitmqctl {command} failed: {output}")]
    Command {
        /// The command.
        command: String,
        /// What it printed.
        output: String,
    },
}

/// A running node. Dropping it ends the node and removes its temporary directory.
#[derive(Debug)]
pub struct PrivateBroker {
    scripts: PathBuf,
    dir: PathBuf,
    temporary: bool,
    ports: Ports,
    stop: Arc<AtomicBool>,
    node: Option<Guarded>,
}

impl PrivateBroker {
    /// True if RabbitMQ is installed where we look for it.
    pub fn installed() -> bool {
        scripts().is_some()
    }

    /// Start a node and wait until it takes connections.
    pub fn start(
        options: &Options,
        mut progress: impl FnMut(Progress),
    ) -> Result<Self, PrivateFault> {
        let scripts = scripts().ok_or(PrivateFault::NotInstalled)?;
        let mut attempt = 1;
        loop {
            let mut ports = Ports::free().map_err(io_fault("find free ports"))?;
            if let Some(member) = &options.beside {
                ports.epmd = member.epmd;
            }
            let (dir, temporary) = match &options.dir {
                Some(dir) => (dir.clone(), false),
                None => (temporary_dir()?, true),
            };
            let scripts = scripts.clone();
            let mut broker = Self {
                scripts,
                dir,
                temporary,
                ports,
                stop: Arc::clone(&options.stop),
                node: None,
            };
            broker.prepare(options)?;
            match broker.launch(&mut progress) {
                Ok(()) => return Ok(broker),
                Err(PrivateFault::Ended { .. }) if attempt < START_ATTEMPTS => attempt += 1,
                Err(fault) => return Err(fault),
            }
        }
    }

    /// The address for clients, with the node's only user.
    pub fn uri(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.ports.amqp)
    }

    /// The port for clients, on loopback.
    pub fn port(&self) -> u16 {
        self.ports.amqp
    }

    /// What a second node needs to form a cluster with this one; for [`Options::beside`]. They
    /// share a port mapper, which any of them starts again if it ended with another.
    pub fn member(&self) -> Result<Member, PrivateFault> {
        let cookie = fs::read_to_string(self.dir.join(COOKIE));
        Ok(Member {
            node: self.node(),
            cookie: cookie.map_err(io_fault("read its cookie"))?,
            epmd: self.ports.epmd,
        })
    }

    /// Where the node keeps its data and logs.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Run `rabbitmqctl` against this node and give back what it printed.
    pub fn ctl(&self, arguments: &[&str]) -> Result<String, PrivateFault> {
        let since = now();
        loop {
            let mut command = Command::new(self.scripts.join("rabbitmqctl"));
            self.environment(&mut command);
            command.arg("--quiet").arg("-n").arg(self.node());
            command.args(arguments);
            let output = command.output().map_err(io_fault("run rabbitmqctl"))?;
            if output.status.success() {
                return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
            }
            let output = printed(&output);
            // A node takes connections a moment before it calls itself started.
            if !output.contains(NOT_YET) || since.elapsed() > STOP_TIMEOUT {
                let command = arguments.join(" ");
                return Err(PrivateFault::Command { command, output });
            }
        }
    }

    /// Stop the node as an operator would; its data stays for [`Self::restart`].
    pub fn stop(&mut self) -> Result<(), PrivateFault> {
        if let Some(pid) = self.node_pid() {
            // The virtual machine takes SIGTERM for an orderly stop, without starting another
            // one for the command line tools.
            kill_process(pid, Signal::TERM)
                .map_err(|errno| io_fault("stop the node")(errno.into()))?;
        }
        self.wait_end(STOP_TIMEOUT);
        Ok(())
    }

    /// End the node as a power cut would; its data stays for [`Self::restart`].
    pub fn kill(&mut self) {
        self.wait_end(Duration::ZERO);
    }

    /// Start the node again on the same ports and data.
    pub fn restart(&mut self, mut progress: impl FnMut(Progress)) -> Result<(), PrivateFault> {
        self.stop()?;
        self.launch(&mut progress)
    }

    fn prepare(&self, options: &Options) -> Result<(), PrivateFault> {
        for sub in ["home", "data", "log", "generated"] {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true).mode(0o700);
            builder
                .create(self.dir.join(sub))
                .map_err(io_fault("make its directory"))?;
        }
        let cookie = match &options.beside {
            Some(member) => member.cookie.clone(),
            None => random_name().map_err(io_fault("make a cookie"))?,
        };
        let file = self.dir.join(COOKIE);
        if !file.exists() {
            let mut open = fs::OpenOptions::new();
            let file = open.write(true).create_new(true).mode(0o400).open(file);
            file.and_then(|mut file| file.write_all(cookie.as_bytes()))
                .map_err(io_fault("write its cookie"))?;
        }
        let conf = format!(
            "listeners.tcp.1 = 127.0.0.1:{}\nloopback_users.guest = true\n\
             disk_free_limit.absolute = 50MB\nvm_memory_high_watermark.absolute = 1GB\n\
             log.console = false\nlog.file.level = info\n{}{}\n",
            self.ports.amqp,
            options.beside.as_ref().map_or_else(String::new, |member| {
                let (known, own) = (&member.node, self.node());
                let key = "cluster_formation.classic_config.nodes";
                format!("{key}.1 = {known}\n{key}.2 = {own}\n")
            }),
            options.config
        );
        let plugins = format!("[{}].\n", options.plugins.join(","));
        let files = [
            ("rabbitmq.conf", conf.as_str()),
            ("plugins", plugins.as_str()),
            ("environment", ""),
        ];
        for (name, text) in files {
            fs::write(self.dir.join(name), text).map_err(io_fault("write its configuration"))?;
        }
        Ok(())
    }

    fn launch(&mut self, progress: &mut impl FnMut(Progress)) -> Result<(), PrivateFault> {
        let since = now();
        let mut command = Command::new("/bin/sh");
        self.environment(&mut command);
        command.args(["-c", NODE, "epmd"]).current_dir(&self.dir);
        command.arg(self.scripts.join("rabbitmq-server"));
        let remove = self.temporary.then_some(self.dir.as_path());
        let node = Guarded::start(&command, &self.dir.join("log/console.log"), remove);
        self.node = Some(node.map_err(io_fault("be launched"))?);
        progress(Progress::Launched);
        loop {
            let elapsed = since.elapsed();
            if self.answers() {
                progress(Progress::Ready { elapsed });
                return Ok(());
            }
            if self.node.as_mut().is_none_or(Guarded::ended) {
                let last_words = self.last_words();
                return Err(PrivateFault::Ended { last_words });
            }
            if self.stop.load(Ordering::Relaxed) {
                return Err(PrivateFault::Stopped);
            }
            if elapsed > START_TIMEOUT {
                let last_words = self.last_words();
                self.kill();
                return Err(PrivateFault::Timeout {
                    waited: elapsed,
                    last_words,
                });
            }
            progress(Progress::Waiting { elapsed });
            std::thread::sleep(POLL);
        }
    }

    /// Everything that would otherwise be read from the system's own broker is set here.
    fn environment(&self, command: &mut Command) {
        let Ports {
            amqp,
            distribution,
            epmd,
            ctl,
        } = self.ports;
        for (name, _) in std::env::vars_os() {
            if name
                .to_str()
                .is_some_and(|n| n.starts_with("RABBITMQ_") || n.starts_with("ERL_"))
            {
                command.env_remove(name);
            }
        }
        command.env_remove("NOTIFY_SOCKET");
        let paths = [
            ("HOME", "home"),
            ("RABBITMQ_MNESIA_BASE", "data"),
            ("RABBITMQ_LOG_BASE", "log"),
            ("RABBITMQ_GENERATED_CONFIG_DIR", "generated"),
            ("RABBITMQ_PID_FILE", "pid"),
            ("RABBITMQ_FEATURE_FLAGS_FILE", "feature_flags"),
            ("RABBITMQ_CONF_ENV_FILE", "environment"),
            ("RABBITMQ_CONFIG_FILE", "rabbitmq.conf"),
            ("RABBITMQ_ADVANCED_CONFIG_FILE", "advanced.config"),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", "plugins"),
        ];
        for (name, path) in paths {
            command.env(name, self.dir.join(path));
        }
        command
            .env("RABBITMQ_NODENAME", self.node())
            .env("RABBITMQ_NODE_PORT", amqp.to_string())
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_DIST_PORT", distribution.to_string())
            .env("RABBITMQ_CTL_DIST_PORT_MIN", ctl.to_string())
            .env(
                "RABBITMQ_CTL_DIST_PORT_MAX",
                ctl.saturating_add(CTL_PORTS).to_string(),
            )
            .env("ERL_EPMD_PORT", epmd.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_RELAXED_COMMAND_CHECK", "1")
            .env("ERL_AFLAGS", NO_MAPPER)
            .env("LC_ALL", "C.UTF-8")
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "+S 2:2 -kernel inet_dist_use_interface {127,0,0,1}",
            );
    }

    /// A short name on localhost works even where the machine cannot resolve its own name.
    fn node(&self) -> String {
        format!("kontor{}@localhost", self.ports.amqp)
    }

    fn node_pid(&self) -> Option<Pid> {
        let text = fs::read_to_string(self.dir.join("pid")).ok()?;
        text.trim().parse().ok().and_then(Pid::from_raw)
    }

    /// True if the node greets like an AMQP server: an open port alone may be another's.
    fn answers(&self) -> bool {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports.amqp));
        let Ok(mut stream) = TcpStream::connect_timeout(&address, POLL) else {
            return false;
        };
        let mut first = [0];
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .is_ok()
            && stream.write_all(b"AMQP\x00\x00\x09\x01").is_ok()
            && stream.read_exact(&mut first).is_ok()
            && first == [1]
    }

    /// Wait for the node to end by itself, then see to it.
    fn wait_end(&mut self, patience: Duration) {
        if let Some(mut node) = self.node.take() {
            node.wait(patience);
            node.kill();
        }
        fs::remove_file(self.dir.join("pid")).ok();
    }

    fn last_words(&self) -> String {
        let text = fs::read_to_string(self.dir.join("log/console.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines
            .get(lines.len().saturating_sub(12)..)
            .unwrap_or_default()
            .join("\n")
    }
}

impl Drop for PrivateBroker {
    fn drop(&mut self) {
        self.kill();
        if self.temporary {
            guarded::remove(&self.dir);
        }
    }
}

fn scripts() -> Option<PathBuf> {
    let named = std::env::var_os(SCRIPTS_VARIABLE).map(|dir| vec![PathBuf::from(dir)]);
    let dirs = named.unwrap_or_else(|| SCRIPT_DIRS.map(PathBuf::from).to_vec());
    dirs.into_iter()
        .find(|dir| dir.join("rabbitmq-server").is_file())
}

fn temporary_dir() -> Result<PathBuf, PrivateFault> {
    let suffix = random_name().map_err(io_fault("make its directory"))?;
    let dir = std::env::temp_dir().join(format!("kontor-broker-{suffix}"));
    let mut builder = fs::DirBuilder::new();
    builder
        .mode(0o700)
        .create(&dir)
        .map_err(io_fault("make its directory"))?;
    Ok(dir)
}

/// Sixteen digits nobody can guess.
fn random_name() -> io::Result<String> {
    let random = getrandom::u64().map_err(io::Error::from)?;
    Ok(format!("{random:016x}"))
}

fn printed(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).trim().to_owned()
}

fn io_fault(action: &'static str) -> impl FnOnce(io::Error) -> PrivateFault {
    move |source| PrivateFault::Io { action, source }
}

fn now() -> Instant {
    Instant::now()
}
