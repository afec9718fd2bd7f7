use siyu_rpc::{Error, Mutation, Page, retrying};

use super::BookingView;
use crate::{
    Accounts,
    app::account,
    store::{
        self,
        booking::{Of, Place},
    },
};

impl Accounts {
    /// One booking with its phone number in full. The audit log says that it was read.
    pub(crate) async fn get_booking(
        &self,
        mutation: &Mutation,
        account_id: &str,
        booking_id: &str,
    ) -> Result<BookingView, Error> {
        retrying(|| async {
            let mut tx = self.db.begin().await?;
            let found = store::booking::get(&mut tx, account_id, booking_id).await?;
            let name = store::booking::name(account_id, booking_id);
            let booking = found.ok_or_else(|| Error::not_found(&name))?;
            let contact_phone = self.contact_phone(&booking)?;
            mutation.finish(tx, &(), self.clock.now()).await?;
            Ok(BookingView { booking, contact_phone })
        })
        .await
    }

    /// A page of bookings whose slots begin at `from` or later, by that time and masked, and the token of the next.
    pub(crate) async fn list_bookings(
        &self,
        account_id: &str,
        of: Of<'_>,
        from: i64,
        page: &Page<Place>,
    ) -> Result<(Vec<BookingView>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        account(&mut tx, account_id).await?;
        let first = (from, String::new());
        let after = page.after.as_ref().unwrap_or(&first);
        let mut found = store::booking::list(&mut tx, account_id, of, after, page.limit()).await?;
        let next = page.finish(&mut found, |last| (last.start_time, last.booking_id.clone()))?;
        let masked = found.into_iter().map(|booking| self.masked_view(booking));
        Ok((masked.collect::<Result<_, Error>>()?, next))
    }
}
