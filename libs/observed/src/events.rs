//! What users did, for the CRM: in as many events as it takes, none larger than the outbox takes.

use prost::Message;
use siyu_outbox::{Draft, fitting};
use siyu_proto::crm::v1::{Interaction, InteractionsObserved, TagAssignment};

/// Something a user did, and the tags the user gets by it. They come in one event: the CRM gives the tags only if it
/// takes in the interaction.
#[derive(Debug, Clone)]
pub struct Observed {
    /// What they did.
    pub interaction: Interaction,
    /// The tags they get with it.
    pub tags: Vec<TagAssignment>,
}

impl Observed {
    /// Bytes of its messages.
    fn size(&self) -> usize {
        self.interaction.encoded_len() + self.tags.iter().map(Message::encoded_len).sum::<usize>()
    }
}

impl From<Interaction> for Observed {
    fn from(interaction: Interaction) -> Self {
        Self { interaction, tags: Vec::new() }
    }
}

/// The events that tell the CRM what users did towards an account, in order. Nothing to tell makes none.
#[must_use]
pub fn interactions_observed(account_id: &str, observed: impl IntoIterator<Item = Observed>) -> Vec<Draft> {
    let parent = format!("accounts/{account_id}");
    let events = cut(&parent, observed);
    events.iter().map(|event| Draft::new(parent.clone(), event)).collect()
}

fn cut(parent: &str, observed: impl IntoIterator<Item = Observed>) -> Vec<InteractionsObserved> {
    let event = |group: Vec<Observed>| {
        let mut event = InteractionsObserved { parent: parent.to_owned(), ..Default::default() };
        for observed in group {
            event.interactions.push(observed.interaction);
            event.tag_assignments.extend(observed.tags);
        }
        event
    };
    fitting(observed, Observed::size).into_iter().map(event).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTBOX_TAKES: usize = 64 * 1024;

    /// As long as an interaction and its tags can be.
    fn longest(number: usize) -> Observed {
        let user = format!("users/{}{number:06}", "界".repeat(122));
        let tag = |tag: usize| TagAssignment {
            user: user.clone(),
            tag: format!("{tag:064}"),
            cause: "界".repeat(200),
        };
        let interaction = Interaction {
            event_id: format!("{number:0128}"),
            user: user.clone(),
            target: "界".repeat(200),
            mount: "界".repeat(200),
            campaign: "界".repeat(64),
            ..Interaction::default()
        };
        Observed { interaction, tags: (0..10).map(tag).collect() }
    }

    /// As short as one can be.
    fn shortest(number: usize) -> Observed {
        let user = format!("users/{number}");
        Interaction { event_id: number.to_string(), user, ..Interaction::default() }.into()
    }

    #[test]
    fn no_event_is_too_large_and_nothing_is_lost_or_parted_from_its_tags() {
        for (count, every) in [(0, 1), (1, 1), (500, 1), (500, 3), (20_000, 997), (20_000, usize::MAX)] {
            let observed = |number: usize| {
                if number.is_multiple_of(every) { longest(number) } else { shortest(number) }
            };
            let events = cut("accounts/shop", (1..=count).map(observed));
            assert!(events.iter().all(|event| event.encoded_len() <= OUTBOX_TAKES));
            let told: Vec<_> = events.iter().flat_map(|event| event.interactions.clone()).collect();
            let sent: Vec<_> = (1..=count).map(|number| observed(number).interaction).collect();
            assert!(told == sent);
            for event in events {
                assert_eq!(event.parent, "accounts/shop");
                let users = event.interactions.iter().map(|interaction| &interaction.user);
                let tagged: Vec<_> = event.tag_assignments.iter().map(|tag| &tag.user).collect();
                let expected: Vec<_> = users
                    .filter(|user| user.len() > 100)
                    .flat_map(|user| std::iter::repeat_n(user, 10))
                    .collect();
                assert!(tagged == expected);
            }
        }
    }
}
