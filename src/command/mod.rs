//! The commands, one file each.

pub mod submit;
pub mod topology;

use std::path::PathBuf;

use crate::report::Format;
use crate::settings::{Settings, SettingsFault, Sources};

/// What holds for every command.
#[derive(Debug, Clone, Default)]
pub struct Globals {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--format`.
    pub format: Format,
}

impl Globals {
    /// The settings of this process.
    pub fn settings(&self) -> Result<Settings, SettingsFault> {
        Settings::load(&Sources::of_process(self.config.clone(), Vec::new()))
    }
}

/// How a command ended that had no fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Exit code 0.
    Yes,
    /// The answer is no: exit code 1.
    No,
    /// What was asked makes no sense: exit code 64.
    Usage,
    /// Configuration or topology: exit code 78.
    Misconfigured,
}
