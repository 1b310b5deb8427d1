//! Who there is: apps, of which few are called by many, and their sidecars, of which few move much.

use std::{collections::HashMap, rc::Rc};

use super::{chance::Chance, settings::MeshSettings};
use crate::properties::{Properties, availability::StreamKind};

/// Envoy's number for an outbound listener (envoy.config.core.v3.TrafficDirection).
const OUTBOUND: i64 = 2;

/// The most apps that one calls.
const MAX_PEERS: u64 = 8;

/// The share of apps that speak TCP; the others speak HTTP.
const TCP_SHARE: f64 = 0.3;

/// How unequal apps are: the weight of the n-th is 1 / n^0.8 (Zipf).
const SKEW: f64 = 0.8;

/// An app.
#[derive(Debug)]
pub(super) struct App {
    pub(super) name: String,
    pub(super) kind: StreamKind,
    /// Whom it calls, by number, and how much more often than others, cumulated.
    pub(super) peers: Vec<u32>,
    pub(super) weights: Vec<f64>,
    /// How much more its sidecars move than others.
    activity: f64,
}

/// A sidecar, whichever VM it has.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) app: u32,
    pub(super) network: u32,
    /// Requests and connections in an hour.
    pub(super) exchanges_per_hour: f64,
    /// How far its clock is ahead.
    pub(super) ahead_ns: i64,
}

/// Apps and sidecars.
pub(super) struct Population {
    pub(super) apps: Vec<App>,
    numbers: HashMap<String, u32>,
    pub(super) networks: Vec<String>,
    pub(super) members: Vec<Member>,
}

impl Population {
    pub(super) fn new(settings: &MeshSettings) -> Self {
        let mut chance = Chance::new(settings.seed, u64::MAX);
        let mut weight = 0.0;
        let weights: Vec<f64> = (1..=settings.apps)
            .map(|rank| {
                weight += f64::from(rank).powf(-SKEW);
                weight
            })
            .collect();
        let apps: Vec<App> =
            (0..settings.apps).map(|number| App::new(number, &weights, &mut chance)).collect();
        let numbers = apps.iter().zip(0..).map(|(app, number)| (app.name.clone(), number));
        let numbers = numbers.collect();
        let networks = (1..=settings.networks).map(|number| format!("net-{number}")).collect();
        let mut members: Vec<Member> = (0..settings.sidecars)
            .map(|number| {
                let app = match number < settings.apps {
                    true => number,
                    false => u32::try_from(chance.pick(&weights)).unwrap_or_default(),
                };
                member(app, &apps, settings, &mut chance)
            })
            .collect();
        even_out(&mut members, settings.traffic.exchanges_per_hour);
        Self { apps, numbers, networks, members }
    }

    /// The number of the app with this name.
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    pub(super) fn app(&self, number: u32) -> Option<&App> {
        self.apps.get(usize::try_from(number).ok()?)
    }

    /// The name of an app; empty if there is none.
    pub(super) fn name(&self, number: u32) -> &str {
        self.app(number).map_or("", |app| &app.name)
    }

    /// The name of a network; empty if there is none.
    pub(super) fn network(&self, number: u32) -> &str {
        let number = usize::try_from(number).ok();
        number.and_then(|number| self.networks.get(number)).map_or("", String::as_str)
    }

    /// What a stream to each app knows. The trees belong to one thread, as all of a host does.
    pub(super) fn properties(&self) -> Vec<Rc<Properties>> {
        let of = |app: &App| {
            let properties = Properties::new().with(&["xds", "listener_direction"], OUTBOUND);
            Rc::new(properties.with(&["xds", "cluster_name"], app.name.as_str()))
        };
        self.apps.iter().map(of).collect()
    }
}

impl App {
    fn new(number: u32, weights: &[f64], chance: &mut Chance) -> Self {
        let count = 1 + chance.below(MAX_PEERS.min(weights.len() as u64 - 1));
        let (mut peers, mut peer_weights, mut sum) = (Vec::new(), Vec::new(), 0.0);
        for _ in 0..count {
            let peer = u32::try_from(chance.pick(weights)).unwrap_or_default();
            if peer != number && !peers.contains(&peer) {
                sum += 1.0 / (peers.len() as f64 + 1.0);
                peers.push(peer);
                peer_weights.push(sum);
            }
        }
        if peers.is_empty() {
            peers.push(if number == 0 { 1 } else { 0 });
            peer_weights.push(1.0);
        }
        Self {
            name: format!("app-{number:03}"),
            kind: if chance.is(TCP_SHARE) { StreamKind::Tcp } else { StreamKind::Http },
            peers,
            weights: peer_weights,
            // Pareto with a finite mean: one app in a hundred moves ten times as much.
            activity: (1.0 - chance.share()).powf(-0.5),
        }
    }
}

fn member(number: u32, apps: &[App], settings: &MeshSettings, chance: &mut Chance) -> Member {
    let app = usize::try_from(number).ok().and_then(|number| apps.get(number));
    let network = u32::try_from(chance.below(u64::from(settings.networks))).unwrap_or_default();
    let skew_ns = settings.faults.skew_ns;
    let is_skewed = chance.is(settings.faults.skewed);
    let drawn_ns = chance.below(skew_ns.saturating_mul(2).saturating_add(1));
    let ahead_ns = i64::try_from(drawn_ns).unwrap_or(i64::MAX);
    let ahead_ns = ahead_ns.saturating_sub(i64::try_from(skew_ns).unwrap_or(i64::MAX));
    Member {
        app: number,
        network,
        exchanges_per_hour: app.map_or(1.0, |app| app.activity) * (0.5 + chance.share()),
        ahead_ns: if is_skewed { ahead_ns } else { 0 },
    }
}

/// Gives the members' exchanges this mean.
fn even_out(members: &mut [Member], mean: f64) {
    let sum: f64 = members.iter().map(|member| member.exchanges_per_hour).sum();
    let factor = if sum > 0.0 { mean * members.len() as f64 / sum } else { 0.0 };
    for member in members {
        member.exchanges_per_hour *= factor;
    }
}
