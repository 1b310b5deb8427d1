//! `fas token`: makes, lists and revokes the tokens in a token file. A running service takes
//! changes over within seconds.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use flow_model::Name;

use crate::auth::{Digest, Entry, Scope, Secret, Tokens, append, remove};

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// What to do with the token file.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Makes a token, adds its hash to the file, and prints the token: it is not told again
    Create(Create),
    /// Lists the tokens of the file
    List(Tokenfile),
    /// Removes a token from the file
    Revoke(Revoke),
}

/// The file.
#[derive(Args, Debug)]
pub struct Tokenfile {
    /// The token file
    #[arg(long, env = "FAS_TOKENS", value_name = "FILE")]
    tokens: PathBuf,
}

/// A new token.
#[derive(Args, Debug)]
pub struct Create {
    #[command(flatten)]
    file: Tokenfile,

    /// What to call the token, in the log and to revoke it
    #[arg(long)]
    name: String,

    /// What the token is good for: write, read or admin (everything); may be repeated
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    scopes: Vec<Scope>,

    /// Limits the token to this VPC; may be repeated [default: all VPCs]
    #[arg(long = "vpc-id", value_name = "VPC", value_parser = vpc_id)]
    vpc_ids: Vec<String>,
}

/// A token to remove.
#[derive(Args, Debug)]
pub struct Revoke {
    #[command(flatten)]
    file: Tokenfile,

    /// The token's name
    name: String,
}

/// Does it.
///
/// # Errors
/// When the file cannot be used or changed; the message names it.
pub fn run(command: TokenCommand) -> Result<(), AnyError> {
    match command {
        TokenCommand::Create(create) => create.run(),
        TokenCommand::List(file) => list(&file.tokens),
        TokenCommand::Revoke(revoke) => {
            remove(&revoke.file.tokens, &revoke.name).map_err(in_file(&revoke.file.tokens))?;
            Ok(())
        }
    }
}

impl Create {
    fn run(self) -> Result<(), AnyError> {
        let secret = Secret::generate().map_err(|error| format!("no random numbers: {error}"))?;
        let mut scopes = self.scopes;
        scopes.dedup();
        let entry = Entry {
            name: self.name,
            digest: Digest::of(secret.reveal().as_bytes()),
            scopes,
            vpc_ids: (!self.vpc_ids.is_empty()).then_some(self.vpc_ids),
        };
        append(&self.file.tokens, &entry).map_err(in_file(&self.file.tokens))?;
        writeln!(io::stdout(), "{}", secret.reveal())?;
        Ok(())
    }
}

fn list(path: &Path) -> Result<(), AnyError> {
    let tokens = Tokens::load(path).map_err(in_file(path))?;
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::NOTHING).set_header(["NAME", "SCOPES", "VPCS"]);
    for entry in tokens.by_name() {
        let scopes: Vec<&str> = entry.scopes.iter().map(|scope| scope.as_str()).collect();
        let vpc_ids = entry.vpc_ids.as_ref().map_or("all".to_owned(), |ids| ids.join(", "));
        table.add_row([entry.name.clone(), scopes.join(", "), vpc_ids]);
    }
    writeln!(io::stdout(), "{}", table.trim_fmt())?;
    Ok(())
}

fn vpc_id(text: &str) -> Result<String, String> {
    Name::new(text).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

fn in_file<E: std::fmt::Display>(path: &Path) -> impl Fn(E) -> String {
    move |error| format!("{}: {error}", path.display())
}
