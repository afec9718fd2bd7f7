//! `MacroService`: decode, call the use case, encode.

use siyu_proto::messaging::v1::{
    self as pb, CreateMacroRequest, CreateMacroResponse, DeleteMacroRequest, DeleteMacroResponse,
    GetMacroRequest, GetMacroResponse, ListMacrosRequest, ListMacrosResponse, MacroActionKind,
    RunMacroRequest, RunMacroResponse, UpdateMacroRequest, UpdateMacroResponse,
    macro_service_server::MacroService,
};
use siyu_rpc::{Error, Page, admit, admit_mutation, etag, name, time::to_proto};
use tonic::{Request, Response, Status};

use super::{
    canned_replies::{given, reply_ids},
    convert::to_message,
    desk_convert::{agent_name, agent_of, to_case},
    support::to_note,
};
use crate::{
    Messaging,
    domain::{
        desk_macro::{Action, Definition, DeskMacro},
        message::Sender,
    },
};

#[tonic::async_trait]
impl MacroService for Messaging {
    async fn create_macro(
        &self,
        request: Request<CreateMacroRequest>,
    ) -> Result<Response<CreateMacroResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let definition = definition(account_id, request.desk_macro.unwrap_or_default())?;
        let made = self.create_macro(&mutation, [account_id, &request.macro_id], &definition).await?;
        Ok(Response::new(CreateMacroResponse { desk_macro: Some(to_macro(made)) }))
    }

    async fn get_macro(
        &self,
        request: Request<GetMacroRequest>,
    ) -> Result<Response<GetMacroResponse>, Status> {
        let request = admit(request)?;
        let found = self.get_macro(macro_ids(&request.name, "name")?).await?;
        Ok(Response::new(GetMacroResponse { desk_macro: Some(to_macro(found)) }))
    }

    async fn list_macros(
        &self,
        request: Request<ListMacrosRequest>,
    ) -> Result<Response<ListMacrosResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListMacros {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let (found, next_page_token) = self.list_macros(account_id, &page).await?;
        let macros = found.into_iter().map(to_macro).collect();
        Ok(Response::new(ListMacrosResponse { macros, next_page_token }))
    }

    async fn update_macro(
        &self,
        request: Request<UpdateMacroRequest>,
    ) -> Result<Response<UpdateMacroResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let sent = request.desk_macro.unwrap_or_default();
        let (name, seen) = (sent.name.clone(), sent.etag.clone());
        let ids = macro_ids(&name, "desk_macro.name")?;
        let changed = self.update_macro(&mutation, ids, &definition(ids[0], sent)?, &seen).await?;
        Ok(Response::new(UpdateMacroResponse { desk_macro: Some(to_macro(changed)) }))
    }

    async fn delete_macro(
        &self,
        request: Request<DeleteMacroRequest>,
    ) -> Result<Response<DeleteMacroResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        self.delete_macro(&mutation, macro_ids(&request.name, "name")?, &request.etag).await?;
        Ok(Response::new(DeleteMacroResponse {}))
    }

    async fn run_macro(
        &self,
        request: Request<RunMacroRequest>,
    ) -> Result<Response<RunMacroResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let ids = macro_ids(&request.name, "name")?;
        let user_id = name::id(&request.user, "users", "user")?;
        let variables = given(request.variables)?;
        let (ran, messages) = self.run_macro(&mutation, ids, user_id, &variables).await?;
        Ok(Response::new(RunMacroResponse {
            messages: messages.iter().map(|message| to_message(message, Sender::Account)).collect(),
            notes: ran.notes.into_iter().map(to_note).collect(),
            support_case: Some(to_case(ids[0], &ran.desk)),
        }))
    }
}

/// Account and macro of a macro's name.
fn macro_ids<'a>(name: &'a str, field: &str) -> Result<[&'a str; 2], Error> {
    let rule = "must be accounts/{account}/macros/{macro}";
    name::ids(name, ["accounts", "macros"]).ok_or_else(|| Error::invalid_field(field, rule))
}

fn definition(account_id: &str, sent: pb::DeskMacro) -> Result<Definition, Error> {
    let actions = sent.actions.into_iter().enumerate();
    let actions = actions.map(|(place, sent)| {
        let field = |name: &str| format!("desk_macro.actions[{place}].{name}");
        check_fields(&sent, field)?;
        action(account_id, sent, field)
    });
    Ok(Definition { actions: actions.collect::<Result<_, _>>()?, display_name: sent.display_name })
}

/// That an action has no field of another kind.
fn check_fields(sent: &pb::MacroAction, field: impl Fn(&str) -> String) -> Result<(), Error> {
    use MacroActionKind::{AddLabels, AddNote, SendCannedReply, SendText, SetLabels, Transfer};
    let fields = [
        ("text", !sent.text.is_empty(), [SendText, AddNote].contains(&sent.kind())),
        ("canned_reply", !sent.canned_reply.is_empty(), sent.kind() == SendCannedReply),
        ("labels", !sent.labels.is_empty(), [AddLabels, SetLabels].contains(&sent.kind())),
        ("agent", !sent.agent.is_empty(), sent.kind() == Transfer),
    ];
    match fields.iter().find(|(_, is_set, goes)| *is_set && !goes) {
        Some((name, ..)) => Err(Error::invalid_field(field(name), "does not go with this kind")),
        None => Ok(()),
    }
}

fn action(account_id: &str, sent: pb::MacroAction, field: impl Fn(&str) -> String) -> Result<Action, Error> {
    Ok(match sent.kind() {
        MacroActionKind::SendText => Action::SendText(sent.text),
        MacroActionKind::SendCannedReply => {
            let found = reply_ids(&sent.canned_reply, &field("canned_reply"))?;
            if found[0] != account_id {
                let rule = "must be a canned reply of the account";
                return Err(Error::invalid_field(field("canned_reply"), rule));
            }
            Action::SendCannedReply(found[1].to_owned())
        }
        MacroActionKind::AddLabels => Action::AddLabels(sent.labels),
        MacroActionKind::SetLabels => Action::SetLabels(sent.labels),
        MacroActionKind::AddNote => Action::AddNote(sent.text),
        MacroActionKind::Transfer => {
            let rule = format!("must be an agent of accounts/{account_id}");
            let agent = agent_of(account_id, &sent.agent);
            let agent = agent.map_err(|_| Error::invalid_field(field("agent"), rule))?;
            Action::Transfer(agent.map(ToOwned::to_owned))
        }
        MacroActionKind::Close => Action::Close,
        MacroActionKind::Unspecified => return Err(Error::invalid_field(field("kind"), "must be set")),
    })
}

fn to_macro(found: DeskMacro) -> pb::DeskMacro {
    let account_id = &found.account_id;
    pb::DeskMacro {
        name: found.name(),
        create_time: Some(to_proto(found.create_time)),
        update_time: Some(to_proto(found.update_time)),
        etag: etag::of(found.revision),
        actions: found.definition.actions.iter().map(|action| to_action(account_id, action)).collect(),
        display_name: found.definition.display_name.clone(),
    }
}

fn to_action(account_id: &str, action: &Action) -> pb::MacroAction {
    let of = |kind: MacroActionKind| pb::MacroAction { kind: kind.into(), ..pb::MacroAction::default() };
    match action.clone() {
        Action::SendText(text) => pb::MacroAction { text, ..of(MacroActionKind::SendText) },
        Action::SendCannedReply(id) => {
            let canned_reply = format!("accounts/{account_id}/cannedReplies/{id}");
            pb::MacroAction { canned_reply, ..of(MacroActionKind::SendCannedReply) }
        }
        Action::AddLabels(labels) => pb::MacroAction { labels, ..of(MacroActionKind::AddLabels) },
        Action::SetLabels(labels) => pb::MacroAction { labels, ..of(MacroActionKind::SetLabels) },
        Action::AddNote(text) => pb::MacroAction { text, ..of(MacroActionKind::AddNote) },
        Action::Transfer(agent_id) => {
            let agent = agent_name(account_id, &agent_id.unwrap_or_default());
            pb::MacroAction { agent, ..of(MacroActionKind::Transfer) }
        }
        Action::Close => of(MacroActionKind::Close),
    }
}
