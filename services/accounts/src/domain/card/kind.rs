/// Kinds of cards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Product,
    Service,
    Coupon,
    LeadForm,
    Booking,
    LiveAppointment,
    GroupInvite,
    Link,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Product,
        Self::Service,
        Self::Coupon,
        Self::LeadForm,
        Self::Booking,
        Self::LiveAppointment,
        Self::GroupInvite,
        Self::Link,
    ];

    /// What it is called in storage, and the field of its settings.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Service => "service",
            Self::Coupon => "coupon",
            Self::LeadForm => "lead_form",
            Self::Booking => "booking",
            Self::LiveAppointment => "live_appointment",
            Self::GroupInvite => "group_invite",
            Self::Link => "link",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether a fan gets something by it that can depend on conditions.
    pub(crate) fn takes_conditions(self) -> bool {
        match self {
            Self::Product | Self::Service | Self::Link => false,
            Self::Coupon | Self::LeadForm | Self::Booking | Self::LiveAppointment | Self::GroupInvite => true,
        }
    }
}
