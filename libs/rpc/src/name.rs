//! Resource names: `accounts/{account}/fans/{user}`.

use crate::Error;

/// The ids of a resource name whose collections are `collections`, in their order; none for a name of another shape.
///
/// ```
/// let ids = siyu_rpc::name::ids("accounts/lumi/fans/u1", ["accounts", "fans"]);
/// assert_eq!(ids, Some(["lumi", "u1"]));
/// ```
#[must_use]
pub fn ids<'a, const N: usize>(name: &'a str, collections: [&str; N]) -> Option<[&'a str; N]> {
    let mut segments = name.split('/');
    let mut found = [""; N];
    for (id, collection) in found.iter_mut().zip(collections) {
        if segments.next() != Some(collection) {
            return None;
        }
        *id = segments.next().filter(|id| !id.is_empty())?;
    }
    segments.next().is_none().then_some(found)
}

/// The id of a resource name like `accounts/{account}`.
///
/// # Errors
/// INVALID_ARGUMENT that names `field` for a name of another shape.
pub fn id<'a>(name: &'a str, collection: &str, field: &str) -> Result<&'a str, Error> {
    let found = ids(name, [collection]).map(|[id]| id);
    found.ok_or_else(|| Error::invalid_field(field, format!("must be {collection}/{{id}}")))
}

#[cfg(test)]
mod tests {
    use super::ids;

    #[test]
    fn other_shapes_are_refused() {
        for name in ["", "accounts", "accounts/", "accounts/a/fans", "accounts/a/fans/b/c", "users/a/fans/b"]
        {
            assert_eq!(ids(name, ["accounts", "fans"]), None, "{name}");
        }
    }
}
