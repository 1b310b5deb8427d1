//! `Service`: a `fas` with a token on a scratch directory, for as long as the value lives.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::command;
use crate::failure::{Doing, Failure, Result};

/// How long the service may take to listen.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How often its log is looked at meanwhile.
const POLL: Duration = Duration::from_millis(20);

/// A running service.
pub struct Service {
    scratch: PathBuf,
    token: String,
    child: Option<Child>,
    address: String,
}

impl Service {
    /// Starts `fas` on a free port and waits until it listens.
    pub fn start(fas: &Path) -> Result<Self> {
        let scratch = std::env::temp_dir().join(format!("fas-schemathesis-{}", std::process::id()));
        fs::create_dir_all(&scratch).doing(scratch.display())?;
        // From here on, dropping it cleans up.
        let (token, address) = (String::new(), String::new());
        let mut service = Self { scratch, token, child: None, address };
        service.token = service.make_token(fas)?;
        service.launch(fas)?;
        service.address = service.wait_for_address()?;
        Ok(service)
    }

    /// A directory that is removed in the end.
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// A token that may do everything.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn tokens(&self) -> PathBuf {
        self.scratch.join("tokens.toml")
    }

    fn log(&self) -> PathBuf {
        self.scratch.join("fas.log")
    }

    fn make_token(&self, fas: &Path) -> Result<String> {
        let mut create = Command::new(fas);
        create.env_clear().args(["token", "create", "--name", "schemathesis", "--scope", "admin"]);
        command::read(create.arg("--tokens").arg(self.tokens()))
    }

    fn launch(&mut self, fas: &Path) -> Result<()> {
        let log = File::create(self.log()).doing(self.log().display())?;
        let mut serve = Command::new(fas);
        serve
            .env_clear()
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(self.scratch.join("data"))
            .arg("--tokens")
            .arg(self.tokens())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        self.child = Some(serve.spawn().doing(command::describe(&serve))?);
        Ok(())
    }

    fn wait_for_address(&self) -> Result<String> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let log = fs::read_to_string(self.log()).doing(self.log().display())?;
            let address =
                log.split_once("listening on http://").and_then(|(_, rest)| rest.split_once(','));
            if let Some((address, _)) = address {
                return Ok(address.to_owned());
            }
            if Instant::now() >= deadline {
                return Err(Failure::new(format!("fas does not listen: {log}")));
            }
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Both fail only when it has ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.scratch);
    }
}
