//! The settings that decide which events the rows become, written as one text.

use std::collections::BTreeMap;

use clap::ValueEnum;
use serde_json::json;
use siyu_proto::crm::v1::InteractionKind;

use super::args::ImportArgs;

/// Counts up when the same row and settings become another event, so that no import is resumed across the change.
const IMPORTER_VERSION: u32 = 1;

/// The most characters that the server takes.
const MAX_CHARS: usize = 2_000;

const KIND_PREFIX: &str = "INTERACTION_KIND_";

/// Writes the settings down, the same way whatever order they were given in.
pub(super) fn treatment(args: &ImportArgs) -> anyhow::Result<String> {
    let map: BTreeMap<_, _> = args.map.iter().map(|(field, column)| (field.name(), column)).collect();
    let kind_names: BTreeMap<_, _> =
        args.kind_names.iter().map(|(name, kind)| (name, kind_name(*kind))).collect();
    let text = json!({
        "importer": IMPORTER_VERSION,
        "format": name_of(args.format),
        "map": map,
        "delimiter": char::from(args.delimiter),
        "time_format": args.time_format.to_string(),
        "time_zone": args.time_zone.iana_name(),
        "minor_digits": args.minor_digits,
        "default_kind": kind_name(args.default_kind),
        "kind_names": kind_names,
        "negative_amounts": name_of(args.negative_amounts),
        "cancellations": name_of(args.cancellations),
        "refunds": name_of(args.refunds),
        "no_customer": name_of(args.no_customer),
        "order_lines": name_of(args.order_lines),
        "duplicate_rows": name_of(args.duplicate_rows),
        "follow_on": name_of(args.follow_on),
    })
    .to_string();
    anyhow::ensure!(
        text.chars().count() <= MAX_CHARS,
        "the column mapping and kind names together are too long: at most {MAX_CHARS} characters"
    );
    Ok(text)
}

/// The name of a flag's value on the command line.
pub(super) fn name_of(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|possible| possible.get_name().to_owned()).unwrap_or_default()
}

/// The kind with a name like `live_watch`, in small or capital letters.
pub(super) fn kind_named(name: &str) -> Option<InteractionKind> {
    InteractionKind::from_str_name(&format!("{KIND_PREFIX}{}", name.to_ascii_uppercase()))
        .filter(|kind| *kind != InteractionKind::Unspecified)
}

/// The name of a kind, like `live_watch`.
pub(super) fn kind_name(kind: InteractionKind) -> String {
    kind.as_str_name().trim_start_matches(KIND_PREFIX).to_ascii_lowercase()
}
