//! A canned answer to gRPC, as scenarios write it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    grpc::{GrpcEvent, GrpcReply, GrpcUpstream},
    pairs::Pair,
};

/// What every gRPC call and stream gets: metadata when it begins, messages for each message of the
/// plugin, and an end when the plugin sends no more.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrpcTarget {
    /// The metadata at the start of a stream.
    #[serde(default)]
    pub initial_metadata: BTreeMap<String, String>,
    /// The messages; a call takes the first.
    #[serde(default)]
    pub messages: Vec<String>,
    /// The metadata at the end of a stream.
    #[serde(default)]
    pub trailing_metadata: BTreeMap<String, String>,
    /// The status at the end; 0 is OK.
    #[serde(default)]
    pub status: u32,
    /// What is said with it.
    #[serde(default)]
    pub message: String,
}

impl GrpcTarget {
    /// Who answers so.
    #[must_use]
    pub fn upstream(&self) -> GrpcUpstream {
        let target = self.clone();
        GrpcUpstream::new(move |_, event| target.replies(event))
    }

    fn replies(&self, event: &GrpcEvent) -> Vec<GrpcReply> {
        match event {
            GrpcEvent::Start if !self.initial_metadata.is_empty() => {
                vec![GrpcReply::InitialMetadata(pairs(&self.initial_metadata))]
            }
            GrpcEvent::Message(_) => {
                let messages = self.messages.iter().map(|text| text.clone().into_bytes());
                messages.map(GrpcReply::Message).collect()
            }
            GrpcEvent::HalfClose => {
                let trailing = (!self.trailing_metadata.is_empty())
                    .then(|| GrpcReply::TrailingMetadata(pairs(&self.trailing_metadata)));
                let end = GrpcReply::close(self.status, &self.message);
                trailing.into_iter().chain([end]).collect()
            }
            GrpcEvent::Start | GrpcEvent::Cancel => Vec::new(),
        }
    }
}

fn pairs(metadata: &BTreeMap<String, String>) -> Vec<Pair> {
    let pair = |(name, value): (&String, &String)| (name.clone().into(), value.clone().into());
    metadata.iter().map(pair).collect()
}
