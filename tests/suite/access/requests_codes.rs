//! Good requests about entry codes, contents and appointments.

use prost_types::FieldMask;
use siyu_proto::{
    accounts::v1::{
        BatchCreateEntryCodesRequest, Content, ContentKind, CreateEntryCodeRequest, DisableEntryCodeRequest,
        EntryCode, EntryCodePicture, GetContentRequest, GetEntryCodeRequest, Landing, LandingKind,
        ListAppointmentsRequest, ListContentsRequest, ListEntryCodesRequest, PictureFormat,
        RegisterContentRequest, RenderEntryCodeRequest, RenderEntryCodesRequest, UpdateEntryCodeRequest,
        content_service_client::ContentServiceClient, entry_code_service_client::EntryCodeServiceClient,
    },
    common::v1::Role,
};
use siyu_tests::TestSuite;

use super::requests::{About, Good, good};

fn code(display_name: &str) -> EntryCode {
    let landing = Landing { kind: LandingKind::Homepage.into(), ..Landing::default() };
    EntryCode { display_name: display_name.to_owned(), landing: Some(landing), ..EntryCode::default() }
}

/// Makes `accounts/{id}/entryCodes/box` and `accounts/{id}/contents/video`, for requests that read.
pub(super) async fn prepare(suite: &TestSuite, id: &str) {
    let parent = format!("accounts/{id}");
    let request = CreateEntryCodeRequest {
        parent: parent.clone(),
        entry_code: Some(code("Box")),
        entry_code_id: "box".to_owned(),
        ..Default::default()
    };
    EntryCodeServiceClient::new(suite.client()).create_entry_code(request).await.unwrap();
    let video = Content { kind: ContentKind::Video.into(), title: "Video".to_owned(), ..Content::default() };
    let request = RegisterContentRequest { parent, content: Some(video), content_id: "video".to_owned() };
    ContentServiceClient::new(suite.client()).register_content(request).await.unwrap();
}

pub(super) fn all(about: About<'_>) -> Vec<Good> {
    let mut requests = entry_codes(&about);
    let parent = about.account();
    let name = format!("{parent}/contents/video");
    requests.extend([
        good(Role::Analyst, &GetContentRequest { name: name.clone() }),
        good(Role::Analyst, &ListContentsRequest { parent, ..Default::default() }),
        good(Role::Operator, &ListAppointmentsRequest { parent: name, ..Default::default() }),
    ]);
    requests
}

fn entry_codes(about: &About<'_>) -> Vec<Good> {
    let parent = about.account();
    let name = format!("{parent}/entryCodes/box");
    let picture = EntryCodePicture { format: PictureFormat::Svg.into(), ..EntryCodePicture::default() };
    vec![
        good(
            Role::Operator,
            &CreateEntryCodeRequest {
                parent: parent.clone(),
                entry_code: Some(code("Poster")),
                ..Default::default()
            },
        ),
        good(
            Role::Operator,
            &BatchCreateEntryCodesRequest {
                parent: parent.clone(),
                entry_code: Some(code("")),
                display_name_prefix: "Store ".to_owned(),
                count: 2,
                ..Default::default()
            },
        ),
        good(Role::Analyst, &GetEntryCodeRequest { name: name.clone() }),
        good(Role::Analyst, &ListEntryCodesRequest { parent: parent.clone(), ..Default::default() }),
        good(
            Role::Operator,
            &UpdateEntryCodeRequest {
                entry_code: Some(EntryCode { name: name.clone(), ..code("Big box") }),
                update_mask: Some(FieldMask { paths: vec!["display_name".to_owned()] }),
                ..Default::default()
            },
        ),
        good(Role::Operator, &DisableEntryCodeRequest { name: name.clone() }),
        good(Role::Analyst, &RenderEntryCodeRequest { name, picture: Some(picture) }),
        good(
            Role::Analyst,
            &RenderEntryCodesRequest { parent, picture: Some(picture), ..Default::default() },
        ),
    ]
}
