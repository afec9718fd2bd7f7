//! Pages of a list, as AIP-158 has them: an opaque token says where the next page begins and for which call.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use siyu_proto::common::v1::ErrorReason;
use tonic::Code;

use crate::Error;

const DEFAULT_SIZE: i32 = 50;
const MAX_SIZE: i32 = 1_000;

/// The part of a list that a call asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<C> {
    /// Most items to answer, 1 to 1,000.
    pub size: usize,
    /// The last item of the page before; none on the first page.
    pub after: Option<C>,
    arguments: String,
}

#[derive(Serialize, Deserialize)]
struct Token<C> {
    /// Digest of the arguments of the call, so that a token serves no other.
    call: String,
    after: C,
}

impl<C: Serialize + DeserializeOwned> Page<C> {
    /// Reads `page_size` and `page_token`. `arguments` are all other arguments of the call, as one text.
    ///
    /// # Errors
    /// INVALID_ARGUMENT with INVALID_PAGE_TOKEN for a token that is damaged or belongs to another call.
    pub fn read(page_size: i32, page_token: &str, arguments: String) -> Result<Self, Error> {
        let size = if page_size == 0 { DEFAULT_SIZE } else { page_size.min(MAX_SIZE) };
        let size =
            usize::try_from(size).map_err(|_| Error::invalid_field("page_size", "must be at least 0"))?;
        let after = if page_token.is_empty() { None } else { Some(decode(page_token, &arguments)?) };
        Ok(Self { size, after, arguments })
    }

    /// The token of the page that begins after `last`.
    ///
    /// # Errors
    /// INTERNAL when the cursor cannot be written, which is a mistake in the code.
    pub fn token_after(&self, last: C) -> Result<String, Error> {
        let token = Token { call: digest(&self.arguments), after: last };
        Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).map_err(Error::internal)?))
    }

    /// Cuts `items`, read with a limit of `size + 1`, to the page, and answers the token of the next one: empty on the
    /// last page.
    ///
    /// # Errors
    /// As [`Page::token_after`].
    pub fn finish<T>(&self, items: &mut Vec<T>, cursor: impl FnOnce(&T) -> C) -> Result<String, Error> {
        if items.len() <= self.size {
            return Ok(String::new());
        }
        items.truncate(self.size);
        items.last().map_or(Ok(String::new()), |last| self.token_after(cursor(last)))
    }

    /// One more than the page holds: reading so many rows tells whether there is a next page.
    #[must_use]
    pub fn limit(&self) -> i64 {
        i64::try_from(self.size).unwrap_or(i64::MAX - 1) + 1
    }
}

fn decode<C: DeserializeOwned>(page_token: &str, arguments: &str) -> Result<C, Error> {
    let invalid = |why: &str| {
        Error::new(Code::InvalidArgument, ErrorReason::InvalidPageToken, format!("page_token: {why}"))
            .with("field", "page_token")
    };
    let bytes = URL_SAFE_NO_PAD.decode(page_token).map_err(|_| invalid("is not a token of this service"))?;
    let token: Token<C> =
        serde_json::from_slice(&bytes).map_err(|_| invalid("is not a token of this service"))?;
    if token.call != digest(arguments) {
        return Err(invalid("belongs to a call with other arguments"));
    }
    Ok(token.after)
}

fn digest(arguments: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(arguments.as_bytes())[..9])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(size: i32, arguments: &str) -> Page<(i64, String)> {
        Page::read(size, "", arguments.to_owned()).unwrap()
    }

    #[test]
    fn sizes_follow_aip_158() {
        assert_eq!(first(0, "").size, 50);
        assert_eq!(first(7, "").size, 7);
        assert_eq!(first(1_000_000, "").size, 1_000);
        assert!(Page::<i64>::read(-1, "", String::new()).is_err());
    }

    #[test]
    fn a_token_leads_to_the_next_page_of_the_same_call_only() {
        let page = first(2, "ListFans accounts/a");
        let mut items = vec![(1, "a".to_owned()), (2, "b".to_owned()), (3, "c".to_owned())];
        let token = page.finish(&mut items, Clone::clone).unwrap();
        assert_eq!(items.len(), 2);
        let next = Page::<(i64, String)>::read(2, &token, "ListFans accounts/a".to_owned()).unwrap();
        assert_eq!(next.after, Some((2, "b".to_owned())));
        for (token, arguments) in
            [(token.as_str(), "ListFans accounts/b"), ("garbage!", ""), ("bm9uc2Vuc2U", "")]
        {
            let error = Page::<(i64, String)>::read(2, token, arguments.to_owned()).unwrap_err();
            assert_eq!(error.reason(), ErrorReason::InvalidPageToken);
        }
    }

    #[test]
    fn the_last_page_has_no_token() {
        let mut items = vec![(1, String::new())];
        assert_eq!(first(1, "").finish(&mut items, Clone::clone).unwrap(), "");
    }
}
