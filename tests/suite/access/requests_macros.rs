//! Good requests about macros of the service desk.

use siyu_proto::{
    common::v1::Role,
    messaging::v1::{
        CreateMacroRequest, DeleteMacroRequest, DeskMacro, GetMacroRequest, ListMacrosRequest,
        MacroActionKind, RunMacroRequest, UpdateMacroRequest,
    },
};
use siyu_tests::TestSuite;

use super::requests::{About, Good, good};
use crate::macros::{action, creation, macros};

/// What labels a conversation, which can be done with any.
fn labels() -> DeskMacro {
    let mut add = action(MacroActionKind::AddLabels);
    add.labels = vec!["vip".to_owned()];
    DeskMacro { display_name: "VIP".to_owned(), actions: vec![add], ..DeskMacro::default() }
}

/// What there must be in `accounts/{id}` before: a macro.
pub(super) async fn prepare(suite: &TestSuite, id: &str) {
    let request = CreateMacroRequest { parent: format!("accounts/{id}"), ..creation("vip", labels()) };
    macros(suite).create_macro(request).await.unwrap();
}

pub(super) fn all(about: About<'_>) -> Vec<Good> {
    let parent = || about.account();
    let vip = || format!("{}/macros/vip", parent());
    let own = || format!("{}/macros/{}", parent(), about.turn);
    vec![
        good(Role::Operator, &CreateMacroRequest { parent: parent(), ..creation(about.turn, labels()) }),
        good(Role::Agent, &GetMacroRequest { name: vip() }),
        good(Role::Agent, &ListMacrosRequest { parent: parent(), ..Default::default() }),
        good(
            Role::Operator,
            &UpdateMacroRequest {
                desk_macro: Some(DeskMacro { name: own(), ..labels() }),
                ..Default::default()
            },
        ),
        good(
            Role::Agent,
            &RunMacroRequest { name: vip(), user: "users/u1".to_owned(), ..Default::default() },
        ),
        good(Role::Operator, &DeleteMacroRequest { name: own(), ..Default::default() }),
    ]
}
