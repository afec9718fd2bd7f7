-- Videos and lives that the platform has announced, and who wants to be reminded of a live. Times are Unix microseconds.
CREATE TABLE content (
    account_id TEXT NOT NULL REFERENCES account (account_id),
    content_id TEXT NOT NULL CHECK (length(content_id) BETWEEN 1 AND 64),
    kind TEXT NOT NULL CHECK (kind IN ('video', 'live')),
    state TEXT NOT NULL CHECK (state IN ('published', 'scheduled', 'live', 'ended', 'cancelled')),
    title TEXT NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    cover_uri TEXT NOT NULL CHECK (length(cover_uri) <= 1000),
    -- JSON
    topics TEXT NOT NULL CHECK (length(topics) <= 1000),
    advertisement INTEGER NOT NULL CHECK (advertisement IN (0, 1)),
    -- When a video was published, when a live is planned to start.
    content_time INTEGER NOT NULL,
    start_time INTEGER,
    end_time INTEGER,
    -- What those with an appointment are told next, and from when on.
    notice TEXT CHECK (notice IN ('heads_up', 'start', 'cancel')),
    notice_time INTEGER CHECK ((notice IS NULL) = (notice_time IS NULL)),
    revision INTEGER NOT NULL,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    PRIMARY KEY (account_id, content_id),
    CHECK ((kind = 'video') = (state = 'published'))
) STRICT;

CREATE INDEX content_shown ON content (account_id, state, content_time, content_id) WHERE state IN ('live', 'scheduled');
CREATE INDEX content_by_time ON content (account_id, content_time, content_id);
CREATE INDEX content_by_notice ON content (notice_time) WHERE notice_time IS NOT NULL;

CREATE TABLE live_appointment (
    account_id TEXT NOT NULL,
    content_id TEXT NOT NULL,
    user_id TEXT NOT NULL CHECK (length(user_id) BETWEEN 1 AND 128),
    -- The card and the place it was made on; empty where there was none.
    card_id TEXT NOT NULL CHECK (length(card_id) <= 63),
    mount TEXT NOT NULL CHECK (length(mount) <= 200),
    cancelled INTEGER NOT NULL CHECK (cancelled IN (0, 1)),
    -- 0: nothing was told; 1: that it starts soon; 2: that it has started, or will not be.
    told INTEGER NOT NULL CHECK (told IN (0, 1, 2)),
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    PRIMARY KEY (account_id, content_id, user_id),
    FOREIGN KEY (account_id, content_id) REFERENCES content (account_id, content_id)
) STRICT;

CREATE INDEX live_appointment_by_user ON live_appointment (account_id, user_id, content_id);
CREATE INDEX live_appointment_untold ON live_appointment (account_id, content_id, told, user_id) WHERE cancelled = 0;
