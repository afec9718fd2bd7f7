//! When an account works, how soon it wants to have answered, and what came of it (M7).

use siyu_clock::Micros;
use siyu_rpc::{Error, Mutation};

use crate::{
    Messaging,
    domain::{
        calendar::BusinessCalendar,
        clocks::Target,
        figures::{CaseFigures, Report, report},
    },
    store::{self, desk::DeskSetting},
};

/// Longest period of a report.
const LONGEST: i64 = 93 * Micros::PER_DAY;

impl Messaging {
    /// Sets when an account works; without a calendar always.
    pub(crate) async fn set_business_calendar(
        &self,
        mutation: &Mutation,
        account_id: &str,
        calendar: Option<BusinessCalendar>,
    ) -> Result<Option<BusinessCalendar>, Error> {
        let mut calendar = calendar;
        self.check_account(account_id).await?;
        if let Some(calendar) = calendar.as_mut() {
            if calendar.time_zone.is_empty() {
                calendar.time_zone = self.accounts.time_zone(account_id).await?;
            }
            let checked = calendar.working_time();
            checked.map_err(|(field, rule)| Error::invalid_field(format!("calendar.{field}"), rule))?;
        }
        let calendar = calendar.as_ref();
        self.change_desk(mutation, account_id, |mut tx| async move {
            store::desk::save_calendar(&mut tx, account_id, calendar).await?;
            store::inbox::settings_changed(&mut tx, &format!("accounts/{account_id}")).await?;
            Ok((tx, calendar.cloned()))
        })
        .await
    }

    /// Sets how soon an account wants to have answered.
    pub(crate) async fn set_response_targets(
        &self,
        mutation: &Mutation,
        account_id: &str,
        targets: &[Target],
    ) -> Result<Vec<Target>, Error> {
        for (place, target) in targets.iter().enumerate() {
            if targets[..place].iter().any(|other| other.kind == target.kind) {
                return Err(Error::invalid_field(format!("targets[{place}].clock"), "has a target already"));
            }
        }
        self.check_account(account_id).await?;
        self.change_desk(mutation, account_id, |mut tx| async move {
            store::desk::save_targets(&mut tx, account_id, targets).await?;
            store::inbox::settings_changed(&mut tx, &format!("accounts/{account_id}")).await?;
            Ok((tx, targets.to_vec()))
        })
        .await
    }

    /// What an account has set.
    pub(crate) async fn desk_setting(&self, account_id: &str) -> Result<DeskSetting, Error> {
        self.check_account(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        Ok(store::desk::setting(&mut tx, account_id).await?)
    }

    /// What came of the cases that were opened in a period: of all, and of those of each agent.
    pub(crate) async fn response_report(
        &self,
        account_id: &str,
        [start, end]: [Micros; 2],
    ) -> Result<(Report, Vec<(String, Report)>), Error> {
        if end <= start {
            return Err(Error::invalid_field("end_time", "must be after start_time"));
        }
        if end.0.saturating_sub(start.0) > LONGEST {
            return Err(Error::invalid_field("end_time", "must be at most 93 days after start_time"));
        }
        self.check_account(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let mut cases = store::desk::cases(&mut tx, account_id, [start, end]).await?;
        let open = store::queue::open(&mut tx, account_id, [start, end]).await?;
        cases.extend(open.iter().filter_map(|found| found.desk.as_deref()).map(CaseFigures::of));
        Ok(report(&cases))
    }
}
