-- +goose Up

-- What is to become of a call beyond its own end: kept, because of a legal hold, or
-- erased. One row holds both, so that one statement can decide between them.
create table erasures (
    call         text   not null primary key,
    held_at      bigint,                          -- null: no hold
    hold_reason  text   not null default '',      -- an id of a case; no words of or about a person
    requested_at bigint,                          -- null: nobody has asked for its erasure
    begun_at     bigint,                          -- no hold comes in time any more
    done_at      bigint,                          -- nothing of it can be read
    looked_at    bigint,                          -- the stores were looked through once more, later
    takes        bigint not null default 0,       -- what there was
    objects      bigint not null default 0,
    bytes        bigint not null default 0,
    receipt      text                             -- which says so
);

create index erasures_pending on erasures (requested_at) where requested_at is not null and looked_at is null;
create index erasures_receipt on erasures (receipt);

-- Signed statements of what was erased, byte for byte as they were signed.
create table receipts (
    id      text   not null primary key,
    made_at bigint not null,
    body    text   not null
);

-- +goose Down
drop table receipts;
drop table erasures;
