//! What all sidecars of a thread share: who there is, the plugin, and the bytes that they send.

use std::rc::Rc;

use super::{
    chance::Chance, oracle::Oracle, oracle::PushedRow, population::Population,
    settings::MeshSettings,
};
use crate::{Plugin, Properties, StreamKind};

/// Envoy reads so much of a connection at a time.
pub(super) const CHUNK_BYTES: usize = 16 * 1024;

/// What all sidecars of a thread share.
pub(super) struct World<'a> {
    pub(super) settings: &'a MeshSettings,
    pub(super) population: &'a Population,
    pub(super) oracle: &'a dyn Oracle,
    pub(super) plugin: &'a Plugin,
    /// What streams to each app know, by the app's number.
    pub(super) properties: Vec<Rc<Properties>>,
    configurations: [String; 2],
    bytes: Vec<u8>,
}

impl<'a> World<'a> {
    pub(super) fn new(
        settings: &'a MeshSettings,
        population: &'a Population,
        oracle: &'a dyn Oracle,
        plugin: &'a Plugin,
    ) -> Self {
        let mut chance = Chance::new(settings.seed, u64::MAX - 1);
        let numbers = std::iter::repeat_with(|| chance.seed().to_le_bytes());
        Self {
            settings,
            population,
            oracle,
            plugin,
            properties: population.properties(),
            configurations: [StreamKind::Tcp, StreamKind::Http].map(|it| oracle.configuration(it)),
            bytes: numbers.take(CHUNK_BYTES / 4).flatten().collect(),
        }
    }

    pub(super) fn configuration(&self, kind: StreamKind) -> &str {
        let [tcp, http] = &self.configurations;
        match kind {
            StreamKind::Tcp => tcp,
            StreamKind::Http => http,
        }
    }

    /// Bytes to send, at most [`CHUNK_BYTES`] of them, which hardly ever come twice: a plugin may
    /// compare what is delivered with what came before.
    pub(super) fn bytes(&self, size: usize, chance: &mut Chance) -> Vec<u8> {
        let spare = self.bytes.len().saturating_sub(size) as u64;
        let from = usize::try_from(chance.below(spare)).unwrap_or_default();
        let end = from.saturating_add(size).min(self.bytes.len());
        self.bytes.get(from..end).unwrap_or_default().to_vec()
    }

    /// The number of a row's destination, if it is one of this app in this network.
    pub(super) fn destination(&self, app: u32, network: u32, row: &PushedRow<'_>) -> Option<u32> {
        let is_own = row.source == self.population.name(app)
            && row.network == self.population.network(network);
        self.population.number(&row.destination).filter(|_| is_own)
    }
}
