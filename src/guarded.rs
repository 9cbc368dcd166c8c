//! A process that does not outlive the one that started it, however that one ends.
//!
//! A small shell stands between the two. It holds the read end of a pipe whose write end is ours
//! alone; the kernel closes ours when we end, also by SIGKILL. Then the shell asks the process to
//! stop, waits a moment, kills it, removes what nobody needs any more, and ends its whole process
//! group, so that whatever the process has started goes as well. The group is one of its own:
//! Ctrl-C at the terminal reaches us first, and we decide what stops when.
//!
//! The shell is also who buries the process, so its end is the end of the process for sure,
//! wherever the first process of the machine buries nobody, as in many containers.
//!
//! Blocking on purpose: starting takes a moment, and ending is what a program does last.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// How often it is looked whether the process has ended.
const POLL: Duration = Duration::from_millis(10);
/// How long a killed process may take to disappear.
const LAST_BREATH: Duration = Duration::from_secs(3);
/// The word in the pipe by which the shell kills the process at once.
const KILL: &[u8] = b"kill\n";
/// The word by which it halts the process.
const HALT: &[u8] = b"halt\n";

/// The shell between. `$1` takes what the process says, `$2` is removed when the pipe has closed,
/// or is nothing; the rest is the process. The end of the process is the end of the group.
const GUARD: &str = r#"
exec 3<&0 </dev/null
said=$1 remove=$2
shift 2
alone=
trap 'alone=yes' USR1
"$@" 3<&- >>"$said" 2>&1 &
process=$!
(
    while read -r word; do
        case $word in
        kill) kill -KILL "$process" ;;
        halt) kill -STOP "$process" ;;
        esac
    done <&3
    kill -USR1 $$
    kill -TERM "$process" 2>/dev/null
    tries=0
    while kill -0 "$process" 2>/dev/null && [ "$tries" -lt 50 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    kill -KILL "$process" 2>/dev/null
) &
exec 3<&-
while kill -0 "$process" 2>/dev/null; do wait "$process"; done
if [ -n "$alone" ] && [ -n "$remove" ]; then
    rm -rf -- "$remove"
fi
kill -KILL 0
"#;

/// A running process; dropping it kills it.
#[derive(Debug)]
pub struct Guarded {
    shell: Option<Child>,
}

impl Guarded {
    /// Start `command` with its environment and directory; its standard input is empty, and what it
    /// says goes to the end of the file `said`. `remove` goes when [`Self::stop`] has ended the
    /// process, or when nobody is left to do it.
    pub fn start(command: &Command, said: &Path, remove: Option<&Path>) -> io::Result<Self> {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", GUARD, "kontor-guard"]).arg(said);
        shell.arg(remove.map_or("".as_ref(), Path::as_os_str));
        shell.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        if let Some(dir) = command.get_current_dir() {
            shell.current_dir(dir);
        }
        shell.process_group(0).stdin(Stdio::piped());
        shell.stdout(Stdio::null()).stderr(Stdio::null());
        let shell = Some(shell.spawn()?);
        Ok(Self { shell })
    }

    /// True once the process has ended.
    pub fn ended(&mut self) -> bool {
        match &mut self.shell {
            None => true,
            Some(shell) => !matches!(shell.try_wait(), Ok(None)),
        }
    }

    /// Wait until the process has ended by itself; false if it has not in time.
    pub fn wait(&mut self, patience: Duration) -> bool {
        let since = Instant::now();
        while !self.ended() {
            if since.elapsed() >= patience {
                return false;
            }
            std::thread::sleep(POLL);
        }
        true
    }

    /// Ask the process to stop, as if we had ended; the shell kills it if it does not.
    pub fn stop(&mut self, patience: Duration) {
        if let Some(shell) = &mut self.shell {
            drop(shell.stdin.take());
        }
        self.wait(patience);
        self.kill();
    }

    /// Let the process stand still, soon, until it is killed: it keeps its connections and answers
    /// nobody.
    pub fn halt(&mut self) -> io::Result<()> {
        let pipe = self.shell.as_mut().and_then(|shell| shell.stdin.as_mut());
        pipe.map_or(Ok(()), |pipe| pipe.write_all(HALT))
    }

    /// End the process and what it has started at once, as a power cut would.
    pub fn kill(&mut self) {
        let Some(mut shell) = self.shell.take() else {
            return;
        };
        let told = shell.stdin.as_mut().map(|pipe| pipe.write_all(KILL));
        let since = Instant::now();
        while matches!(told, Some(Ok(()))) && since.elapsed() < LAST_BREATH {
            if !matches!(shell.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(POLL);
        }
        let group = i32::try_from(shell.id()).ok().and_then(Pid::from_raw);
        if let (Some(group), Ok(None)) = (group, shell.try_wait()) {
            // Fails only if the group is gone already, which is what is wanted.
            kill_process_group(group, Signal::KILL).ok();
        }
        shell.wait().ok();
    }
}

/// Remove a directory whose users were killed: until the last of them is gone, a file may still
/// appear in it. What cannot be removed stays, in the temporary directory of the system, which is
/// cleaned by others.
pub fn remove(dir: &Path) {
    let since = Instant::now();
    while std::fs::remove_dir_all(dir).is_err() && dir.exists() && since.elapsed() < LAST_BREATH {
        std::thread::sleep(POLL);
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shell with a script.
    fn script(dir: &Path, text: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", text]).current_dir(dir);
        command
    }

    fn eventually(what: &str, mut check: impl FnMut() -> bool) {
        let since = Instant::now();
        while !check() {
            assert!(since.elapsed() < Duration::from_secs(30), "{what}");
            std::thread::sleep(POLL);
        }
    }

    fn lives(pid: &str) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/status", pid.trim()));
        status.is_ok_and(|status| !status.contains("State:\tZ"))
    }

    #[test]
    fn a_stop_is_obeyed_and_cleans_up() {
        let base = tempfile::tempdir().unwrap();
        let room = base.path().join("room");
        std::fs::create_dir(&room).unwrap();
        let said = base.path().join("said");
        let text = "trap 'echo bye; exit 0' TERM; echo hello; while :; do sleep 0.05; done";
        let mut guarded = Guarded::start(&script(&room, text), &said, Some(&room)).unwrap();
        let read = || std::fs::read_to_string(&said).unwrap_or_default();
        eventually("it never spoke", || read() == "hello\n");
        assert!(!guarded.ended() && !guarded.wait(Duration::ZERO));
        guarded.stop(Duration::from_secs(30));
        assert_eq!(read(), "hello\nbye\n");
        assert!(!room.exists());
    }

    #[test]
    fn a_halted_process_stands_still_and_can_be_killed() {
        let dir = tempfile::tempdir().unwrap();
        let said = dir.path().join("said");
        let text = "echo $$; while :; do sleep 0.01; done";
        let mut guarded = Guarded::start(&script(dir.path(), text), &said, None).unwrap();
        let read = || std::fs::read_to_string(&said).unwrap_or_default();
        eventually("it never spoke", || read().ends_with('\n'));
        let status = format!("/proc/{}/status", read().trim());
        let stands = || std::fs::read_to_string(&status).is_ok_and(|s| s.contains("State:\tT"));
        assert!(!stands());
        guarded.halt().unwrap();
        eventually("it goes on", stands);
        assert!(!guarded.ended());
        guarded.kill();
        assert!(!lives(&read()));
    }

    #[test]
    fn what_it_started_goes_along_and_nothing_is_removed_that_may_be_needed() {
        let dir = tempfile::tempdir().unwrap();
        let said = dir.path().join("said");
        let text = "sleep 100 & echo $!; sleep 0.2";
        let mut guarded =
            Guarded::start(&script(dir.path(), text), &said, Some(dir.path())).unwrap();
        assert!(guarded.wait(Duration::from_secs(30)));
        let started = std::fs::read_to_string(&said).unwrap();
        eventually("what it started lives on", || !lives(&started));

        let text = "trap '' TERM; echo $$; sleep 100";
        std::fs::remove_file(&said).unwrap();
        let guarded = Guarded::start(&script(dir.path(), text), &said, Some(dir.path())).unwrap();
        eventually("it never spoke", || {
            std::fs::read_to_string(&said).is_ok_and(|said| said.ends_with('\n'))
        });
        let process = std::fs::read_to_string(&said).unwrap();
        assert!(lives(&process));
        drop(guarded);
        assert!(!lives(&process) && dir.path().exists());
    }
}
