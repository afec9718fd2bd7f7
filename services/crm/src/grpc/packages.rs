use std::pin::Pin;

use futures_util::{Stream, StreamExt, stream};
use roaring::RoaringBitmap;
use siyu_clock::Micros;
use siyu_proto::crm::v1::{
    self as pb, CreatePackageRequest, CreatePackageResponse, DeletePackageRequest, DeletePackageResponse,
    GetPackageRequest, GetPackageResponse, ListPackagesRequest, ListPackagesResponse, PackageMemberForm,
    PackageSource, PackageSourceKind as Kind, StreamPackageMembersRequest, StreamPackageMembersResponse,
    package_service_server::PackageService,
};
use siyu_rpc::{Error, Page, admit, admit_mutation, name, time::to_proto};
use tonic::{Request, Response, Status};

use super::{convert::account_id, tags::user_id};
use crate::{
    Crm,
    app::audience::packages::Source,
    store::{
        bitmap::{pieces, to_bytes},
        package::Package,
    },
};

/// Users of a message of a stream.
const PAGE: usize = 1_000;

type Members = Pin<Box<dyn Stream<Item = Result<StreamPackageMembersResponse, Status>> + Send>>;

#[tonic::async_trait]
impl PackageService for Crm {
    async fn create_package(
        &self,
        request: Request<CreatePackageRequest>,
    ) -> Result<Response<CreatePackageResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = account_id(&request.parent, "parent")?;
        let pb::Package { display_name, source: sent, .. } = request.package.unwrap_or_default();
        let source = source(account_id, sent.unwrap_or_default())?;
        let made =
            self.create_package(&mutation, account_id, &request.package_id, &display_name, &source).await?;
        Ok(Response::new(CreatePackageResponse {
            package: Some(to_package(account_id, made.package)?),
            unknown_user_count: made.unknown_users,
        }))
    }

    async fn get_package(
        &self,
        request: Request<GetPackageRequest>,
    ) -> Result<Response<GetPackageResponse>, Status> {
        let request = admit(request)?;
        let [account_id, package_id] = package_ids(&request.name, "name")?;
        let package = self.get_package(account_id, package_id).await?;
        Ok(Response::new(GetPackageResponse { package: Some(to_package(account_id, package)?) }))
    }

    async fn list_packages(
        &self,
        request: Request<ListPackagesRequest>,
    ) -> Result<Response<ListPackagesResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListPackages {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let account_id = account_id(&request.parent, "parent")?;
        let (packages, next_page_token) = self.list_packages(account_id, &page).await?;
        let packages = packages.into_iter().map(|package| to_package(account_id, package));
        Ok(Response::new(ListPackagesResponse {
            packages: packages.collect::<Result<_, Error>>()?,
            next_page_token,
        }))
    }

    async fn delete_package(
        &self,
        request: Request<DeletePackageRequest>,
    ) -> Result<Response<DeletePackageResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, package_id] = package_ids(&request.name, "name")?;
        self.delete_package(&mutation, account_id, package_id).await?;
        Ok(Response::new(DeletePackageResponse {}))
    }

    type StreamPackageMembersStream = Members;

    async fn stream_package_members(
        &self,
        request: Request<StreamPackageMembersRequest>,
    ) -> Result<Response<Members>, Status> {
        let request = admit(request)?;
        let [account_id, package_id] = package_ids(&request.name, "name")?;
        let mut fans = self.fans_of_package(account_id, package_id).await?;
        // The rules of the field keep it within ordinals.
        fans.remove_range(..=u32::try_from(request.after_ordinal).unwrap_or(u32::MAX));
        Ok(Response::new(match request.form() {
            PackageMemberForm::Bitmap => bitmaps(&fans),
            PackageMemberForm::Users | PackageMemberForm::Unspecified => {
                users(self.clone(), account_id.to_owned(), fans)
            }
        }))
    }
}

fn bitmaps(fans: &RoaringBitmap) -> Members {
    let message = |(_, piece): (i64, RoaringBitmap)| {
        let last_ordinal = piece.max().map_or(0, i64::from);
        Ok(StreamPackageMembersResponse { bitmap: to_bytes(&piece), last_ordinal, ..Default::default() })
    };
    let messages: Vec<_> = pieces(fans).map(message).collect();
    stream::iter(messages).boxed()
}

/// Reads users as the caller takes them.
fn users(crm: Crm, account_id: String, fans: RoaringBitmap) -> Members {
    let messages = stream::try_unfold(fans.into_iter(), move |mut rest| {
        let (crm, account_id) = (crm.clone(), account_id.clone());
        async move {
            let ordinals: Vec<u32> = rest.by_ref().take(PAGE).collect();
            let Some(last) = ordinals.last().copied() else { return Ok(None) };
            let users = crm.members(&account_id, ordinals).await?;
            let users = users.into_iter().map(|user_id| format!("users/{user_id}")).collect();
            let message =
                StreamPackageMembersResponse { users, last_ordinal: last.into(), ..Default::default() };
            Ok(Some((message, rest)))
        }
    });
    messages.boxed()
}

/// Account and package of a package's name.
fn package_ids<'a>(name: &'a str, field: &str) -> Result<[&'a str; 2], Error> {
    name::ids(name, ["accounts", "packages"])
        .ok_or_else(|| Error::invalid_field(field, "must be accounts/{account}/packages/{package}"))
}

/// What a package is made from: the kind, and the field that goes with it, and no other.
fn source(account_id: &str, sent: PackageSource) -> Result<Source, Error> {
    let kind = sent.kind();
    let PackageSource { filter, segment, users, packages, .. } = sent;
    let is_of_packages = matches!(kind, Kind::Union | Kind::Intersection | Kind::Difference);
    let fields = [
        ("filter", !filter.is_empty(), kind == Kind::Filter),
        ("segment", !segment.is_empty(), kind == Kind::Segment),
        ("users", !users.is_empty(), kind == Kind::Users),
        ("packages", !packages.is_empty(), is_of_packages),
    ];
    for (field, is_set, belongs) in fields {
        let rule = match (is_set, belongs) {
            (false, true) => "must be set with this kind",
            (true, false) => "must not be set with this kind",
            _ => continue,
        };
        return Err(Error::invalid_field(format!("package.source.{field}"), rule));
    }
    if is_of_packages && packages.len() < 2 {
        return Err(Error::invalid_field("package.source.packages", "must be at least two"));
    }
    let own = |name: &str, collection: &str, field: String| match name::ids(name, ["accounts", collection]) {
        Some([account, id]) if account == account_id => Ok(id.to_owned()),
        _ => Err(Error::invalid_field(field, format!("must be accounts/{account_id}/{collection}/…"))),
    };
    let package =
        |(place, name): (usize, &String)| own(name, "packages", format!("package.source.packages[{place}]"));
    let package_ids = packages.iter().enumerate().map(package).collect::<Result<Vec<String>, Error>>()?;
    Ok(match kind {
        Kind::Filter => Source::Filter(filter),
        Kind::Segment => Source::Segment(own(&segment, "segments", "package.source.segment".to_owned())?),
        Kind::Users => Source::Users(users.iter().map(|user| user_id(user).to_owned()).collect()),
        Kind::Union => Source::Union(package_ids),
        Kind::Intersection => Source::Intersection(package_ids),
        Kind::Difference => Source::Difference(package_ids),
        Kind::Unspecified => return Err(Error::invalid_field("package.source.kind", "must be set")),
    })
}

fn to_package(account_id: &str, package: Package) -> Result<pb::Package, Error> {
    let source = to_source(account_id, Source::of(&package)?);
    Ok(pb::Package {
        name: format!("accounts/{account_id}/packages/{}", package.package_id),
        display_name: package.display_name,
        source: Some(source),
        fan_count: package.fan_count,
        byte_count: package.byte_count,
        as_of: Some(to_proto(Micros(package.as_of))),
        create_time: Some(to_proto(Micros(package.create_time))),
    })
}

fn to_source(account_id: &str, source: Source) -> PackageSource {
    let of_packages = |kind: Kind, ids: Vec<String>| {
        let packages = ids.iter().map(|id| format!("accounts/{account_id}/packages/{id}")).collect();
        PackageSource { kind: kind.into(), packages, ..PackageSource::default() }
    };
    match source {
        Source::Filter(filter) => {
            PackageSource { kind: Kind::Filter.into(), filter, ..PackageSource::default() }
        }
        Source::Segment(id) => {
            let segment = format!("accounts/{account_id}/segments/{id}");
            PackageSource { kind: Kind::Segment.into(), segment, ..PackageSource::default() }
        }
        Source::Users(_) => PackageSource { kind: Kind::Users.into(), ..PackageSource::default() },
        Source::Union(ids) => of_packages(Kind::Union, ids),
        Source::Intersection(ids) => of_packages(Kind::Intersection, ids),
        Source::Difference(ids) => of_packages(Kind::Difference, ids),
    }
}
