//! Resource names: `accounts/{account}/fans/{user}`.

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
