-- Questionnaires by message. Times are Unix microseconds; the account comes first in every key but that of the work to be done.

CREATE TABLE questionnaire (
    account_id TEXT COLLATE "C" NOT NULL,
    questionnaire_id TEXT COLLATE "C" NOT NULL CHECK (length(questionnaire_id) BETWEEN 1 AND 63),
    -- The version of the settings that it was made with: no other questionnaire of the account ever has it.
    number BIGINT NOT NULL CHECK (number > 0),
    revision BIGINT NOT NULL CHECK (revision > 0),
    create_time BIGINT NOT NULL,
    update_time BIGINT NOT NULL,
    PRIMARY KEY (account_id, questionnaire_id)
);

-- What questionnaires said and say: runs that were answered in full are read with what was asked.
CREATE TABLE questionnaire_version (
    account_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL CHECK (number > 0),
    revision BIGINT NOT NULL CHECK (revision > 0),
    -- JSON.
    definition TEXT NOT NULL CHECK (length(definition) <= 1000000),
    PRIMARY KEY (account_id, number, revision)
);

-- Users who are or were asked. It is written when a run begins and when it ends; where it stands between, the conversation knows.
CREATE TABLE questionnaire_run (
    account_id TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL CHECK (length(run_id) = 32),
    user_id TEXT COLLATE "C" NOT NULL CHECK (length(user_id) BETWEEN 1 AND 128),
    questionnaire_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    start_sequence BIGINT NOT NULL CHECK (start_sequence > 0),
    state TEXT NOT NULL CHECK (state IN ('active', 'abandoned', 'submitting', 'submitted', 'refused')),
    -- Why it ended; empty where it did not, or well.
    reason TEXT NOT NULL,
    answered_count BIGINT NOT NULL CHECK (answered_count >= 0),
    -- JSON: sequences of the messages that answer.
    answers TEXT NOT NULL CHECK (length(answers) <= 2000),
    -- The lead that came of it; empty for none.
    lead_id TEXT NOT NULL,
    failure TEXT NOT NULL CHECK (length(failure) <= 500),
    start_time BIGINT NOT NULL,
    end_time BIGINT,
    -- When there is something to do for it.
    due_time BIGINT,
    PRIMARY KEY (account_id, run_id)
);

CREATE INDEX questionnaire_run_by_time ON questionnaire_run (account_id, questionnaire_id, start_time, run_id);
CREATE INDEX questionnaire_run_by_state ON questionnaire_run (account_id, questionnaire_id, state, reason, answered_count);
CREATE INDEX questionnaire_run_by_due_time ON questionnaire_run (due_time, account_id, run_id) WHERE due_time IS NOT NULL;
