-- What a sales team does with leads: where each stands, what has happened to it, and how leads find somebody. Times are Unix
-- microseconds.
CREATE TABLE lead_task (
    account_id TEXT NOT NULL REFERENCES account (account_id),
    lead_id TEXT NOT NULL,
    -- Form and user of the lead.
    card_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    stage TEXT NOT NULL CHECK (stage IN ('new', 'contacted', 'qualified', 'converted', 'lost')),
    lost_reason TEXT NOT NULL CHECK (lost_reason IN ('', 'not_reached', 'no_interest', 'price', 'competitor', 'not_suitable',
        'duplicate', 'invalid', 'other')),
    -- The subject of an operator; empty: it is in the pool.
    owner TEXT NOT NULL CHECK (length(owner) <= 128),
    assign_time INTEGER NOT NULL,
    move_time INTEGER NOT NULL,
    -- When it goes back to the pool.
    return_time INTEGER,
    revision INTEGER NOT NULL,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    PRIMARY KEY (account_id, lead_id),
    CHECK ((stage = 'lost') = (lost_reason <> '')),
    CHECK (owner <> '' OR stage IN ('new', 'contacted', 'qualified')),
    CHECK (return_time IS NULL OR (owner <> '' AND stage IN ('new', 'contacted', 'qualified')))
) STRICT;

CREATE INDEX lead_task_by_time ON lead_task (account_id, create_time, lead_id);
CREATE INDEX lead_task_by_owner ON lead_task (account_id, owner, stage, create_time, lead_id);
CREATE INDEX lead_task_due ON lead_task (return_time) WHERE return_time IS NOT NULL;
CREATE INDEX lead_task_due_by_account ON lead_task (account_id, return_time, lead_id) WHERE return_time IS NOT NULL;

CREATE TABLE lead_change (
    account_id TEXT NOT NULL REFERENCES account (account_id),
    lead_id TEXT NOT NULL,
    -- From 1 on, without a gap.
    number INTEGER NOT NULL CHECK (number > 0),
    cause TEXT NOT NULL CHECK (cause IN ('submitted', 'moved', 'claimed', 'given_back', 'assigned', 'distributed', 'handed_over',
        'expired', 'owner_removed')),
    stage TEXT NOT NULL,
    previous_stage TEXT NOT NULL,
    lost_reason TEXT NOT NULL,
    owner TEXT NOT NULL,
    previous_owner TEXT NOT NULL,
    actor TEXT NOT NULL CHECK (length(actor) BETWEEN 1 AND 600),
    note TEXT NOT NULL CHECK (length(note) <= 1000),
    change_time INTEGER NOT NULL,
    PRIMARY KEY (account_id, lead_id, number)
) STRICT;

CREATE TABLE lead_pipeline (
    account_id TEXT NOT NULL PRIMARY KEY REFERENCES account (account_id),
    -- 0: never
    return_after_days INTEGER NOT NULL CHECK (return_after_days BETWEEN 0 AND 365),
    distributes INTEGER NOT NULL CHECK (distributes IN (0, 1)),
    revision INTEGER NOT NULL,
    update_time INTEGER NOT NULL
) STRICT;

CREATE TABLE lead_member (
    account_id TEXT NOT NULL REFERENCES lead_pipeline (account_id),
    agent_id TEXT NOT NULL CHECK (length(agent_id) BETWEEN 1 AND 128),
    weight INTEGER NOT NULL CHECK (weight BETWEEN 1 AND 100),
    cap INTEGER NOT NULL CHECK (cap BETWEEN 1 AND 1000),
    -- Whoever has the smallest got a lead longest ago.
    turn INTEGER NOT NULL,
    PRIMARY KEY (account_id, agent_id)
) STRICT;

-- Leads from before wait in the pool.
INSERT INTO lead_task (account_id, lead_id, card_id, user_id, stage, lost_reason, owner, assign_time, move_time, return_time,
    revision, create_time, update_time)
SELECT account_id, lead_id, card_id, user_id, 'new', '', '', create_time, create_time, NULL, 1, create_time, create_time
FROM lead WHERE state = 'stored';

INSERT INTO lead_change (account_id, lead_id, number, cause, stage, previous_stage, lost_reason, owner, previous_owner, actor,
    note, change_time)
SELECT account_id, lead_id, 1, 'submitted', 'new', '', '', '', '', 'user:' || user_id, '', create_time
FROM lead WHERE state = 'stored';
