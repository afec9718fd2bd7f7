-- Rules that give tags by what fans did with contents.

-- What `condition` holds: what must hold of a fan, or what they must have done.
ALTER TABLE tag_rule ADD COLUMN form TEXT NOT NULL DEFAULT 'condition' CHECK (form IN ('condition', 'behaviour'));

-- Number of rules of the form `behaviour`: who takes interactions in pays nothing for them where it is 0.
ALTER TABLE account ADD COLUMN behaviour_rule_count INTEGER NOT NULL DEFAULT 0 CHECK (behaviour_rule_count >= 0);

-- What the contents of accounts are about, as the accounts service told.
CREATE TABLE content_topic (
    account_id TEXT NOT NULL,
    -- The content as a target of interactions: `accounts/{account}/contents/{content}`.
    content TEXT NOT NULL CHECK (length(content) <= 200),
    topic TEXT NOT NULL CHECK (length(topic) BETWEEN 1 AND 63),
    PRIMARY KEY (account_id, content, topic)
) STRICT, WITHOUT ROWID;

-- Contents that fans did something with while no topics of them were known, and rules looked for those.
CREATE TABLE topicless_content (
    account_id TEXT NOT NULL,
    content TEXT NOT NULL CHECK (length(content) <= 200),
    PRIMARY KEY (account_id, content)
) STRICT, WITHOUT ROWID;
