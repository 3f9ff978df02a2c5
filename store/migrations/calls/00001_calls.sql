-- +goose Up

-- One row a call: what is needed to find, count and expire it. Times are Unix
-- milliseconds. No number, name, word or key stands here in clear; the caller
-- is a random subject.
create table calls (
    id           text   not null primary key,
    carrier_id   text   unique,                   -- such as a CallSid; null for a web call
    agent        text   not null,
    kind         text   not null,                 -- phone, web
    direction    text   not null,                 -- inbound, outbound
    subject      text,                            -- random id; null while unknown or erased
    started_at   bigint not null,
    ended_at     bigint,                          -- null while the call lives
    duration_ms  bigint,
    outcome      text,
    reason       text,
    consent      text   not null default 'pending',
    recording    text   not null default 'none',
    takes        bigint not null default 0
);

create index calls_started on calls (started_at, id);
create index calls_subject on calls (subject);

-- +goose Down
drop table calls;
