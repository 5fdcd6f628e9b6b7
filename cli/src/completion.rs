//! `spice completion`: prints a completion script for a shell.

use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;

use crate::output;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  source <(spice completion bash)
  spice completion zsh > \"${fpath[1]}/_spice\"
  spice completion fish > ~/.config/fish/completions/spice.fish")]
pub(crate) struct Options {
    /// The shell.
    shell: Shell,
}

#[allow(clippy::needless_pass_by_value)] // as every command
pub(crate) fn run(options: Options, mut command: Command) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut command, "spice", &mut script);
    output::line(String::from_utf8_lossy(&script).trim_end())?;
    Ok(ExitCode::SUCCESS)
}
