//! `Entrance`: the terms with their files read, before anything else is begun: a wrong file ends
//! the start at once.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::terms::{Terms, Timeouts};
use super::tls;
use crate::auth::Tokens;
use crate::metrics::Metrics;
use crate::reload::Reloading;

/// What decides who may come in.
pub struct Entrance {
    pub(super) tokens: Option<Arc<Reloading<Tokens>>>,
    pub(super) tls: Option<Arc<Reloading<rustls::ServerConfig>>>,
    pub(super) max_connections: usize,
    pub(super) timeouts: Timeouts,
}

impl Entrance {
    /// Reads the files that the terms name.
    ///
    /// # Errors
    /// When one cannot be used; the message names it.
    pub fn load(terms: &Terms) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let tokens = terms.tokens.clone().map(|path| {
            Reloading::new("tokens", vec![path.clone()], move || {
                let tokens = Tokens::load(&path)
                    .map_err(|error| format!("the token file {} {error}", path.display()))?;
                log::info!("{} tokens in {}", tokens.count(), path.display());
                Ok(tokens)
            })
        });
        let tls = terms.tls.clone().map(|files| {
            let watched = files.all();
            Reloading::new("certificates", watched, move || Ok(tls::load(&files)?))
        });
        Ok(Self {
            tokens: tokens.transpose()?.map(Arc::new),
            tls: tls.transpose()?.map(Arc::new),
            max_connections: terms.max_connections,
            timeouts: terms.timeouts,
        })
    }

    /// Sees to it that the files are read again when they change, as long as the value lives.
    pub(super) fn follow(&self, metrics: &Arc<Metrics>) -> JoinSet<()> {
        let mut following = JoinSet::new();
        if let Some(tokens) = &self.tokens {
            following.spawn(Arc::clone(tokens).follow(Arc::clone(metrics)));
        }
        if let Some(tls) = &self.tls {
            following.spawn(Arc::clone(tls).follow(Arc::clone(metrics)));
        }
        following
    }
}
