//! Entry codes as pictures.

use siyu_rpc::{Error, Page};

use crate::{
    Accounts,
    domain::{
        entry_code::{self, State},
        entry_code_picture::{Picture, Undrawable, draw},
    },
    store::entry_code::EntryCode,
};

impl Accounts {
    /// What the picture of a code says.
    pub(crate) fn entry_uri(&self, code: &EntryCode) -> String {
        format!("{}/{}", self.entry_url_base, code.short_code)
    }

    /// Draws a code.
    pub(crate) async fn draw_entry_code(
        &self,
        account_id: &str,
        id: &str,
        picture: Picture,
    ) -> Result<Vec<u8>, Error> {
        let code = self.get_entry_code(account_id, id).await?;
        let mut drawn = self.drawn(vec![code], picture).await?;
        drawn.pop().map(|(_, content)| content).ok_or_else(|| Error::internal("nothing was drawn"))
    }

    /// Draws a page of the codes of an account, or of a campaign where that is not empty, that lead somewhere; answers also the
    /// token of the next page.
    pub(crate) async fn draw_entry_codes(
        &self,
        account_id: &str,
        campaign: &str,
        picture: Picture,
        page: &Page<String>,
    ) -> Result<(Vec<(EntryCode, Vec<u8>)>, String), Error> {
        let now = self.clock.now();
        let (mut codes, next) = self.list_entry_codes(account_id, campaign, page).await?;
        codes.retain(|code| entry_code::state(code.disabled, code.expire_time, now) == State::Active);
        Ok((self.drawn(codes, picture).await?, next))
    }

    /// Large pictures take a while, in which others must be served.
    async fn drawn(
        &self,
        codes: Vec<EntryCode>,
        picture: Picture,
    ) -> Result<Vec<(EntryCode, Vec<u8>)>, Error> {
        let texts: Vec<_> = codes.iter().map(|code| self.entry_uri(code)).collect();
        let draw_all = move || texts.iter().map(|text| draw(text, &picture)).collect::<Result<Vec<_>, _>>();
        let drawn = tokio::task::spawn_blocking(draw_all).await.map_err(Error::internal)?;
        Ok(codes.into_iter().zip(drawn.map_err(undrawable)?).collect())
    }
}

fn undrawable(cause: Undrawable) -> Error {
    match cause {
        Undrawable::TooSmall(needed) => Error::invalid_field(
            "picture.size",
            format!("must be at least {needed} for this address and border"),
        ),
        Undrawable::Failed(error) => Error::internal(error),
    }
}
